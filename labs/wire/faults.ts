import type { Aim, WireFault } from './fault-proxy.ts';

/** One row of the fault table: what is done to the wire, and what must be read in the launcher's log. */
export interface FaultRow {
  readonly name: string;
  readonly system: 'HCP Terraform' | 'ECS' | 'Secrets Manager';
  readonly fault: WireFault;
  readonly aim: Aim;
  /** What some log line must say; `undefined`: the launcher gets over it without a word. */
  readonly logged: RegExp | undefined;
}

/** A pool that a fault may be aimed at. */
export interface Target {
  readonly id: string;
  readonly name: string;
  readonly taskDefinition: string;
  readonly apiTokenSecret: string;
}

/**
 * The row's aim at one pool alone: its organization's runs, its agents, its RunTask calls, its token's secret.
 * `undefined` where all pools are asked about at once: the list of live tasks is one for the cluster.
 */
export function aimAtPool({ aim }: FaultRow, pool: Target): Aim | undefined {
  switch (aim.on) {
    case RUNS:
      return aim;
    case AGENTS:
      return { ...aim, on: `/agent-pools/${pool.id}/agents` };
    case 'RunTask':
      return { ...aim, inBody: `"${pool.taskDefinition}"` };
    case 'GetSecretValue':
      return { ...aim, inBody: `"${pool.apiTokenSecret}"` };
    default:
      return undefined;
  }
}

const RUNS = '/organizations/acme/runs';
const AGENTS = '/agents';
const answer = (status: number, body = '', headers: Record<string, string> = {}): WireFault => ({
  kind: 'answer',
  status,
  body,
  headers,
});
const awsError = (status: number, type: string, message: string): WireFault =>
  answer(status, JSON.stringify({ __type: type, message }), { 'content-type': 'application/x-amz-json-1.1' });

/** Page 1 again and again: what a proxy that drops the query would serve. */
const REPEATED_PAGE = JSON.stringify({
  data: [],
  meta: { pagination: { 'current-page': 1, 'next-page': 1, 'prev-page': null, 'page-size': 100 } },
});
/** Page 2 where page 1 was asked for: the first is missing. */
const MISSING_PAGE = JSON.stringify({
  data: [],
  meta: { pagination: { 'current-page': 2, 'next-page': null, 'prev-page': 1, 'page-size': 100 } },
});
const NO_PAGING = JSON.stringify({ data: [] });

/** More tries than the SDK makes for one call. */
const PAST_RETRIES = 3;

const platform = (name: string, fault: WireFault, times: number, logged: RegExp | undefined, on = RUNS): FaultRow => ({
  name,
  system: 'HCP Terraform',
  fault,
  aim: { on, times },
  logged,
});
const ecs = (name: string, on: string, fault: WireFault, times: number, logged: RegExp | undefined): FaultRow => ({
  name,
  system: 'ECS',
  fault,
  aim: { on, times },
  logged,
});

