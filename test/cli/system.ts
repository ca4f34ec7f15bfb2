/**
 * The local system for tests of the command line: HCP Terraform, AWS with a deployed stack, and the real launcher on a fast schedule.
 *
 * `run` runs a command line in this process. The SDK reads `process.env`, so the system sets the variables of its AWS there until `close`. A
 * process can have only one system at a time. `runProcess` runs `node cli/main.ts` instead, which takes about a second longer.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { Io, Screen } from '../../cli/io.ts';
import { runCommandLine } from '../../cli/program.ts';
import { agentLogGroup, launcherLogGroup } from '../../lib/names.ts';
import type { EcsServer } from '../../local/ecs/server.ts';
import type { HcpTerraformServer } from '../../local/hcp-terraform/server.ts';
import { archiveOf } from '../../local/start/configurations.ts';
import { Session } from '../../local/start/session.ts';
import { LAUNCHER, STREAM_PREFIX } from '../../local/start/task-definition.ts';
import { type LocalWorld, startWorld, type WorldSettings } from '../../local/start/world.ts';
import { newFolder } from '../temporary-folder.ts';

const MAIN = join(import.meta.dirname, '../../cli/main.ts');

/** Phases of a task's start and end that take almost no time. */
const FAST_PHASES = { provisionMs: 20, pullMs: 20, bootMs: 20, deprovisionMs: 20 };

/**
 * At this pace, a minute has more polls than the launcher allows itself. It then polls less often, which a test that takes less than half a
 * minute doesn't notice.
 */
const INVOKED_EVERY_MS = 1_500;

export interface SystemOptions {
  /** Default: one pool, `production`, with four agents. */
  readonly pools?: WorldSettings['pools'];
  /** Whether the launcher runs. Without it, a test adds the lines of its log itself. Default: true. */
  readonly launcher?: boolean;
  /** Time between two scheduled invocations, in milliseconds. Default: 1500. */
  readonly invokedEveryMs?: number;
  /** HCP Terraform's rate limits. Default: those of the vendor, which a test with many requests per second exceeds. */
  readonly rateLimits?: WorldSettings['rateLimits'];
  /** The gateway of the egress mode `on-demand`. Default: none. */
  readonly gateway?: WorldSettings['gateway'];
  /** Options of the local AWS. Default: a task starts and ends at once. */
  readonly aws?: WorldSettings['aws'];
}

