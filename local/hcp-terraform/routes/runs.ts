/** Runs: lists, creation, actions. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run */
import * as z from 'zod';
import { poolOfRun } from '../agents.ts';
import { type Answer, accepted, type Call, collection, created, type Define, document, found } from '../api.ts';
import { includedWithRuns, operationResource, RUN_INCLUDES, runEventResource, runResource } from '../documents/runs.ts';
import { configurationVersionResource } from '../documents/workspaces.ts';
import { newId } from '../ids.ts';
import {
  failure,
  fullPage,
  includes,
  invalid,
  notFound,
  parseBody,
  queryList,
  queryText,
  reducedPage,
  toOne,
} from '../json-api.ts';
import { runChanged } from '../platform.ts';
import { advance, runsOf, workingRun } from '../queue.ts';
import { createRun } from '../run-creation.ts';
import {
  cancel,
  confirm,
  discard,
  forceCancel,
  isCancelable,
  isConfirmable,
  isDiscardable,
  isFinal,
  isForceCancelable,
  operationOf,
  type Run,
} from '../runs.ts';
import { executionOf } from '../world.ts';

const YEAR_MS = 365 * 86_400_000;

const runBody = z.object({
  data: z.object({
    type: z.literal('runs'),
    attributes: z
      .object({
        message: z.string().nullish(),
        'auto-apply': z.boolean().nullish(),
        'is-destroy': z.boolean().nullish(),
        refresh: z.boolean().nullish(),
        'refresh-only': z.boolean().nullish(),
        'plan-only': z.boolean().nullish(),
        'save-plan': z.boolean().nullish(),
        'allow-empty-apply': z.boolean().nullish(),
        'allow-config-generation': z.boolean().nullish(),
        'debugging-mode': z.boolean().nullish(),
        'terraform-version': z.string().nullish(),
        'target-addrs': z.array(z.string()).nullish(),
        'replace-addrs': z.array(z.string()).nullish(),
        variables: z.array(z.object({ key: z.string(), value: z.string() })).nullish(),
      })
      .default({}),
    relationships: z.object({ workspace: toOne.optional(), 'configuration-version': toOne.optional() }).optional(),
  }),
});

const commentBody = z.object({ comment: z.string().nullish() }).nullish();

/** Whether the run matches every filter and search of the query. Lists of the organization cover one year by default. */
function matches(call: Call, run: Run, { yearByDefault }: { yearByDefault: boolean }): boolean {
  const { world } = call.platform;
  const { query } = call;
  const oneOf = (name: string, value: string | undefined) => {
    const wanted = queryList(query, name);
    return wanted === undefined || (value !== undefined && wanted.has(value));
  };
  if (!oneOf('filter[status]', run.status)) return false;
  if (!oneOf('filter[source]', run.source)) return false;
  if (!oneOf('filter[agent_pool_names]', poolOfRun(world, run)?.name)) return false;
  if (!oneOf('filter[workspace_names]', world.workspaces.get(run.workspaceId)?.name)) return false;

  const group = queryText(query, 'filter[status_group]');
  if (group === 'non_final' && isFinal(run)) return false;
  if (group === 'final' && !isFinal(run)) return false;
  if (group === 'discardable' && !isDiscardable(run)) return false;

  const timeframe = queryText(query, 'filter[timeframe]') ?? (yearByDefault ? 'year' : undefined);
  if (timeframe === 'year' && run.createdAt < call.platform.now() - YEAR_MS) return false;
  if (timeframe !== undefined && timeframe !== 'year') {
    if (new Date(run.createdAt).getUTCFullYear() !== Number(timeframe)) return false;
  }

  const user = queryText(query, 'search[user]');
  if (user !== undefined) return world.users.get(run.createdById)?.username === user;
  // Runs have no commits here.
  if (queryText(query, 'search[commit]') !== undefined) return false;
  const basic = queryText(query, 'search[basic]');
  return basic === undefined || run.id === basic || run.message.includes(basic);
}

function newestFirst(runs: readonly Run[]): Run[] {
  return [...runs].sort((a, b) => b.sequence - a.sequence);
}

function runCalled(call: Call): Run {
  return found(call.platform.world.runs, call.param('id'));
}

