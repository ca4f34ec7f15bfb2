/**
 * Reads a run, its workspace, its pool and what it waits for. What the token may not see is absent.
 *
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#get-run-details, …/workspaces#show-workspace, …/agents,
 * …/run-tasks/run-task-stages-and-results
 */
import * as z from 'zod';
import type {
  AgentOfPhase,
  EarlierRun,
  RunFacts,
  RunReading,
  RunTaskFacts,
  ScopeFacts,
  WorkspaceFacts,
} from '../core/why/evidence.ts';
import { CommandError } from '../io.ts';
import { type HcpTerraform, time, unlessHidden } from './client.ts';

const reference = z
  .looseObject({ data: z.looseObject({ id: z.string(), type: z.string() }).nullish() })
  .nullish()
  .catch(undefined);
const references = z
  .looseObject({ data: z.array(z.looseObject({ id: z.string() })).nullish() })
  .nullish()
  .catch(undefined);
const included = z.array(
  z.looseObject({ id: z.string(), type: z.string(), attributes: z.record(z.string(), z.unknown()).nullish() }),
);

const runDocument = z.looseObject({
  data: z.looseObject({
    attributes: z.looseObject({
      status: z.string(),
      'created-at': time,
      'auto-apply': z.boolean().nullish(),
      'status-timestamps': z.record(z.string(), z.unknown()).nullish(),
    }),
    relationships: z.looseObject({ workspace: reference, plan: reference, apply: reference }),
  }),
  included: included.nullish(),
});

const workspaceDocument = z.looseObject({
  data: z.looseObject({
    id: z.string(),
    attributes: z.looseObject({
      name: z.string(),
      'execution-mode': z.string().nullish(),
      locked: z.boolean().nullish(),
      'locked-reason': z.string().nullish(),
    }),
    relationships: z.looseObject({
      organization: reference,
      project: reference,
      'agent-pool': reference,
      'current-run': reference,
      'locked-by': reference,
    }),
  }),
  included: included.nullish(),
});

const poolDocument = z.looseObject({
  data: z.looseObject({
    id: z.string(),
    attributes: z.looseObject({ name: z.string(), 'organization-scoped': z.boolean().nullish() }),
    relationships: z
      .looseObject({
        'allowed-workspaces': references,
        'allowed-projects': references,
        'excluded-workspaces': references,
      })
      .nullish(),
  }),
});

const agentDocument = z.looseObject({
  data: z.looseObject({
    attributes: z.looseObject({ status: z.string(), 'last-ping-at': time.nullish().catch(undefined) }),
  }),
});

const executionDetails = z.looseObject({
  'agent-id': z.string().nullish(),
  'agent-name': z.string().nullish(),
});

const stagesDocument = z.looseObject({
  data: z.array(z.looseObject({ attributes: z.looseObject({ stage: z.string(), status: z.string() }) })),
  included: included.nullish(),
});

const resultAttributes = z.looseObject({
  status: z.string(),
  stage: z.string().nullish(),
  'task-name': z.string().nullish(),
});

type Included = z.infer<typeof included>;

/** @param tokenSource where the token is from, for messages */
export async function readRun(client: HcpTerraform, runId: string, tokenSource: string): Promise<RunReading> {
  try {
    const answer = await unlessHidden(
      client.get(`/api/v2/runs/${encodeURIComponent(runId)}?include=plan,apply`, runDocument),
    );
    return answer === undefined
      ? { kind: 'not-found', tokenSource }
      : { kind: 'found', run: await factsOf(client, runId, answer) };
  } catch (error) {
    if (error instanceof CommandError)
      return { kind: 'unreadable', reason: `${error.message} (token: ${tokenSource})` };
    throw error;
  }
}

async function factsOf(
  client: HcpTerraform,
  runId: string,
  { data, included = [] }: z.infer<typeof runDocument>,
): Promise<RunFacts> {
  const { attributes, relationships } = data;
  const stamps = timesIn(attributes['status-timestamps'] ?? {});
  const workspaceId = relationships.workspace?.data?.id;
  const operation = (of: z.infer<typeof reference>) => agentIn(client, included ?? [], of?.data?.id);
  const [workspace, planAgent, applyAgent, runTasks] = await Promise.all([
    workspaceId === undefined ? undefined : workspaceOf(client, workspaceId),
    operation(relationships.plan),
    operation(relationships.apply),
    hasStages(attributes.status) ? runTasksOf(client, runId) : [],
  ]);
  const poolId = workspace?.facts.agentPoolId;
  const { status } = attributes;
  const latest = [...stamps.values()].reduce((a, b) => Math.max(a, b), attributes['created-at']);
  return {
    status,
    sinceMs: stamps.get(`${status.replaceAll('_', '-')}-at`) ?? latest,
    createdAtMs: attributes['created-at'],
    planQueuedAtMs: stamps.get('plan-queued-at'),
    applyQueuedAtMs: stamps.get('apply-queued-at'),
    isAutoApply: attributes['auto-apply'] === true,
    planAgent,
    applyAgent,
    url: workspace && runUrl(client.hostname, workspace.facts, runId),
    workspace: workspace?.facts,
    pool: poolId === undefined ? undefined : await scopeOf(client, poolId),
    ahead: workspace && earlierRunIn(client.hostname, workspace, runId),
    runTasks,
  };
}

/** The current run of the workspace, with its page, if it is another run. */
function earlierRunIn(
  hostname: string,
  { facts, currentRun }: WorkspaceReading,
  runId: string,
): EarlierRun | undefined {
  if (currentRun === undefined || currentRun.id === runId) return undefined;
  return { ...currentRun, url: runUrl(hostname, facts, currentRun.id) };
}

