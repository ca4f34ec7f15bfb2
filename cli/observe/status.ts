/** Reads what `status` shows. A part that can't be read doesn't prevent the others. */
import { ENV } from '../../functions/launcher/contract.ts';
import { launcherAlarms } from '../aws/alarms.ts';
import { clusterTasks } from '../aws/cluster-tasks.ts';
import { type Deployment, readDeployment } from '../aws/deployment.ts';
import { endedTasks, latestTick } from '../aws/launcher-lines.ts';
import { readSwitches } from '../aws/switches.ts';
import type { Context } from '../context.ts';
import { silentAfterMs } from '../core/schedule.ts';
import { dayStartMs, type ObservedPool, type Reading, type StatusInput } from '../core/status.ts';
import type { HcpTerraform } from '../hcp-terraform/client.ts';
import { hcpTerraformAt } from '../hcp-terraform/connect.ts';
import { agentsOf, poolIdOf, queueOf } from '../hcp-terraform/pools.ts';
import { findToken, usersToken } from '../hcp-terraform/token.ts';
import { CommandError } from '../io.ts';

/** How far back to look for a tick, as a multiple of the time after which the launcher counts as silent. */
const LOOK_BACK = 3;

/**
 * In `--watch`, the queue is from the log while the launcher ticks, because HCP Terraform allows only 30 requests for runs per minute and user, and the
 * launcher needs them: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#list-runs-in-an-organization
 */
const FRESH_TICK_MS = 75_000;
const QUEUE_AGAIN_MS = 30_000;

/** A `--watch` shows a deployment that begins or ends meanwhile. */
const DEPLOYMENT_AGAIN_MS = 30_000;

/** Reads the status again and again, and keeps the clients, tokens and ids in between. */
export class StatusReader {
  readonly #context: Context;
  readonly #watches: boolean;
  readonly #clients = new Map<string, Promise<HcpTerraform>>();
  readonly #poolIds = new Map<string, Promise<string>>();
  #deployment: { readonly atMs: number; readonly value: Deployment } | undefined;
  readonly #queues = new Map<string, { readonly atMs: number; readonly reading: ObservedPool['queue'] }>();

  /** @param watches whether the status is read every few seconds */
  constructor(context: Context, watches: boolean) {
    this.#context = context;
    this.#watches = watches;
  }

  async read(): Promise<StatusInput> {
    const { aws, io } = this.#context;
    const nowMs = io.now();
    const deployment = await this.#deployed(nowMs);
    const [switches, tasks, alarms, ended] = await Promise.all([
      attempt(readSwitches(aws, deployment)),
      attempt(clusterTasks(aws, deployment.name)),
      attempt(launcherAlarms(aws, deployment.name)),
      attempt(endedTasks(aws, { group: deployment.launcherLogGroup, fromMs: dayStartMs(nowMs) })),
    ]);
    const expression = 'value' in switches ? switches.value.schedule.expression : undefined;
    const fromMs = nowMs - LOOK_BACK * silentAfterMs(expression);
    const tick = await attempt(latestTick(aws, deployment.launcherLogGroup, fromMs));
    const tickAtMs = 'value' in tick && tick.value !== undefined ? Date.parse(tick.value.timestamp) : 0;
    const logIsFresh = nowMs - tickAtMs < FRESH_TICK_MS;
    return {
      nowMs,
      stack: {
        name: deployment.stackName,
        status: deployment.stackStatus,
        region: deployment.region,
        account: deployment.account,
      },
      pools: deployment.pools.map(({ name, maxAgents, lanes }) => ({
        name,
        maxAgents,
        families: lanes.map(({ taskDefinition }) => taskDefinition),
      })),
      startDeadlineMs: Number(deployment.environment[ENV.startDeadlineSeconds] ?? 300) * 1000,
      switches,
      tick,
      tasks,
      hcpTerraform: await this.#pools(deployment, nowMs, this.#watches && logIsFresh),
      alarms,
      ended,
    };
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) {
      await client.then(
        (open) => open.close(),
        () => undefined,
      );
    }
  }

  async #deployed(nowMs: number): Promise<Deployment> {
    if (this.#deployment !== undefined && nowMs - this.#deployment.atMs < DEPLOYMENT_AGAIN_MS) {
      return this.#deployment.value;
    }
    const { aws, options } = this.#context;
    this.#deployment = { atMs: nowMs, value: await readDeployment(aws, options) };
    return this.#deployment.value;
  }

  async #pools(
    deployment: Deployment,
    nowMs: number,
    withoutQueue: boolean,
  ): Promise<Reading<ReadonlyMap<string, ObservedPool>>> {
    const entries: [string, ObservedPool][] = [];
    for (const pool of deployment.pools) {
      const organization = pool.organization ?? deployment.organization;
      const client = await attempt(this.#client(deployment, pool.apiTokenSecret ?? deployment.apiTokenSecret));
      if ('failure' in client) return client;
      const agents = await attempt(
        this.#poolId(client.value, organization, pool).then((id) => agentsOf(client.value, id, nowMs)),
      );
      const queue = withoutQueue ? undefined : await this.#queue(client.value, organization, pool.name, nowMs);
      entries.push([pool.name, { agents, queue }]);
    }
    return { value: new Map(entries) };
  }

  #client(deployment: Deployment, apiTokenSecret: string): Promise<HcpTerraform> {
    const { io, aws } = this.#context;
    const { hostname } = deployment;
    const own = usersToken(hostname, io.env) !== undefined;
    const key = own ? '' : apiTokenSecret;
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const client = findToken({ hostname, apiTokenSecret }, { env: io.env, aws }).then(({ token }) =>
      hcpTerraformAt(this.#context, { hostname, token }),
    );
    this.#clients.set(key, client);
    return client;
  }

  async #poolId(
    client: HcpTerraform,
    organization: string,
    { id, name }: { readonly id?: string; readonly name: string },
  ): Promise<string> {
    if (id !== undefined) return id;
    const key = `${organization}/${name}`;
    const found = await (this.#poolIds.get(key) ?? poolIdOf(client, organization, name));
    this.#poolIds.set(key, Promise.resolve(found));
    return found;
  }

  async #queue(
    client: HcpTerraform,
    organization: string,
    pool: string,
    nowMs: number,
  ): Promise<ObservedPool['queue']> {
    const key = `${organization}/${pool}`;
    const known = this.#queues.get(key);
    if (this.#watches && known !== undefined && nowMs - known.atMs < QUEUE_AGAIN_MS) return known.reading;
    const reading = await attempt(queueOf(client, organization, pool));
    this.#queues.set(key, { atMs: nowMs, reading });
    return reading;
  }
}

/** The result, or the message of an error that the user can fix. Our bugs reject. */
async function attempt<T>(reading: Promise<T>): Promise<Reading<T>> {
  try {
    return { value: await reading };
  } catch (error) {
    if (error instanceof CommandError) return { failure: error.message.replaceAll('\n', ' ') };
    throw error;
  }
}
