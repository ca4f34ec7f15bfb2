/** Reads what `status` shows. A part that can't be read doesn't prevent the others. */
import { launcherAlarms } from '../aws/alarms.ts';
import { clusterTasks } from '../aws/cluster-tasks.ts';
import { type Deployment, readDeployment } from '../aws/deployment.ts';
import { endedTasks, latestTick } from '../aws/launcher-lines.ts';
import { readSwitches } from '../aws/switches.ts';
import type { Context } from '../context.ts';
import { silentAfterMs } from '../core/schedule.ts';
import type { BusyJob } from '../core/slots.ts';
import { dayStartMs, fullPools, type ObservedPool, type Reading, type StatusInput } from '../core/status.ts';
import type { OtherPool } from '../core/unserved.ts';
import { busyJobs } from '../hcp-terraform/busy-jobs.ts';
import type { HcpTerraform } from '../hcp-terraform/client.ts';
import { hcpTerraformAt } from '../hcp-terraform/connect.ts';
import { otherPools } from '../hcp-terraform/other-pools.ts';
import { agentsOf, type PoolQueue, poolIdOf, queueOf } from '../hcp-terraform/pools.ts';
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

interface Timed<T> {
  readonly atMs: number;
  readonly value: T;
}

/** Reads the status again and again, and keeps the clients, tokens and ids in between. */
export class StatusReader {
  readonly #context: Context;
  readonly #watches: boolean;
  readonly #clients = new Map<string, Promise<HcpTerraform>>();
  readonly #poolIds = new Map<string, Promise<string>>();
  #deployment: Timed<Deployment> | undefined;
  readonly #queues = new Map<string, Timed<Reading<PoolQueue>>>();
  readonly #busy = new Map<string, Timed<Reading<BusyJob[]>>>();

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
    const pools = deployment.pools.map(({ name, maxAgents, lanes }) => ({
      name,
      maxAgents,
      families: lanes.map(({ taskDefinition }) => taskDefinition),
    }));
    const full = fullPools(pools, 'value' in tick ? tick.value : undefined, deployment.region);
    return {
      nowMs,
      stack: {
        name: deployment.stackName,
        status: deployment.stackStatus,
        region: deployment.region,
        account: deployment.account,
      },
      schedule: deployment.name,
      pools,
      startDeadlineMs: deployment.startDeadlineSeconds * 1000,
      switches,
      tick,
      tasks,
      unserved: this.#watches ? undefined : await this.#unserved(deployment),
      hcpTerraform: await this.#pools(deployment, nowMs, { withoutQueue: this.#watches && logIsFresh, full }),
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
    { withoutQueue, full }: { readonly withoutQueue: boolean; readonly full: ReadonlySet<string> },
  ): Promise<Reading<ReadonlyMap<string, ObservedPool>>> {
    const entries: [string, ObservedPool][] = [];
    for (const pool of deployment.pools) {
      const organization = pool.organization ?? deployment.organization;
      const client = await attempt(this.#client(deployment, pool.apiTokenSecret ?? deployment.apiTokenSecret));
      if ('failure' in client) return client;
      const agents = await attempt(
        this.#poolId(client.value, organization, pool).then((id) => agentsOf(client.value, id, nowMs)),
      );
      const queue = withoutQueue
        ? undefined
        : await this.#limited(this.#queues, `${organization}/${pool.name}`, nowMs, () =>
            queueOf(client.value, organization, pool.name),
          );
      const busy = full.has(pool.name)
        ? await this.#limited(this.#busy, `${organization}/${pool.name}`, nowMs, () =>
            busyJobs(client.value, organization, pool.name),
          )
        : undefined;
      entries.push([pool.name, { agents, queue, busy }]);
    }
    return { value: new Map(entries) };
  }

  /** Not with `--watch`, because HCP Terraform limits the lists of runs. */
  async #unserved(deployment: Deployment): Promise<OtherPool[]> {
    const byOrganization = Map.groupBy(deployment.pools, ({ organization }) => organization ?? deployment.organization);
    const found: OtherPool[] = [];
    for (const [organization, served] of byOrganization) {
      const secret = served[0]?.apiTokenSecret ?? deployment.apiTokenSecret;
      const read = await attempt(
        this.#client(deployment, secret).then((client) => otherPools(client, organization, served)),
      );
      // The pools of the launcher report why HCP Terraform can't be read.
      if ('value' in read) found.push(...(read.value?.withoutAgents ?? []));
    }
    return found;
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

  /** Reads a list of runs, with `--watch` only twice per minute. */
  async #limited<T>(
    known: Map<string, Timed<Reading<T>>>,
    key: string,
    nowMs: number,
    read: () => Promise<T>,
  ): Promise<Reading<T>> {
    const before = known.get(key);
    if (this.#watches && before !== undefined && nowMs - before.atMs < QUEUE_AGAIN_MS) return before.value;
    const value = await attempt(read());
    known.set(key, { atMs: nowMs, value });
    return value;
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