/** The page of a run. */
export function runUrl(
  hostname: string,
  { organization, name }: Pick<WorkspaceFacts, 'organization' | 'name'>,
  runId: string,
): string {
  return `https://${hostname}/app/${encodeURIComponent(organization)}/workspaces/${encodeURIComponent(name)}/runs/${runId}`;
}

function timesIn(timestamps: Readonly<Record<string, unknown>>): ReadonlyMap<string, number> {
  return new Map(
    Object.entries(timestamps).flatMap(([key, value]) => {
      const parsed = time.safeParse(value);
      return parsed.success ? [[key, parsed.data] as const] : [];
    }),
  );
}

interface WorkspaceReading {
  readonly facts: WorkspaceFacts;
  /** The run that blocks the workspace, or was its last one. */
  readonly currentRun?: EarlierRun | undefined;
}

async function workspaceOf(client: HcpTerraform, id: string): Promise<WorkspaceReading | undefined> {
  const path = `/api/v2/workspaces/${encodeURIComponent(id)}?include=current_run,locked_by,project`;
  const answer = await unlessHidden(client.get(path, workspaceDocument));
  if (answer === undefined) return undefined;
  const { attributes, relationships } = answer.data;
  const resources = answer.included ?? [];
  const lockedBy = relationships['locked-by']?.data ?? undefined;
  const project = relationships.project?.data ?? undefined;
  const current = relationships['current-run']?.data ?? undefined;
  const status = current && textOf(resources, current, 'status');
  const isAutoApply = current !== undefined && attributeOf(resources, current, 'auto-apply') === true;
  return {
    facts: {
      id,
      name: attributes.name,
      organization: relationships.organization?.data?.id ?? '',
      executionMode: attributes['execution-mode'] ?? 'remote',
      projectId: project?.id,
      projectName: project && textOf(resources, project, 'name'),
      agentPoolId: relationships['agent-pool']?.data?.id,
      isLocked: attributes.locked === true,
      lockedReason: attributes['locked-reason'] ?? undefined,
      lockedBy: lockedBy && {
        type: lockedBy.type,
        id: lockedBy.id,
        name: textOf(resources, lockedBy, 'username') ?? textOf(resources, lockedBy, 'name'),
      },
    },
    currentRun: current && status !== undefined ? { id: current.id, status, isAutoApply } : undefined,
  };
}

function textOf(
  resources: Included,
  of: { readonly id: string; readonly type: string },
  attribute: string,
): string | undefined {
  const value = attributeOf(resources, of, attribute);
  return typeof value === 'string' ? value : undefined;
}

function attributeOf(
  resources: Included,
  of: { readonly id: string; readonly type: string },
  attribute: string,
): unknown {
  return resources.find(({ id, type }) => id === of.id && type === of.type)?.attributes?.[attribute];
}

async function scopeOf(client: HcpTerraform, id: string): Promise<ScopeFacts | undefined> {
  const answer = await unlessHidden(client.get(`/api/v2/agent-pools/${encodeURIComponent(id)}`, poolDocument));
  if (answer === undefined) return undefined;
  const { attributes, relationships } = answer.data;
  const ids = (of: z.infer<typeof references>): string[] => (of?.data ?? []).map((one) => one.id);
  return {
    id,
    name: attributes.name,
    isOrganizationScoped: attributes['organization-scoped'] !== false,
    allowedWorkspaceIds: ids(relationships?.['allowed-workspaces']),
    allowedProjectIds: ids(relationships?.['allowed-projects']),
    excludedWorkspaceIds: ids(relationships?.['excluded-workspaces']),
  };
}

/** The agent that took a plan or an apply. */
async function agentIn(
  client: HcpTerraform,
  resources: Included,
  operationId: string | undefined,
): Promise<AgentOfPhase | undefined> {
  const operation = resources.find(({ id }) => id === operationId);
  const details = executionDetails.safeParse(operation?.attributes?.['execution-details']).data;
  const name = details?.['agent-name'] ?? details?.['agent-id'];
  if (details === undefined || name === null || name === undefined) return undefined;
  const agentId = details['agent-id'];
  const agent =
    agentId === null || agentId === undefined || operation?.attributes?.['status'] !== 'running'
      ? undefined
      : await unlessHidden(client.get(`/api/v2/agents/${encodeURIComponent(agentId)}`, agentDocument));
  return {
    name,
    status: agent?.data.attributes.status,
    lastPingAtMs: agent?.data.attributes['last-ping-at'] ?? undefined,
  };
}

function hasStages(status: string): boolean {
  return /^(?:pre|post)_(?:plan|apply)_/.test(status);
}

/** The run tasks of the run's stages. */
async function runTasksOf(client: HcpTerraform, runId: string): Promise<RunTaskFacts[]> {
  const path = `/api/v2/runs/${encodeURIComponent(runId)}/task-stages?include=task_results`;
  const answer = await unlessHidden(client.get(path, stagesDocument));
  const running = new Set(
    (answer?.data ?? [])
      .filter(({ attributes }) => attributes.status === 'running')
      .map(({ attributes }) => attributes.stage),
  );
  return (answer?.included ?? []).flatMap(({ type, attributes }): RunTaskFacts[] => {
    const result = type === 'task-results' ? resultAttributes.safeParse(attributes).data : undefined;
    if (result === undefined || !running.has(result.stage ?? '')) return [];
    return [{ name: result['task-name'] ?? 'without a name', status: result.status }];
  });
}
