/**
 * A soak test: the environment of `npm start` runs for minutes, and runs are queued, confirmed and canceled at random. Faults affect
 * both connections of the launcher, and launchers are killed during their work. At the end, all promises must be kept.
 *
 *   npm run soak -- --minutes 10 --runs 200 --seed 1
 *
 * Prints the result as JSON. Exit code 1: a promise was broken, or a task or run is left.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ENV, TASK_TAGS } from '../../functions/launcher/contract.ts';
import type { Task } from '../../local/ecs/core/task.ts';
import { isFinal } from '../../local/hcp-terraform/runs.ts';
import { type Invocation, startFunction } from '../../local/lambda/function.ts';
import { archiveOf, DATABASE, DNS, NETWORK } from '../../local/start/configurations.ts';
import { jobsOf, observe } from '../../local/start/model.ts';
import { latencyOf } from '../../local/start/summary.ts';
import { poolOfFamily } from '../../local/start/task-definition.ts';
import { startWorld } from '../../local/start/world.ts';
import { until } from '../../test/processes.ts';
import { Random } from '../../test/simulation/random.ts';
import { startFaultProxy } from '../wire/fault-proxy.ts';
import { FAULT_TABLE } from '../wire/faults.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    runs: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    // Shows the memory of one process over the whole time.
    'no-kills': { type: 'boolean', default: false },
  },
});
const durationMs = Number(values.minutes) * 60_000;
const runsWanted = Number(values.runs);
const POOLS = [
  { name: 'production', maxAgents: 4 },
  { name: 'sandbox', maxAgents: 3 },
];
/** The heap size that Node uses with the function's 256 MiB of memory. */
const HEAP_MIB = 96;
/** Time after the last run was queued. It must be enough for the last jobs, the idle window and a back-off. */
const SETTLE_MS = 150_000;

