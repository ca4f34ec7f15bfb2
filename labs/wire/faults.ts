/** The table of network faults: the affected requests, the fault, and the message that the launcher must log. */
import type { Aim, WireFault } from './fault-proxy.ts';

/** A network fault, and the message that the launcher must log about it. */
export interface FaultRow {
  readonly name: string;
  readonly system: 'HCP Terraform' | 'ECS' | 'Secrets Manager';
  readonly fault: WireFault;
  readonly aim: Aim;
  /** The log must match this expression. `undefined`: the launcher recovers without an error. */
  readonly logged: RegExp | undefined;
}

export interface Target {
  readonly id: string;
  readonly name: string;
  readonly taskDefinition: string;
  readonly apiTokenSecret: string;
}

/**
 * Limits a row to one pool: to the runs of its organization, its agents, its RunTask calls and the secret of its token.
 * `undefined` for lists of live tasks, because one request covers all pools of the cluster.
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
export const awsError = (status: number, type: string, message: string): WireFault =>
  answer(status, JSON.stringify({ __type: type, message }), { 'content-type': 'application/x-amz-json-1.1' });

const emptyPage = (current: number, next: number | null, previous: number | null): string =>
  JSON.stringify({
    data: [],
    meta: { pagination: { 'current-page': current, 'next-page': next, 'prev-page': previous, 'page-size': 100 } },
  });
/** A response that is always page 1, like that of a proxy that drops the query. */
const REPEATED_PAGE = emptyPage(1, 1, null);
/** A response with page 2 to a request for page 1. */
const MISSING_PAGE = emptyPage(2, null, 1);
const NO_PAGING = JSON.stringify({ data: [] });

const REFUSE: WireFault = { kind: 'refuse' };
export const LOST: WireFault = { kind: 'lost' };
const HANG: WireFault = { kind: 'hang' };
const TRUNCATED: WireFault = { kind: 'truncated' };
const EMPTY = answer(200, '{}');
const HTML = answer(200, '<html>', { 'content-type': 'text/html' });
const WAIT = answer(429, '{}', { 'x-ratelimit-reset': '1.5' });
const THROTTLED = awsError(400, 'ThrottlingException', 'Rate exceeded');
const denied = (action: string) => awsError(400, 'AccessDeniedException', `not authorized to perform: ${action}`);
const failure = (reason: string) => answer(200, JSON.stringify({ tasks: [], failures: [{ reason }] }));

/** More faults than the SDK's attempts for a call, so that no retry hides the fault. */
const PAST_RETRIES = 3;

/** More faults than the launcher's attempts for a launch. It repeats RunTask itself, once. */
const PAST_LAUNCHES = 2;

const hcpTerraform =
  (on: string) =>
  (name: string, fault: WireFault, times: number, logged: RegExp | undefined): FaultRow => ({
    name,
    system: 'HCP Terraform',
    fault,
    aim: { on, times },
    logged,
  });
const runs = hcpTerraform(RUNS);
const agents = hcpTerraform(AGENTS);
const aws =
  (system: 'ECS' | 'Secrets Manager', on: string) =>
  (name: string, fault: WireFault, times: number, logged: RegExp | undefined): FaultRow => ({
    name: `${on}: ${name}`,
    system,
    fault,
    aim: { on, times },
    logged,
  });
const runTask = aws('ECS', 'RunTask');
const listTasks = aws('ECS', 'ListTasks');
const describeTasks = aws('ECS', 'DescribeTasks');
const getSecretValue = aws('Secrets Manager', 'GetSecretValue');