/** An action on a run: 202 without a body if its status allows it, otherwise 409. */
function action(
  define: Define,
  name: string,
  allowed: (run: Run, now: number) => boolean,
  act: (call: Call, run: Run) => void,
): void {
  define('POST', `/runs/:id/actions/${name}`, (call) => {
    const run = runCalled(call);
    const comment = parseBody(commentBody, call.body)?.comment ?? undefined;
    if (!allowed(run, call.platform.now())) throw failure(409, 'transition not allowed');
    if (comment !== undefined) run.comments.push({ id: newId('wsc'), body: comment });
    act(call, run);
    runChanged(call.platform, run);
    const workspace = call.platform.world.workspaces.get(run.workspaceId);
    if (workspace !== undefined) advance(call.platform, workspace);
    return accepted;
  });
}

function create(call: Call): Answer {
  const { world } = call.platform;
  const { attributes, relationships } = parseBody(runBody, call.body).data;
  const workspaceId = relationships?.workspace?.data.id;
  if (workspaceId === undefined) throw invalid({ attribute: 'workspace', detail: "Workspace can't be blank" });
  const workspace = found(world.workspaces, workspaceId);
  const versionId = relationships?.['configuration-version']?.data.id ?? workspace.currentConfigurationVersionId;
  const version = versionId === undefined ? undefined : world.configurationVersions.get(versionId);
  if (version === undefined) {
    throw invalid({ attribute: 'configuration-version', detail: 'Configuration version is missing' });
  }
  if (version.uploadedAt === undefined) {
    throw invalid({ attribute: 'configuration-version', detail: 'Configuration version must be uploaded' });
  }
  if (executionOf(world, workspace).mode === 'local') {
    throw invalid({ attribute: 'base', detail: 'Runs cannot be queued in a workspace with local execution mode' });
  }
  const planOnly = attributes['plan-only'] ?? version.speculative;
  if (version.speculative && !planOnly) {
    throw invalid({ attribute: 'plan-only', detail: 'A speculative configuration version allows plan-only runs only' });
  }
  if (attributes['is-destroy'] && attributes['refresh-only']) {
    throw invalid({ attribute: 'is-destroy', detail: 'Is destroy and refresh only are mutually exclusive' });
  }
  if (attributes['is-destroy'] && !workspace.allowDestroyPlan) {
    throw invalid({ attribute: 'is-destroy', detail: 'The workspace does not allow destroy plans' });
  }
  if (attributes['terraform-version'] != null && !planOnly) {
    throw invalid({ attribute: 'terraform-version', detail: 'Terraform version is only valid for plan-only runs' });
  }
  const run = createRun(call.platform, workspace, version, call.user.id, {
    source: 'tfe-api',
    message: attributes.message ?? undefined,
    autoApply: attributes['auto-apply'] ?? undefined,
    isDestroy: attributes['is-destroy'] ?? undefined,
    refresh: attributes.refresh ?? undefined,
    refreshOnly: attributes['refresh-only'] ?? undefined,
    planOnly,
    savePlan: attributes['save-plan'] ?? undefined,
    allowEmptyApply: attributes['allow-empty-apply'] ?? undefined,
    allowConfigGeneration: attributes['allow-config-generation'] ?? undefined,
    debuggingMode: attributes['debugging-mode'] ?? undefined,
    terraformVersion: attributes['terraform-version'] ?? undefined,
    targetAddrs: attributes['target-addrs'] ?? undefined,
    replaceAddrs: attributes['replace-addrs'] ?? undefined,
    variables: attributes.variables ?? undefined,
  });
  // The response shows the new run as pending. The queue advances it afterwards.
  const answer = created(runResource(call, run));
  advance(call.platform, workspace);
  return answer;
}

/** Terraform Enterprise has the organization's list of runs since v202409-1; HCP Terraform has it. */
function hasOrganizationRuns(tfeVersion: string | undefined): boolean {
  const [, month, release] = /^v(\d{6})-(\d+)$/.exec(tfeVersion ?? '') ?? [];
  if (month === undefined || release === undefined) return true;
  return Number(month) > 202_409 || (Number(month) === 202_409 && Number(release) >= 1);
}