export interface RunOptions {
  /** What the user types or pipes. Default: nothing. */
  readonly stdin?: string;
  /** Width of the terminal. Absent: stdout isn't a terminal. */
  readonly columns?: number;
  /** Variables in addition to those of the system. `undefined` removes one. Only for {@link TestSystem.run}: AWS's variables have no effect. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: an empty folder. */
  readonly cwd?: string;
  /** Default: the real clock. */
  readonly now?: () => number;
  /** Default: really sleeps. */
  readonly sleep?: Io['sleep'];
  /** Like Ctrl-C. Default: never. */
  readonly interrupted?: AbortSignal;
  /** Streams of a terminal. Default: none. */
  readonly terminal?: Pick<Io, 'stdin' | 'stderr'>;
  /** Receives stdout as soon as it is written. */
  readonly onStdout?: (text: string) => void;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface QueuedRun {
  readonly workspace: string;
  /** Default: the first pool. */
  readonly pool?: string;
  /** Default: false. */
  readonly planOnly?: boolean;
  /** Default: true. */
  readonly autoApply?: boolean;
  /** Default: a configuration with one output, which needs no time. */
  readonly configuration?: string;
}

export interface LogEventInput {
  /** `launcher`, `agents/POOL`, or the name of a log group. */
  readonly group: string;
  /** An object becomes JSON. */
  readonly message: string | object;
  /** Milliseconds since the epoch. Default: now. */
  readonly at?: number;
  /** Name of the stream, or the id of the task that wrote the line. Default: `test`. */
  readonly stream?: string;
  readonly task?: string;
}

export interface TestSystem {
  readonly world: LocalWorld;
  readonly ecs: EcsServer;
  readonly hcpTerraform: HcpTerraformServer;
  /** Variables with which a command finds the system. */
  readonly environment: Readonly<Record<string, string>>;
  /** Absent if the launcher doesn't run. */
  readonly session: Session | undefined;
  /** Creates the workspace if necessary, and queues a run. @returns the run's id */
  queueRun(run: QueuedRun): Promise<string>;
  addLogEvent(event: LogEventInput): void;
  run(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  runProcess(argv: readonly string[], options?: Pick<RunOptions, 'stdin' | 'env' | 'cwd'>): Promise<RunResult>;
  close(): Promise<void>;
}

/** Starts everything. Call `close` in `afterAll`. */
export async function startSystem(options: SystemOptions = {}): Promise<TestSystem> {
  const { pools = [{ name: 'production', maxAgents: 4 }], launcher = true } = options;
  const world = await startWorld({
    pools,
    activePollSeconds: 0,
    ...(options.rateLimits !== undefined && { rateLimits: options.rateLimits }),
    gateway: options.gateway,
    aws: { phases: FAST_PHASES, ...options.aws },
  });
  const folder = newFolder('system');
  const session = launcher
    ? new Session(world, join(folder, 'launcher.log'), {
        invokedEveryMs: options.invokedEveryMs ?? INVOKED_EVERY_MS,
      })
    : undefined;
  const { ecs, hcpTerraform, api } = world;
  // No configuration of this machine's user has an effect.
  const own = {
    HOME: folder,
    AWS_CONFIG_FILE: join(folder, 'config'),
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials'),
    AWS_EC2_METADATA_DISABLED: 'true',
    ...world.clientEnvironment,
  };
  const restore = setEnvironment(own);
  const certificates = getCACertificates('default');
  setDefaultCACertificates([...certificates, hcpTerraform.certPem]);
  const workspaces = new Map<string, Promise<string>>();

  return {
    world,
    ecs,
    hcpTerraform,
    environment: own,
    session,
    async queueRun({ workspace, pool = pools[0]?.name ?? '', planOnly = false, autoApply = true, configuration }) {
      const created = workspaces.get(workspace) ?? createWorkspace(world, workspace, pool);
      workspaces.set(workspace, created);
      const archive = await archiveOf(configuration ?? 'output "done" { value = true }\n');
      const run = { archive, message: `Queued by a test`, planOnly, autoApply, isDestroy: false };
      return await api.queueRun({ workspaceId: await created, ...run });
    },
    addLogEvent({ group, message, at = Date.now(), stream, task }) {
      const name =
        group === 'launcher'
          ? launcherLogGroup(LAUNCHER)
          : group.startsWith('agents/')
            ? agentLogGroup(LAUNCHER, group.slice('agents/'.length))
            : group;
      if (!ecs.aws.logs.store.has(name)) throw new Error(`There is no log group ${name}.`);
      const text = typeof message === 'string' ? message : JSON.stringify(message);
      const streamName = stream ?? (task === undefined ? 'test' : `${STREAM_PREFIX}/agent/${task}`);
      ecs.aws.logs.store.add(name, streamName, text, at);
    },
    run: (argv, given = {}) => runInProcess(argv, { cwd: folder, ...given, env: { ...own, ...given.env } }),
    runProcess: (argv, given = {}) => runChild(argv, { cwd: folder, ...given, env: { ...own, ...given.env } }),
    async close() {
      restore();
      setDefaultCACertificates(certificates);
      await (session ?? world).close();
    },
  };
}

async function createWorkspace({ api, poolIds }: LocalWorld, name: string, pool: string): Promise<string> {
  const poolId = poolIds.get(pool);
  if (poolId === undefined) throw new Error(`There is no pool ${pool}.`);
  return (await api.createWorkspace({ name, poolId })).id;
}

/** Variables of the user's that would have an effect on the SDK or the command. */
const REMOVED = ['AWS_PROFILE', 'AWS_SESSION_TOKEN', 'NO_COLOR', 'FORCE_COLOR'];

/** Sets variables of this process. @returns a function that restores them */
function setEnvironment(variables: Readonly<Record<string, string>>): () => void {
  const before = new Map([...Object.keys(variables), ...REMOVED].map((name) => [name, process.env[name]]));
  for (const name of REMOVED) delete process.env[name];
  Object.assign(process.env, variables);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}

type Given = RunOptions & Required<Pick<RunOptions, 'env' | 'cwd'>>;

async function runInProcess(argv: readonly string[], given: Given): Promise<RunResult> {
  const { columns, now = Date.now, interrupted = new AbortController().signal } = given;
  const stdin: PassThrough & { isTTY?: boolean } = new PassThrough();
  stdin.end(given.stdin ?? '');
  const stdout = screen(columns, given.onStdout);
  const stderr = screen(columns);
  const code = await runCommandLine(argv, {
    stdin,
    stdout: stdout.screen,
    stderr: stderr.screen,
    env: given.env,
    cwd: given.cwd,
    now,
    sleep: given.sleep ?? ((ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal })),
    interrupted,
    ...given.terminal,
  });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

function screen(columns: number | undefined, onText?: (text: string) => void) {
  const chunks: string[] = [];
  const stream: PassThrough & { isTTY?: boolean; columns?: number } = new PassThrough();
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    chunks.push(chunk);
    onText?.(chunk);
  });
  if (columns !== undefined) Object.assign(stream, { isTTY: true, columns });
  return { screen: stream as Screen, text: () => chunks.join('') };
}

async function runChild(argv: readonly string[], { env, cwd, stdin = '' }: Given): Promise<RunResult> {
  const child = spawn(process.execPath, [MAIN, ...argv], {
    cwd,
    env: { PATH: process.env['PATH'], ...env },
    stdio: 'pipe',
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      output[name] += chunk;
    });
  }
  child.stdin.on('error', () => undefined).end(stdin);
  await once(child, 'close');
  return { code: child.exitCode ?? -1, ...output };
}