export const FAULT_TABLE: readonly FaultRow[] = [
  runs('connection closed, once', REFUSE, 1, undefined),
  runs('connection closed, repeatedly', REFUSE, 4, /connection broke/),
  runs('no response', HANG, 1, /no complete answer within 8 s/),
  runs('half a response', TRUNCATED, 2, /HCP Terraform: no answer|connection broke/),
  runs('429 with a wait of 1.5 s', WAIT, 1, /sent too many requests/),
  runs('500', answer(500, '{}'), 1, /answered with an error/),
  runs('502 in HTML', answer(502, '<html>', { 'content-type': 'text/html' }), 1, /answered with an error/),
  runs('200 in HTML', HTML, 1, /not JSON \(text\/html/),
  runs('empty 200', answer(200), 1, /not JSON/),
  runs('a list without pagination', answer(200, NO_PAGING), 1, /match the expected schema/),
  runs('a page that repeats', answer(200, REPEATED_PAGE), 1, /requested page 1, but/),
  runs('a page that is missing', answer(200, MISSING_PAGE), 1, /requested page 1, but/),
  runs('401, once: a rotated token', answer(401, '{}'), 1, undefined),
  runs('401, repeatedly', answer(401, '{}'), 4, /reject/),
  runs('404', answer(404, '{}'), 1, /not found, or the API token is not allowed to see it/),
  agents('agents: 500', answer(500, '{}'), 1, /answered with an error/),
  agents('agents: no response', HANG, 1, /no complete answer within 8 s/),
  runTask('the response is lost', LOST, 1, undefined),
  runTask('every response is lost', LOST, PAST_LAUNCHES, /RunTask/),
  runTask('connection closed', REFUSE, PAST_LAUNCHES, /RunTask/),
  runTask('no response', HANG, 1, undefined),
  runTask('500', awsError(500, 'ServerException', 'sorry'), PAST_LAUNCHES, /ServerException/),
  // The launcher sends a throttled call again, at a lower rate.
  runTask('throttled', THROTTLED, PAST_RETRIES, undefined),
  runTask(
    'throttled by EC2, as an invalid parameter',
    awsError(
      400,
      'InvalidParameterException',
      'Error retrieving security group information for [sg-1]: Request limit exceeded. (ErrorCode: RequestLimitExceeded)',
    ),
    1,
    undefined,
  ),
  runTask(
    'no capacity',
    failure('Capacity is unavailable at this time. Please try again later or in a different availability zone'),
    1,
    /"cause":"capacity"/,
  ),
  runTask(
    'vCPU quota',
    failure('You’ve reached the limit on the number of vCPUs you can run concurrently'),
    1,
    /"cause":"quota"/,
  ),
  runTask('denied', denied('ecs:RunTask'), 1, /"cause":"access"/),
  runTask(
    'a conflict that reports no task',
    awsError(400, 'ConflictException', 'The client token is in use'),
    1,
    /ConflictException/,
  ),
  runTask('an empty response', EMPTY, 1, /neither a task nor a failure/),
  listTasks('throttled', THROTTLED, PAST_RETRIES, /Rate exceeded/),
  listTasks('an empty response', EMPTY, 1, /match the expected schema/),
  listTasks('half a response', TRUNCATED, PAST_RETRIES, /ECS/),
  listTasks('no response', HANG, PAST_RETRIES, /ECS: no answer/),
  // The launcher only describes tasks that are live, so this fault occurs after the launch.
  describeTasks('an empty response', EMPTY, 1, /match the expected schema/),
  getSecretValue('no response', HANG, 1, undefined),
  getSecretValue('denied', denied('secretsmanager:GetSecretValue'), 1, /cannot be read/),
  getSecretValue('500', awsError(500, 'InternalServiceError', 'sorry'), PAST_RETRIES, /cannot be read/),
];

/** A fault of one of two pools in the same organization. The pools share an API token unless the row has a different one. */
export interface PoolFaultRow {
  readonly name: string;
  readonly fault: WireFault;
  readonly on: (pool: Target) => string;
  readonly apiTokenSecret?: string;
}

const runsOf = ({ name }: Target): string => `agent_pool_names%5D=${name}&`;
const agentsOf = ({ id }: Target): string => `/agent-pools/${id}/agents`;
const idOf = ({ id }: Target): string => `/agent-pools/${id}`;
/** A single request contains both names, and asks whether either pool has work. */
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
