/**
 * What only AWS can show about a gateway of the egress mode `on-demand`.
 *
 * 1. The gateway's first start, if the stack is new.
 * 2. It is put to sleep, unless a task is alive. Then a run is queued: from the queued job to the gateway's start, its readiness and the task.
 * 3. A run tries a host that the gateway must refuse, and the gateway's log is read.
 * 4. If wanted, it waits until the launcher stops the idle gateway, which takes some minutes.
 */
import { DescribeInstancesCommand, StopInstancesCommand } from '@aws-sdk/client-ec2';
import * as z from 'zod';
import { type Deployment, readDeployment } from '../../cli/aws/deployment.ts';
import { ask } from '../../cli/aws/errors.ts';
import { logEvents } from '../../cli/aws/log-events.ts';
import { ENV, GATEWAY_TAGS } from '../../functions/launcher/contract.ts';
import { gatewaysEnvironment } from '../../functions/launcher/gateway-environment.ts';
import { OUTPUTS } from '../../lib/names.ts';
import type { Evidence, GatewayEvidence, GatewaySighting } from './evidence.ts';
import { type LabDeps, type LabTarget, Observation, SMALL } from './live.ts';

/** A public resolver, which answers on port 443. */
const FOREIGN_ADDRESS = '1.1.1.1';

/** A module at an address. Go sends no server name for an address, so the gateway must refuse the connection, and `terraform init` fails. */
const moduleAt = (address: string): string => `module "refused" {\n  source = "https://${address}/module.zip"\n}\n`;

/** How long a gateway's log takes to reach CloudWatch Logs. */
const LOG_ARRIVES_MS = 90_000;
const LOOK_EVERY_MS = 1_000;
const MOST_LINES = 30;

const verdictLine = z.object({ name: z.string().default(''), verdict: z.string() });

export interface GatewayLab {
  /** Whether to wait until the launcher stops the idle gateway. */
  readonly untilStopped: boolean;
  /** The address that a run tries to reach. Default: {@link FOREIGN_ADDRESS}. */
  readonly address?: string;
}

/** Adds to the evidence. Rejects if the stack has no gateway. */
export async function proveGateway(
  target: LabTarget,
  evidence: Evidence,
  deps: LabDeps,
  { untilStopped, address = FOREIGN_ADDRESS }: GatewayLab,
): Promise<void> {
  const deployment = await readDeployment(deps.aws.aws, { stack: target.stackName });
  const watch = new GatewayWatch(deployment, deps);
  const { seen } = watch;
  evidence.gateway = seen;
  await watch.until('the gateway exists', () => watch.state !== undefined);
  await watch.until('the gateway is ready or asleep', () => watch.state === 'stopped' || watch.isReady);
  await putToSleep(watch, deployment, deps);

  const observation = new Observation(deps, evidence, deployment, target.poolId, () => watch.look());
  await observation.begin();
  const fromMs = deps.now();
  const first = await observation.queue('gateway', 'plan only', SMALL);
  const isOver = (): boolean => evidence.runs.every(({ endedAt }) => endedAt !== undefined);
  if (!(await observation.until(isOver))) throw new Error(`the run ${first.id} did not end; it is ${first.status}`);
  if (evidence.mode !== 'local') {
    await observation.queue('refused', 'refused connection', moduleAt(address));
    if (!(await observation.until(isOver))) deps.note('the run with the refused connection has not ended in time');
  }
  const haveStopped = (): boolean => evidence.tasks.every(({ stoppedAt }) => stoppedAt !== undefined);
  if (!(await observation.until(haveStopped))) deps.note('some tasks have not ended in time');
  seen.lastTaskAt = evidence.tasks
    .flatMap(({ stoppedAt }) => stoppedAt ?? [])
    .toSorted()
    .at(-1);
  await readLog(deployment, seen, fromMs, deps, evidence.mode === 'local');

  if (!untilStopped) return;
  deps.note(
    `waiting until the launcher stops the gateway, ${seen.idleMinutes} min or a little more after the last task`,
  );
  await watch.until('the gateway is stopped', () => watch.state === 'stopped');
}

/** Stops the gateway, so that its start can be seen. */
async function putToSleep(watch: GatewayWatch, deployment: Deployment, { aws, note }: LabDeps): Promise<void> {
  if (watch.state === 'stopped') return;
  const alive = (await aws.tasks(deployment.name)).filter(({ lastStatus }) => lastStatus !== 'STOPPED').length;
  if (alive > 0) {
    throw new Error(
      `the gateway can't be stopped, because ${alive} tasks use it. Wait until no task is alive, and try again`,
    );
  }
  note(`stopping the gateway ${watch.instance ?? ''}, so that its start can be measured`);
  const ec2 = await aws.aws.ec2();
  const InstanceIds = watch.instance === undefined ? [] : [watch.instance];
  await ask('stop the gateway', ec2.send(new StopInstancesCommand({ InstanceIds })));
  await watch.until('the gateway sleeps', () => watch.state === 'stopped');
}