/** Combinations of plan-only and auto-apply for a run. Automatic applies are twice as likely. */
const KINDS = [
  { planOnly: true, autoApply: false },
  { planOnly: false, autoApply: true },
  { planOnly: false, autoApply: true },
  { planOnly: false, autoApply: false },
] as const;
const random = new Random(values.seed);
function pick<T>(list: readonly T[]): T {
  const item = random.among(list);
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

const problems: string[] = [];
const mostLive = new Map<string, number>();

const started = await startWorld({ pools: POOLS });
/** ECS itself forgets a task one hour after it stopped. */
const seen = new Map<string, Task>();
started.ecs.onTaskChange((task) => {
  seen.set(task.id, task);
  for (const { name, maxAgents } of POOLS) {
    const live = started.ecs
      .tasks()
      .filter((one) => poolOfFamily(one.definition.family) === name)
      .filter(
        ({ desiredStatus, lastStatus }) => desiredStatus !== 'STOPPED' && !/STOP|DEPROV|DEACT/.test(lastStatus),
      ).length;
    mostLive.set(name, Math.max(mostLive.get(name) ?? 0, live));
    if (live > maxAgents) problems.push(`${live} live tasks in ${name}, of ${maxAgents}`);
  }
});
const platformProxy = await startFaultProxy({ url: started.hcpTerraform.url, ca: started.hcpTerraform.certPem });
const awsProxy = await startFaultProxy({ url: started.ecs.url });

const log: string[] = [];
let invocations = 0;
let failedInvocations = 0;
const LAUNCHER = fileURLToPath(new URL('../../functions/launcher/handler.ts', import.meta.url));
function launch() {
  const settings = {
    module: LAUNCHER,
    environment: {
      ...started.launcherEnvironment,
      [ENV.hostname]: platformProxy.hostname,
      NODE_EXTRA_CA_CERTS: platformProxy.caFile ?? '',
      // Limit the heap, because otherwise it grows.
      NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB} --max-semi-space-size=4`,
      AWS_ENDPOINT_URL_ECS: awsProxy.url,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: awsProxy.url,
    },
    everyMs: 6_000,
    timeoutMs: 15_000,
    onLine: (line: string) => log.push(line),
    onInvocation: ({ error }: Invocation) => {
      invocations += 1;
      if (error !== undefined) failedInvocations += 1;
    },
  };
  return startFunction(settings, ({ code, signal }) => {
    problems.push(`the launcher ended on its own (${signal ?? code})`);
  });
}

const childProcesses = (): string => readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();

/** Resident memory of the launcher's process in bytes. The process is a new one after each kill. */
function launcherMemory(): number {
  const host = childProcesses()
    .split(' ')
    .find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('lambda/host'));
  const status = host === undefined ? '' : readFileSync(`/proc/${host}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
}

let launcher = launch();
const memory: number[] = [];
const startMs = Date.now();
const workspaces: string[] = [];
for (const { name } of POOLS) {
  for (let i = 0; i < 10; i += 1) {
    const poolId = started.poolIds.get(name) ?? '';
    workspaces.push((await started.api.createWorkspace({ name: `${name}-${i}`, poolId })).id);
  }
}
const archives = await Promise.all([NETWORK, DATABASE, DNS].map(archiveOf));
const runs: string[] = [];
const counts = { faults: 0, launchersKilled: 0, canceled: 0, confirmed: 0 };
const queueUntilMs = startMs + Math.max(30_000, durationMs - SETTLE_MS);
const runOf = (id: string) => started.hcpTerraform.world.runs.get(id);
const statusOf = (id: string): string => runOf(id)?.status ?? 'gone';
const hasEnded = (id: string): boolean => {
  const run = runOf(id);
  return run !== undefined && isFinal(run);
};

while (runs.length < runsWanted || !runs.every(hasEnded)) {
  const now = Date.now();
  if (now > startMs + durationMs + SETTLE_MS) break;
  const due = Math.min(runsWanted, Math.ceil((runsWanted * (now - startMs)) / (queueUntilMs - startMs)));
  while (runs.length < due) {
    const kind = pick(KINDS);
    const isDestroy = !kind.planOnly && random.chance(0.1);
    const run = { workspaceId: pick(workspaces), archive: pick(archives), message: 'soak', ...kind, isDestroy };
    runs.push(await started.api.queueRun(run));
  }
  for (const run of runs) {
    if (statusOf(run) === 'planned') {
      counts.confirmed += 1;
      await started.api.confirm(run, 'soak').catch(() => undefined);
    } else if (!hasEnded(run) && random.chance(0.002)) {
      counts.canceled += 1;
      await started.api.cancel(run, 'soak').catch(() => undefined);
    }
  }
  if (now < queueUntilMs && random.chance(0.08)) {
    const { system, fault, aim } = pick(FAULT_TABLE);
    (system === 'HCP Terraform' ? platformProxy : awsProxy).inject(fault, aim);
    counts.faults += 1;
  }
  if (now < queueUntilMs && random.chance(0.006) && !values['no-kills']) {
    counts.launchersKilled += 1;
    await launcher.stop();
    launcher = launch();
  }
  if (memory.length < (now - startMs) / 5_000) memory.push(launcherMemory());
  await delay(500);
}
platformProxy.heal();
awsProxy.heal();
const liveTasks = () => started.ecs.tasks().filter(({ lastStatus }) => lastStatus !== 'STOPPED');
await until('all tasks are stopped', () => liveTasks().length === 0).catch(() => undefined);

/** Reports a problem if there is anything in the list. */
function expectNone(list: readonly unknown[], problem: string): void {
  if (list.length > 0) problems.push(`${list.length} ${problem}`);
}
const unfinished = runs.filter((run) => !hasEnded(run));
expectNone(unfinished, `runs did not end: ${unfinished.map(statusOf).join(', ')}`);
expectNone(liveTasks(), 'tasks are left');
const tasks = started.ecs.tasks();
const attempts = new Set<string>();
for (const { startedBy, tags, id } of tasks) {
  const attempt = tags.find(({ key }) => key === TASK_TAGS.attempt)?.value ?? id;
  const key = `${startedBy} ${attempt}`;
  if (attempts.has(key)) problems.push(`two tasks for ${key}`);
  attempts.add(key);
}
const records = { world: started.hcpTerraform.world, tasks: [...seen.values()] };
const jobs = jobsOf(observe(records, Date.now()));
const served = jobs.filter(({ container }) => container !== undefined);
const servers = served.map(({ container }) => container?.id);
if (new Set(servers).size !== servers.length) problems.push('a container served two jobs');
for (const { id, stopCode } of tasks) {
  if (stopCode === 'UserInitiated' && servers.includes(id)) problems.push(`a task with a job was stopped: ${id}`);
}
expectNone(
  served.filter(({ endedAt }) => endedAt === undefined),
  'jobs were taken and never ended',
);
expectNone(
  log.filter((line) => line.includes('atlasv1')),
  'lines of the log have a token',
);
const agents = [...started.hcpTerraform.world.agents.values()];
expectNone(
  agents.filter(({ reported }) => reported !== 'exited'),
  'agents are left',
);

await launcher.stop();
const {
  p50Ms = 0,
  p95Ms = 0,
  maxMs = 0,
} = latencyOf(served.map(({ queuedAt, startedAt }) => (startedAt ?? queuedAt) - queuedAt));
const tenths = (ms: number, unitMs: number): number => Math.round((10 * ms) / unitMs) / 10;
const third = Math.floor(memory.length / 3);
const mebibytes = (list: readonly number[]): number =>
  Math.round((list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0) / 2 ** 20);
await Promise.all([platformProxy.close(), awsProxy.close()]);
await started.close();
if (childProcesses() !== '') problems.push(`processes are left: ${childProcesses()}`);
const result = {
  minutes: tenths(Date.now() - startMs, 60_000),
  seed: Number(values.seed),
  runs: runs.length,
  outcomes: Object.fromEntries([...Map.groupBy(runs, statusOf)].map(([status, { length }]) => [status, length]).sort()),
  jobs: jobs.length,
  jobsServed: served.length,
  containers: tasks.length,
  waitSeconds: { p50: tenths(p50Ms, 1000), p95: tenths(p95Ms, 1000), max: tenths(maxMs, 1000) },
  ...counts,
  faultsThatHit: platformProxy.hits + awsProxy.hits,
  invocations,
  failedInvocations,
  mostLive: Object.fromEntries(mostLive),
  launcherMemoryMiB: [0, 1, 2].map((n) => mebibytes(memory.slice(n * third, (n + 1) * third))),
  problems,
};
process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
