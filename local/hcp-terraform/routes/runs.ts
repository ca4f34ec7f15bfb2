/**
 * Runs, plans and applies: lists, creation, actions.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run, …/plans and …/applies
 */
import * as z from 'zod';
import { poolOfRun } from '../agents.ts';
import { type Answer, accepted, type Call, created, type Define, document, found, noContent } from '../api.ts';
import { includedWithRuns, operationResource, RUN_INCLUDES, runEventResource, runResource } from '../documents/runs.ts';
import { configurationVersionResource } from '../documents/workspaces.ts';
import { newId } from '../ids.ts';
import {
  conflict,
  failure,
  includes,
  invalid,
  notFound,
  queryList,
  queryText,
  type Resource,
  toOneBody,
} from '../json-api.ts';
import { advance, createRun, runMoved, runsOf, workingRun } from '../queue.ts';
import { redactedPlan } from '../redacted-plan.ts';
import {
  awaitsDecision,
  cancel,
  confirm,
  discard,
  forceCancel,
  isCancelable,
  isFinal,
  isForceCancelable,
  type Operation,
  operationOf,
  type Run,
  runRequest,
} from '../runs.ts';
import { executionOf } from '../world.ts';

const YEAR_MS = 365 * 86_400_000;

/** Treats null as absent, because clients send null for settings that the user didn't set. */
function withoutNulls(attributes: unknown): unknown {
  const parsed = z.record(z.string(), z.unknown()).safeParse(attributes);
  if (!parsed.success) return attributes;
  return Object.fromEntries(Object.entries(parsed.data).filter(([, value]) => value !== null));
}

const runBody = z.object({
  data: z.object({
    type: z.literal('runs'),
    attributes: z.preprocess(withoutNulls, runRequest).prefault({}),
    relationships: z
      .object({ workspace: toOneBody.optional(), 'configuration-version': toOneBody.optional() })
      .optional(),
  }),
});

const commentBody = z.object({ comment: z.string().nullish() }).nullish();

/** Returns whether a run matches every filter and search of the query. */
function filterOf({ world, query, platform }: Call, defaultTimeframe: 'year' | undefined): (run: Run) => boolean {
  const oneOf = (name: string, shown: (run: Run) => string | undefined): ((run: Run) => boolean) => {
    const wanted = queryList(query, name);
    return (run) => wanted === undefined || wanted.has(shown(run) ?? '');
  };
  const lists = [
    oneOf('filter[status]', ({ status }) => status),
    oneOf('filter[source]', ({ source }) => source),
    oneOf('filter[operation]', operationOf),
    oneOf('filter[agent_pool_names]', (run) => poolOfRun(world, run)?.name),
    oneOf('filter[workspace_names]', ({ workspaceId }) => world.workspaces.get(workspaceId)?.name),
  ];
  const group = queryText(query, 'filter[status_group]');
  const timeframe = queryText(query, 'filter[timeframe]') ?? defaultTimeframe;
  const user = queryText(query, 'search[user]');
  const commit = queryText(query, 'search[commit]');
  const basic = queryText(query, 'search[basic]');
  return (run) => {
    if (!lists.every((matches) => matches(run))) return false;
    if (group === 'non_final' && isFinal(run)) return false;
    if (group === 'final' && !isFinal(run)) return false;
    if (group === 'discardable' && !awaitsDecision(run)) return false;
    if (timeframe === 'year' && run.createdAt < platform.now() - YEAR_MS) return false;
    if (timeframe !== undefined && timeframe !== 'year') {
      if (new Date(run.createdAt).getUTCFullYear() !== Number(timeframe)) return false;
    }
    if (user !== undefined) return world.users.get(run.createdById)?.username === user;
    // Runs have no commits in this emulator.
    if (commit !== undefined) return false;
    return basic === undefined || run.id === basic || run.message.includes(basic);
  };
}

function runIn(call: Call): Run {
  return found(call.world.runs, call.id);
}