export function runRoutes(define: Define): void {
  define('POST', '/runs', create);

  define('GET', '/organizations/:organization/runs', (call) => {
    const { world } = call.platform;
    if (!hasOrganizationRuns(call.platform.settings.tfeVersion)) throw notFound();
    const organization = found(world.organizations, call.param('organization'));
    const asked = includes(call.query, RUN_INCLUDES);
    const operations = queryList(call.query, 'filter[operation]');
    const runs = [...world.runs.values()].filter(
      (run) =>
        run.organization === organization.name &&
        (operations === undefined || operations.has(operationOf(run))) &&
        matches(call, run, { yearByDefault: true }),
    );
    const page = reducedPage(newestFirst(runs), call.query, call.url);
    const included = asked.size === 0 ? undefined : includedWithRuns(call, page.items, asked);
    return collection(page, (run) => runResource(call, run), included);
  });

  define('GET', '/workspaces/:id/runs', (call) => {
    const { world } = call.platform;
    const workspace = found(world.workspaces, call.param('id'));
    const asked = includes(call.query, RUN_INCLUDES);
    const operations = queryList(call.query, 'filter[operation]');
    const runs = runsOf(world, workspace.id).filter(
      (run) =>
        // Plan-only runs are omitted unless they are requested.
        (operations === undefined ? !run.planOnly : operations.has(operationOf(run))) &&
        matches(call, run, { yearByDefault: false }),
    );
    const page = fullPage(newestFirst(runs), call.query, call.url);
    const included = asked.size === 0 ? undefined : includedWithRuns(call, page.items, asked);
    return collection(page, (run) => runResource(call, run), included);
  });

  define('GET', '/organizations/:organization/runs/queue', (call) => {
    const organization = found(call.platform.world.organizations, call.param('organization'));
    const waiting = [...call.platform.world.runs.values()].filter(
      (run) => run.organization === organization.name && !isFinal(run) && !isConfirmable(run),
    );
    const positions = new Map(waiting.map((run, index) => [run.id, index + 1]));
    return collection(fullPage(waiting, call.query, call.url), (run) => {
      const resource = runResource(call, run);
      return { ...resource, attributes: { ...resource.attributes, 'position-in-queue': positions.get(run.id) ?? 0 } };
    });
  });

  define('GET', '/runs/:id', (call) => {
    const run = runCalled(call);
    const asked = includes(call.query, RUN_INCLUDES);
    return document(runResource(call, run), asked.size === 0 ? undefined : includedWithRuns(call, [run], asked));
  });

  define('GET', '/runs/:id/run-events', (call) => {
    const { events } = runCalled(call);
    return { status: 200, body: { data: events.map(runEventResource) } };
  });

  // Run tasks, policy checks and policy evaluations don't exist here, so their lists are empty.
  for (const list of ['task-stages', 'policy-checks', 'tf-policy-evaluations', 'comments']) {
    define('GET', `/runs/:id/${list}`, (call) => {
      const run = runCalled(call);
      const comments = list === 'comments' ? run.comments : [];
      return collection(fullPage(comments, call.query, call.url), (comment) => ({
        id: comment.id,
        type: 'comments',
        attributes: { body: comment.body },
      }));
    });
  }

  define('GET', '/runs/:id/plan', (call) => document(operationResource(call, runCalled(call).plan)));
  define('GET', '/runs/:id/apply', (call) => document(operationResource(call, runCalled(call).apply)));
  define('GET', '/runs/:id/configuration-version', (call) => {
    const version = call.platform.world.configurationVersions.get(runCalled(call).configurationVersionId);
    if (version === undefined) throw notFound();
    return document(configurationVersionResource(call, version));
  });

  action(
    define,
    'apply',
    (run) => isConfirmable(run),
    (call, run) => {
      const holder = run.savePlan ? workingRun(call.platform.world, run.workspaceId) : undefined;
      if (holder !== undefined) throw failure(409, 'conflict', `The workspace is locked by Run ${holder.id}`);
      confirm(run, call.user.id, call.platform.now());
    },
  );
  action(
    define,
    'discard',
    (run) => isDiscardable(run) || run.status === 'pending',
    (call, run) => discard(run, call.user.id, call.platform.now()),
  );
  action(
    define,
    'cancel',
    (run) => isCancelable(run),
    (call, run) => cancel(run, call.user.id, call.platform.now(), call.platform.settings.forceCancelCoolOffMs),
  );
  action(
    define,
    'force-cancel',
    (run, now) => isForceCancelable(run, now),
    (call, run) => forceCancel(run, call.user.id, call.platform.now()),
  );
}