export const FAULT_TABLE: readonly FaultRow[] = [
  platform('connection closed, once', { kind: 'refuse' }, 1, undefined),
  platform('connection closed, repeatedly', { kind: 'refuse' }, 4, /connection broke/),
  platform('no response', { kind: 'hang' }, 1, /none within 8 s/),
  platform('half a response', { kind: 'truncated' }, 2, /HCP Terraform: no answer|connection broke/),
  platform('429 with a wait of 1.5 s', answer(429, '{}', { 'x-ratelimit-reset': '1.5' }), 1, /too many requests/),
  platform('500', answer(500, '{}'), 1, /answered with an error/),
  platform('502 in HTML', answer(502, '<html>', { 'content-type': 'text/html' }), 1, /answered with an error/),
  platform('200 in HTML', answer(200, '<html>', { 'content-type': 'text/html' }), 1, /not JSON \(text\/html/),
  platform('empty 200', answer(200), 1, /not JSON/),
  platform('a list without pagination', answer(200, NO_PAGING), 1, /match the expected schema/),
  platform('a page that repeats', answer(200, REPEATED_PAGE), 1, /page 1 was asked for/),
  platform('a page that is missing', answer(200, MISSING_PAGE), 1, /page 1 was asked for/),
  platform('401, once: a rotated token', answer(401, '{}'), 1, undefined),
  platform('401, repeatedly', answer(401, '{}'), 4, /reject/),
  platform('404', answer(404, '{}'), 1, /not found, or the API token may not see it/),
  platform('agents: 500', answer(500, '{}'), 1, /answered with an error/, AGENTS),
  platform('agents: no response', { kind: 'hang' }, 1, /none within 8 s/, AGENTS),
  ecs('RunTask: the response is lost', 'RunTask', { kind: 'lost' }, 1, undefined),
  ecs('RunTask: every response is lost', 'RunTask', { kind: 'lost' }, PAST_RETRIES, /RunTask/),
  ecs('RunTask: connection closed', 'RunTask', { kind: 'refuse' }, PAST_RETRIES, /RunTask/),
  ecs('RunTask: no response', 'RunTask', { kind: 'hang' }, 1, undefined),
  ecs('RunTask: 500', 'RunTask', awsError(500, 'ServerException', 'sorry'), PAST_RETRIES, /ServerException/),
  ecs(
    'RunTask: throttled',
    'RunTask',
    awsError(400, 'ThrottlingException', 'Rate exceeded'),
    PAST_RETRIES,
    /throttled/,
  ),
  ecs(
    'RunTask: throttled by EC2, as an invalid parameter',
    'RunTask',
    awsError(
      400,
      'InvalidParameterException',
      'Error retrieving security group information for [sg-1]: Request limit exceeded. (ErrorCode: RequestLimitExceeded)',
    ),
    1,
    /throttled/,
  ),
  ecs(
    'RunTask: no capacity',
    'RunTask',
    answer(
      200,
      JSON.stringify({
        tasks: [],
        failures: [
          {
            reason: 'Capacity is unavailable at this time. Please try again later or in a different availability zone',
          },
        ],
      }),
    ),
    1,
    /"cause":"capacity"/,
  ),
  ecs(
    'RunTask: vCPU quota',
    'RunTask',
    answer(
      200,
      JSON.stringify({
        tasks: [],
        failures: [{ reason: 'You’ve reached the limit on the number of vCPUs you can run concurrently' }],
      }),
    ),
    1,
    /"cause":"quota"/,
  ),
  ecs(
    'RunTask: denied',
    'RunTask',
    awsError(400, 'AccessDeniedException', 'not authorized to perform: ecs:RunTask'),
    1,
    /"cause":"access"/,
  ),
  ecs(
    'RunTask: a conflict that reports no task',
    'RunTask',
    awsError(400, 'ConflictException', 'The client token is in use'),
    1,
    /ConflictException/,
  ),
  ecs('RunTask: an empty response', 'RunTask', answer(200, '{}'), 1, /neither a task nor a failure/),
  ecs(
    'ListTasks: throttled',
    'ListTasks',
    awsError(400, 'ThrottlingException', 'Rate exceeded'),
    PAST_RETRIES,
    /Rate exceeded/,
  ),
  ecs('ListTasks: an empty response', 'ListTasks', answer(200, '{}'), 1, /match the expected schema/),
  ecs('ListTasks: half a response', 'ListTasks', { kind: 'truncated' }, PAST_RETRIES, /ECS/),
  ecs('ListTasks: no response', 'ListTasks', { kind: 'hang' }, PAST_RETRIES, /ECS: no answer/),
  // Asked of tasks that live: after the launch.
  ecs('DescribeTasks: an empty response', 'DescribeTasks', answer(200, '{}'), 1, /match the expected schema/),
  {
    name: 'GetSecretValue: no response',
    system: 'Secrets Manager',
    fault: { kind: 'hang' },
    aim: { on: 'GetSecretValue', times: 1 },
    logged: undefined,
  },
  {
    name: 'GetSecretValue: denied',
    system: 'Secrets Manager',
    fault: awsError(400, 'AccessDeniedException', 'not authorized to perform: secretsmanager:GetSecretValue'),
    aim: { on: 'GetSecretValue', times: 1 },
    logged: /cannot be read/,
  },
  {
    name: 'GetSecretValue: 500',
    system: 'Secrets Manager',
    fault: awsError(500, 'InternalServiceError', 'sorry'),
    aim: { on: 'GetSecretValue', times: PAST_RETRIES },
    logged: /cannot be read/,
  },
];

/** A fault of one of two pools, of one organization and, unless another is said, one token. */
export interface PoolFaultRow {
  readonly name: string;
  readonly fault: WireFault;
  readonly on: (pool: Target) => string;
  readonly apiTokenSecret?: string;
}

const HANG: WireFault = { kind: 'hang' };
const HTML = answer(200, '<html>', { 'content-type': 'text/html' });
const WAIT = answer(429, '{}', { 'x-ratelimit-reset': '1.5' });
const runsOf = ({ name }: Target): string => `agent_pool_names%5D=${name}&`;
const agentsOf = ({ id }: Target): string => `/agent-pools/${id}/agents`;
const idOf = ({ id }: Target): string => `/agent-pools/${id}`;
/** Whether either has work is asked with both names in one request. */
const question = ({ name }: Target): string => `agent_pool_names%5D=${name}%2C`;
const OTHER_TOKEN = { apiTokenSecret: 'acme/other-token' };

export const POOL_FAULT_TABLE: readonly PoolFaultRow[] = [
  { name: 'its list of runs doesn’t answer', fault: HANG, on: runsOf },
  { name: 'its list of runs answers with HTML', fault: HTML, on: runsOf },
  { name: 'its list of runs answers 429', fault: WAIT, on: runsOf },
  { name: 'its list of agents doesn’t answer', fault: HANG, on: agentsOf },
  { name: 'the lookup of its id doesn’t answer', fault: HANG, on: idOf },
  { name: 'the combined request for both pools’ work doesn’t answer', fault: HANG, on: question },
  { name: 'the combined request for both pools’ work answers with HTML', fault: HTML, on: question },
  { name: 'with its own token: its list of runs doesn’t answer', fault: HANG, on: runsOf, ...OTHER_TOKEN },
  { name: 'with its own token: its list of runs answers 429', fault: WAIT, on: runsOf, ...OTHER_TOKEN },
  { name: 'with its own token: its list of agents doesn’t answer', fault: HANG, on: agentsOf, ...OTHER_TOKEN },
  { name: 'with its own token: the lookup of its id doesn’t answer', fault: HANG, on: idOf, ...OTHER_TOKEN },
];