function operationIn(call: Call, phase: Operation['phase']): Operation {
  const operation = found(call.world.operations, call.id);
  if (operation.phase !== phase) throw notFound();
  return operation;
}

/** The machine-readable plan: a redirect to a blob, or nothing yet. */
function jsonOutput(call: Call, { id, result }: Operation): Answer {
  call.requireOwner();
  return result?.planJson === undefined ? noContent : { status: 307, location: call.blobUrl('plan-json', id) };
}

/** Returns the related resources that the request wants to include, or `undefined` if it wants none. */
function includer(call: Call): (runs: readonly Run[]) => Resource[] | undefined {
  const asked = includes(call.query, RUN_INCLUDES);
  return (runs) => (asked.size === 0 ? undefined : includedWithRuns(call, runs, asked));
}

/** A list of runs, newest first. */
function listRuns(call: Call, runs: readonly Run[], totals: boolean): Answer {
  const sorted = [...runs].sort((a, b) => b.sequence - a.sequence);
  return call.list(sorted, (run) => runResource(call, run), { totals, include: includer(call) });
}

/** An action on a run. The response is 202 without a body if the run's status allows the action, and otherwise 409. */
function action(
  define: Define,
  name: string,
  allowed: (run: Run, now: number) => boolean,
  act: (run: Run, userId: string, now: number, call: Call) => void,
): void {
  define('POST', `/runs/:id/actions/${name}`, (call) => {
    const run = runIn(call);
    const now = call.platform.now();
    const comment = call.parse(commentBody)?.comment;
    if (!allowed(run, now)) throw failure(409, 'transition not allowed');
    if (comment != null) run.comments.push({ id: newId('wsc'), body: comment });
    act(run, call.user.id, now, call);
    runMoved(call.platform, run);
    return accepted;
  });
}

function create(call: Call): Answer {
  const { world, platform } = call;
  const { attributes, relationships } = call.parse(runBody).data;
  const workspaceId = relationships?.workspace?.data.id;
  if (workspaceId === undefined) throw invalid('workspace', "Workspace can't be blank");
  const workspace = found(world.workspaces, workspaceId);
  const versionId = relationships?.['configuration-version']?.data.id ?? workspace.currentConfigurationVersionId;
  const version = world.configurationVersions.get(versionId ?? '');
  if (version === undefined) throw invalid('configuration-version', 'Configuration version is missing');
  if (version.uploadedAt === undefined) {
    throw invalid('configuration-version', 'Configuration version must be uploaded');
  }
  if (executionOf(world, workspace).mode === 'local') {
    throw invalid('base', 'Runs cannot be queued in a workspace with local execution mode');
  }
  const planOnly = attributes.planOnly ?? version.speculative;
  if (version.speculative && !planOnly) {
    throw invalid('plan-only', 'A speculative configuration version allows plan-only runs only');
  }
  if (attributes.isDestroy && attributes.refreshOnly) {
    throw invalid('is-destroy', 'Is destroy and refresh only are mutually exclusive');
  }
  if (attributes.isDestroy && !workspace.allowDestroyPlan) {
    throw invalid('is-destroy', 'The workspace does not allow destroy plans');
  }
  if (attributes.terraformVersion !== undefined && !planOnly) {
    throw invalid('terraform-version', 'Terraform version is only valid for plan-only runs');
  }
  const run = createRun(platform, workspace, version, { userId: call.user.id, source: 'tfe-api' }, attributes);
  // The response shows the new run as pending. The queue advances it afterwards.
  const answer = created(runResource(call, run));
  advance(platform, workspace);
  return answer;
}

/** HCP Terraform has the organization's list of runs. Terraform Enterprise has it since v202409-1. */
function hasOrganizationRuns(tfeVersion: string | undefined): boolean {
  const [, month, release] = /^v(\d{6})-(\d+)$/.exec(tfeVersion ?? '') ?? [];
  if (month === undefined || release === undefined) return true;
  return Number(month) > 202_409 || (Number(month) === 202_409 && Number(release) >= 1);
}