/** Looks at the gateway, and notes every change. */
class GatewayWatch {
  readonly seen: GatewayEvidence;
  readonly #deps: LabDeps;
  readonly #name: string;

  constructor({ environment, stackName }: Deployment, deps: LabDeps) {
    const text = environment[ENV.gateways];
    if (text === undefined) {
      throw new Error(
        `the stack ${stackName} has no gateway. Use a stack with network.egress on-demand, or let the lab deploy one (without --stack)`,
      );
    }
    const [gateway] = gatewaysEnvironment.parse(JSON.parse(text));
    this.#deps = deps;
    this.#name = gateway?.name ?? '';
    this.seen = {
      name: this.#name,
      start: environment[ENV.gatewayStart] ?? 'before-tasks',
      idleMinutes: Number(environment[ENV.gatewayIdleMinutes] ?? 0),
      fixedAddress: gateway?.fixedAddress ?? false,
      sightings: [],
      allowed: {},
      refused: {},
      lines: [],
    };
  }

  get #last(): GatewaySighting | undefined {
    return this.seen.sightings.at(-1);
  }

  get state(): string | undefined {
    return this.#last?.state;
  }

  get instance(): string | undefined {
    return this.#last?.instance;
  }

  /** Whether its filter works, by its own tag. */
  get isReady(): boolean {
    const { state, launchedAt = '', readyAt = '' } = this.#last ?? {};
    return state === 'running' && readyAt >= launchedAt;
  }

  async look(): Promise<void> {
    const ec2 = await this.#deps.aws.aws.ec2();
    const Filters = [
      { Name: `tag:${GATEWAY_TAGS.gateway}`, Values: [this.#name] },
      { Name: 'instance-state-name', Values: ['pending', 'running', 'stopping', 'stopped'] },
    ];
    const { Reservations = [] } = await ask('look at the gateway', ec2.send(new DescribeInstancesCommand({ Filters })));
    const [found] = Reservations.flatMap(({ Instances = [] }) => Instances);
    if (found?.InstanceId === undefined) return;
    const tags = new Map(found.Tags?.map(({ Key = '', Value = '' }) => [Key, Value]));
    const [createdAt, readyAt] = [tags.get(GATEWAY_TAGS.created), tags.get(GATEWAY_TAGS.ready)].map(
      (text) => text && new Date(text).toISOString(),
    );
    const sighting: GatewaySighting = {
      at: new Date(this.#deps.now()).toISOString(),
      instance: found.InstanceId,
      state: found.State?.Name ?? '',
      ...(found.LaunchTime !== undefined && { launchedAt: found.LaunchTime.toISOString() }),
      ...(createdAt && { createdAt }),
      ...(readyAt && { readyAt }),
      hasAddress: found.PublicIpAddress !== undefined,
    };
    const { at: _, ...now } = sighting;
    const { at: __, ...before } = this.#last ?? { at: '' };
    if (JSON.stringify(now) !== JSON.stringify(before)) this.seen.sightings.push(sighting);
  }

  async until(what: string, done: () => boolean): Promise<void> {
    const { now, sleep, signal, timing } = this.#deps;
    for (const untilMs = now() + timing.patienceMs; now() < untilMs; await sleep(LOOK_EVERY_MS, signal)) {
      signal.throwIfAborted();
      await this.look();
      if (done()) return;
    }
    throw new Error(`the lab waited in vain until ${what}; its state is ${this.state ?? 'unknown'}`);
  }
}

/** Counts the verdicts by server name. Log lines arrive late, so it reads until there is a refused connection. */
async function readLog(
  { outputs }: Deployment,
  seen: GatewayEvidence,
  fromMs: number,
  { aws, now, sleep, signal }: LabDeps,
  isLocal: boolean,
): Promise<void> {
  const group = outputs.get(OUTPUTS.gatewayLogGroup);
  if (group === undefined) return;
  for (const untilMs = now() + (isLocal ? 0 : LOG_ARRIVES_MS); ; await sleep(LOOK_EVERY_MS, signal)) {
    const allowed: Record<string, number> = {};
    const refused: Record<string, number> = {};
    const lines: string[] = [];
    for await (const { message } of logEvents(aws.aws, { group, fromMs })) {
      const line = verdictLine.safeParse(parsedJson(message));
      if (!line.success) continue;
      const counts = line.data.verdict === 'refused' ? refused : allowed;
      const name = line.data.name === '' ? 'no server name' : line.data.name;
      counts[name] = (counts[name] ?? 0) + 1;
      if (lines.length < MOST_LINES) lines.push(message.trim());
    }
    Object.assign(seen, { allowed, refused, lines });
    if (Object.keys(refused).length > 0 || now() >= untilMs) return;
  }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
