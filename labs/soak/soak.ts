/**
 * A soak: the world of `npm start` for minutes on end, with runs that come, are confirmed and canceled at random, and
 * with faults on both of the launcher's wires and launchers killed in mid-flight. What happened is held to the promises.
 *
 *   npm run soak -- --minutes 10 --runs 200 --seed 1
 *
 * Prints what it came to as JSON; exit code 1 when a promise was broken or something is left.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ENV, TASK_TAGS } from '../../functions/launcher/contract.ts';
import type { Task } from '../../local/ecs/core/task.ts';
import { type Invocation, startFunction } from '../../local/lambda/function.ts';
import { archiveOf, DATABASE, DNS, NETWORK } from '../../local/start/configurations.ts';
import { jobsOf, observe } from '../../local/start/model.ts';
import { poolOfFamily } from '../../local/start/task-definition.ts';
import { startWorld } from '../../local/start/world.ts';
import { startFaultProxy } from '../wire/fault-proxy.ts';
import { FAULT_TABLE } from '../wire/faults.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    runs: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    // For the memory of one process over the whole time.
    'no-kills': { type: 'boolean', default: false },
  },
});
const durationMs = Number(values.minutes) * 60_000;
const runsWanted = Number(values.runs);
const POOLS = [
  { name: 'production', maxAgents: 4 },
  { name: 'sandbox', maxAgents: 3 },
];
const FINAL = new Set(['applied', 'planned_and_finished', 'errored', 'canceled', 'discarded']);
/** Of the function's 256 MiB, what Node itself does not need. */
const HEAP_MIB = 96;
/** After the last run is queued: for the last jobs, the idle window and a back-off. */
const SETTLE_MS = 150_000;

/** mulberry32: small, seeded, and good enough to choose with. */
let state = Number(values.seed) >>> 0;
function random(): number {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
function pick<T>(list: readonly T[]): T {
  const item = list[Math.floor(random() * list.length)];
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
      // What is free to grow grows: the heap is held to what the function's memory leaves it.
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

/** Resident bytes of the launcher's process; it is new after each kill. */
function launcherMemory(): number {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ');
  const host = children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('lambda/host'));
  const status = host === undefined ? '' : readFileSync(`/proc/${host}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
}

let launcher = launch();
const memory: number[] = [];
const startMs = Date.now();
const workspaces: { readonly id: string; readonly pool: string }[] = [];
for (const { name } of POOLS) {
  for (let i = 0; i < 10; i += 1) {
    const poolId = started.poolIds.get(name) ?? '';
    const { id } = await started.api.createWorkspace({ name: `${name}-${i}`, poolId });
    workspaces.push({ id, pool: name });
  }
}
const archives = await Promise.all([NETWORK, DATABASE, DNS].map(archiveOf));
const runs: string[] = [];
const counts = { faults: 0, launchersKilled: 0, canceled: 0, confirmed: 0 };
const queueUntilMs = startMs + Math.max(30_000, durationMs - SETTLE_MS);
const statusOf = (run: string): string => started.hcpTerraform.world.runs.get(run)?.status ?? 'gone';

while (runs.length < runsWanted || runs.some((run) => !FINAL.has(statusOf(run)))) {
  const now = Date.now();
  if (now > startMs + durationMs + SETTLE_MS) break;
  const due = Math.min(runsWanted, Math.ceil((runsWanted * (now - startMs)) / (queueUntilMs - startMs)));
  while (runs.length < due) {
    const [planOnly, autoApply] = pick([
      [true, false],
      [false, true],
      [false, true],
      [false, false],
    ] as const);
    const isDestroy = !planOnly && random() < 0.1;
    const { id: workspaceId } = pick(workspaces);
    runs.push(
      await started.api.queueRun({
        workspaceId,
        archive: pick(archives),
        message: 'soak',
        planOnly,
        autoApply,
        isDestroy,
      }),
    );
  }
  for (const run of runs) {
    const status = statusOf(run);
    if (status === 'planned') {
      counts.confirmed += 1;
      await started.api.confirm(run, 'soak').catch(() => undefined);
    } else if (!FINAL.has(status) && random() < 0.002) {
      counts.canceled += 1;
      await started.api.cancel(run, 'soak').catch(() => undefined);
    }
  }
  if (now < queueUntilMs && random() < 0.08) {
    const { system, fault, aim } = pick(FAULT_TABLE);
    (system === 'HCP Terraform' ? platformProxy : awsProxy).inject(fault, aim);
    counts.faults += 1;
  }
  if (now < queueUntilMs && random() < 0.006 && !values['no-kills']) {
    counts.launchersKilled += 1;
    await launcher.stop();
    launcher = launch();
  }
  if (memory.length < (now - startMs) / 5_000) memory.push(launcherMemory());
  await delay(500);
}
platformProxy.heal();
awsProxy.heal();
const settled = (): boolean => started.ecs.tasks().every(({ lastStatus }) => lastStatus === 'STOPPED');
for (const until = Date.now() + 60_000; !settled() && Date.now() < until; ) await delay(250);

const unfinished = runs.filter((run) => !FINAL.has(statusOf(run)));
if (unfinished.length > 0)
  problems.push(`${unfinished.length} runs did not end: ${unfinished.map(statusOf).join(', ')}`);
const tasks = started.ecs.tasks();
const left = tasks.filter(({ lastStatus }) => lastStatus !== 'STOPPED');
if (left.length > 0) problems.push(`${left.length} tasks are left`);
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
const lost = served.filter(({ endedAt }) => endedAt === undefined);
if (lost.length > 0) problems.push(`${lost.length} jobs were taken and never ended`);
if (log.some((line) => line.includes('atlasv1'))) problems.push('a token is in the log');
const agentsLeft = [...started.hcpTerraform.world.agents.values()].filter(({ reported }) => reported !== 'exited');
if (agentsLeft.length > 0) problems.push(`${agentsLeft.length} agents are left`);

await launcher.stop();
const waits = served.map(({ queuedAt, startedAt }) => (startedAt ?? queuedAt) - queuedAt).sort((a, b) => a - b);
const quantile = (q: number): number => Math.round((waits[Math.floor(q * (waits.length - 1))] ?? 0) / 100) / 10;
const third = Math.floor(memory.length / 3);
const mebibytes = (list: readonly number[]): number =>
  Math.round((list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0) / 2 ** 20);
await Promise.all([platformProxy.close(), awsProxy.close()]);
await started.close();
const processes = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();
if (processes !== '') problems.push(`processes are left: ${processes}`);
process.stdout.write(
  `${JSON.stringify(
    {
      minutes: Math.round((Date.now() - startMs) / 6_000) / 10,
      seed: Number(values.seed),
      runs: runs.length,
      outcomes: Object.fromEntries(
        [...Map.groupBy(runs, statusOf)].map(([status, list]) => [status, list.length]).sort(),
      ),
      jobs: jobs.length,
      jobsServed: served.length,
      containers: tasks.length,
      waitSeconds: { p50: quantile(0.5), p95: quantile(0.95), max: quantile(1) },
      ...counts,
      faultsThatHit: platformProxy.hits + awsProxy.hits,
      invocations,
      failedInvocations,
      mostLive: Object.fromEntries(mostLive),
      launcherMemoryMiB: [0, 1, 2].map((n) => mebibytes(memory.slice(n * third, (n + 1) * third))),
      problems,
    },
    undefined,
    2,
  )}\n`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