function runsOfOrganization(call: Call): Run[] {
  const { name } = call.organization();
  return [...call.world.runs.values()].filter((run) => run.organization === name);
}

export function runRoutes(define: Define): void {
  define('POST', '/runs', create);

  define('GET', '/organizations/:organization/runs', (call) => {
    if (!hasOrganizationRuns(call.platform.settings.tfeVersion)) throw notFound();
    const runs = runsOfOrganization(call).filter(filterOf(call, 'year'));
    return listRuns(call, runs, false);
  });

  define('GET', '/workspaces/:id/runs', (call) => {
    const { id } = found(call.world.workspaces, call.id);
    const showsPlanOnly = queryList(call.query, 'filter[operation]') !== undefined;
    const matches = filterOf(call, undefined);
    const runs = runsOf(call.world, id).filter((run) => (showsPlanOnly || !run.planOnly) && matches(run));
    return listRuns(call, runs, true);
  });

  // This route isn't documented. The CLI requests it while it waits for its run.
  define('GET', '/organizations/:organization/runs/queue', (call) => {
    const waiting = runsOfOrganization(call).filter((run) => !isFinal(run) && !awaitsDecision(run));
    return call.list(waiting, (run) => {
      const resource = runResource(call, run);
      return { ...resource, attributes: { ...resource.attributes, 'position-in-queue': waiting.indexOf(run) + 1 } };
    });
  });

  define('GET', '/runs/:id', (call) => document(runResource(call, runIn(call)), includer(call)([runIn(call)])));
  define('GET', '/runs/:id/plan', (call) => document(operationResource(call, runIn(call).plan)));
  define('GET', '/runs/:id/apply', (call) => document(operationResource(call, runIn(call).apply)));
  define('GET', '/runs/:id/configuration-version', (call) => {
    const version = found(call.world.configurationVersions, runIn(call).configurationVersionId);
    return document(configurationVersionResource(call, version));
  });
  define('GET', '/runs/:id/run-events', (call) => ({
    status: 200,
    body: { data: runIn(call).events.map(runEventResource) },
  }));

  define('GET', '/plans/:id', (call) => document(operationResource(call, operationIn(call, 'plan'))));
  define('GET', '/applies/:id', (call) => document(operationResource(call, operationIn(call, 'apply'))));
  define('GET', '/plans/:id/json-output', (call) => jsonOutput(call, operationIn(call, 'plan')));
  define('GET', '/runs/:id/plan/json-output', (call) => jsonOutput(call, runIn(call).plan));

  // The plan for `terraform show` contains schemas, but no sensitive values.
  define('GET', '/plans/:id/json-output-redacted', (call) => {
    const { result } = operationIn(call, 'plan');
    const plan = result === undefined ? undefined : redactedPlan(result);
    return plan === undefined ? noContent : { status: 200, body: plan };
  });

  // Policy checks and policy evaluations don't exist here, so their lists are empty.
  for (const name of ['policy-checks', 'tf-policy-evaluations', 'comments']) {
    define('GET', `/runs/:id/${name}`, (call) => {
      const { comments } = runIn(call);
      return call.list(name === 'comments' ? comments : [], ({ id, body }) => ({
        id,
        type: 'comments',
        attributes: { body },
      }));
    });
  }

  action(define, 'apply', awaitsDecision, (run, userId, now, { world }) => {
    const holder = run.savePlan ? workingRun(world, run.workspaceId) : undefined;
    if (holder !== undefined) throw conflict(`The workspace is locked by Run ${holder.id}`);
    confirm(run, userId, now);
  });
  action(define, 'discard', (run) => awaitsDecision(run) || run.status === 'pending', discard);
  action(define, 'cancel', isCancelable, (run, userId, now, { platform }) =>
    cancel(run, userId, now, platform.settings.forceCancelCoolOffMs),
  );
  action(define, 'force-cancel', isForceCancelable, forceCancel);
}
