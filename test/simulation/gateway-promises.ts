/**
 * Checks what the launcher promises about gateways, against the true state of the world:
 *
 * - Promise 10: it ends no gateway that tasks use or may use soon, and it starts no task before its gateway can work.
 * - Promise 11: it ends a gateway that nothing uses, and creates a limited number of instances.
 * - Promise 1: without a fault, launches wait only a few minutes for a gateway.
 * - Promise 9: if it can't read the gateways, it says so and launches nothing.
 */
import type { Tick } from '../../functions/launcher/tick.ts';
import type { EcsWorld, SimulatedTask } from './ecs-world.ts';
import type { GatewayWorld } from './gateway-world.ts';
import type { HcpWorld } from './hcp-world.ts';
import type { GatewaysSettings } from './scenario.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { TickRecord } from './wire.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** If nothing uses a gateway, it stays awake for at least this time, so that ECS has shown every task that could need it. */
const LEAST_IDLE_MS = 7 * MINUTE_MS;

/** Tolerance for the skew of clocks, for late reads and for the duration of a tick. */
const SLACK_MS = 30_000;

/** After the idle time, this many ticks without a fault end the gateway. */
const CLEAN_TICKS = 2;

/** A tick can launch for most of a minute after it read the gateways, which can be 10 s older. Until then, it can't know that a gateway failed. */
const UNAWARE_MS = 75_000;

/** A replacement that was decided because the gateway was dead can arrive this long after it recovered: a read that is 10 s old, and the request. */
const RECOVERED_MS = 20_000;

/** A gateway that doesn't work this long after its start is dead. Until then, it may still be starting. EC2's clock can be 5 s ahead. */
const STARTING_MS = 2 * MINUTE_MS - 5_000;

/** ECS can take this long to show a task that a person started. The launcher can't know it before. */
const SHOWN_MS = 5 * MINUTE_MS;

/**
 * Maximum time for which launches wait for a gateway without a fault: it may first have to stop (half a minute), be seen by the next tick (a minute),
 * start (half a minute), and then be seen as ready (10 s).
 */
const WAIT_MS = 4 * MINUTE_MS;

/** After the third failure in a row, the launcher waits for an hour. Then launches wait, too. */
const TROUBLED_MS = 65 * MINUTE_MS;

/** Maximum number of instances of a gateway in an hour, as long as EC2 shows the ones that ended: three in a row, and one per hour. */
const INSTANCES_AN_HOUR = 4;

export interface GatewayPromiseParts {
  readonly time: VirtualTime;
  readonly settings: GatewaysSettings;
  readonly gateways: GatewayWorld;
  readonly ecs: EcsWorld;
  readonly hcp: HcpWorld;
  readonly pools: readonly string[];
  /** A promise is broken. */
  readonly broken: (promise: number, what: string) => void;
}

export class GatewayPromises {
  readonly #parts: GatewayPromiseParts;
  readonly #idleMs: number;
  /** When a task was last alive or wanted, or when a fault may have let the launcher believe that. */
  #usedAtMs: number;
  #troubledAtMs = Number.NEGATIVE_INFINITY;
  #waitsSinceMs: number | undefined;
  /** For each gateway, how many clean ticks in a row left it awake although nothing needed it. */
  readonly #idleTicks = new Map<number, number>();
  /** Gateways that the launcher ended, until they work again. */
  readonly #endedByLauncher = new Set<number>();
  /** When instances were created, by gateway and version. */
  readonly #createdAtMs = new Map<string, number[]>();

  constructor(parts: GatewayPromiseParts) {
    this.#parts = parts;
    this.#idleMs = Math.max(parts.settings.idleMinutes * MINUTE_MS, LEAST_IDLE_MS);
    this.#usedAtMs = parts.time.now();
  }

  /** Called after every event. @returns whether a gateway doesn't work although tasks need it, and the launcher isn't the reason */
  check(): boolean {
    const { ecs, hcp, gateways, pools, time } = this.#parts;
    if (ecs.live.size > 0 || pools.some((pool) => hcp.activeJobs(pool) > 0)) this.#usedAtMs = time.now();
    return ecs.live.size > 0 && !gateways.allWork;
  }

  /** A fault or a person did something to the gateways. */
  troubled(): void {
    this.#troubledAtMs = this.#parts.time.now();
    this.disturbed();
  }

  /** A tick may have renewed the mark of a gateway because of a wrong answer. */
  disturbed(): void {
    this.#usedAtMs = this.#parts.time.now();
    this.#idleTicks.clear();
    this.#waitsSinceMs = undefined;
  }

  /** Tasks begin or cease to reach the internet through a gateway. */
  changed(gateway: number, works: boolean): void {
    if (works) this.#endedByLauncher.delete(gateway);
  }

  // -- What the launcher does

  /** Promise 10: the launcher ends no gateway while a task is alive or starting, unless the gateway is dead. */
  ends(by: TickRecord, action: 'stop' | 'terminate', instanceId: string): void {
    const { gateways, time } = this.#parts;
    const gateway = gateways.gatewayOf(instanceId);
    const state = gateways.instance(instanceId)?.state;
    if (gateway === undefined || (state !== 'pending' && state !== 'running')) return;
    const now = time.now();
    const awakeMs = now - (gateways.awakeSinceMs(gateway) ?? now);
    const works = gateways.works(gateway);
    const isDead = works ? now - gateways.changedAtMs(gateway) < RECOVERED_MS : awakeMs > STARTING_MS;
    if (action === 'terminate' && isDead) return;
    if (works) this.#endedByLauncher.add(gateway);
    if (by.tasksUnread !== undefined)
      this.#parts.broken(9, `gateway ${gateway}: ${action} by a tick that could not read the tasks: ${by.tasksUnread}`);
    const users = this.#users(now);
    if (users.length === 0) return;
    const ids = users.map(({ id, lastStatus }) => `${id} (${lastStatus})`).join(', ');
    this.#parts.broken(10, `gateway ${gateway}: ${action} while it is needed by ${ids}`);
  }

  /** Tasks that need a network or will need it, and that the launcher can know. */
  #users(now: number): SimulatedTask[] {
    return [...this.#parts.ecs.live].filter(
      (task) =>
        !task.over && task.lingersSinceMs === undefined && (task.byLauncher || now - task.createdAtMs > SHOWN_MS),
    );
  }

  /** Promises 9 and 10: the launcher starts a task only if it has seen that every gateway can serve it. */
  taskCreated(task: SimulatedTask, by: TickRecord): void {
    const { settings, gateways, time, broken } = this.#parts;
    if (by.gatewaysUnread !== undefined)
      broken(9, `launched task ${task.id}, although the tick could not read the gateways: ${by.gatewaysUnread}`);
    const now = time.now();
    for (let gateway = 0; gateway < gateways.count; gateway += 1) {
      if (gateways.works(gateway)) continue;
      if (settings.start === 'with-tasks' && gateways.startsSoon(gateway)) continue;
      const downMs = now - gateways.changedAtMs(gateway);
      const isUnaware =
        this.#troubledAtMs >= gateways.changedAtMs(gateway) - SLACK_MS &&
        now - gateways.shownAtMs(gateway) <= UNAWARE_MS;
      if (isUnaware && !this.#endedByLauncher.has(gateway)) continue;
      const why = this.#endedByLauncher.has(gateway)
        ? 'the launcher has ended it'
        : `it hasn't worked for ${downMs} ms`;
      broken(10, `launched task ${task.id} without gateway ${gateway}: ${why}`);
    }
  }

  /** Promise 11: the launcher doesn't try to create an instance while it must see that the gateway has one. */
  createRequested(gateway: number): void {
    const { gateways, time, broken } = this.#parts;
    const instance = gateways.instanceOf(gateway);
    if (instance === undefined) return;
    const ageMs = time.now() - gateways.createdAtMs(instance.id);
    if (ageMs > UNAWARE_MS)
      broken(11, `tried to create a second instance of gateway ${gateway}, which has had one for ${ageMs} ms`);
  }

  /** The gateways are 40 days older. So earlier instances don't count any more, and the launcher replaces gateways because of their age. */
  aged(): void {
    this.#createdAtMs.clear();
  }

  /** Promise 11: the number of instances per hour is limited. */
  created(gateway: number): void {
    const { time, settings, broken } = this.#parts;
    const now = time.now();
    const key = `${gateway}/${settings.version}`;
    const recent = [...(this.#createdAtMs.get(key) ?? []).filter((at) => at > now - HOUR_MS + SLACK_MS), now];
    this.#createdAtMs.set(key, recent);
    // If EC2 forgets an instance that ended, the launcher can't count it.
    const most = INSTANCES_AN_HOUR * Math.ceil(HOUR_MS / settings.terminatedShownMs);
    if (recent.length > most)
      broken(11, `${recent.length} instances of gateway ${gateway} were created within an hour`);
  }

  // -- Ticks

  /** @param isClean whether no fault and no late read affected the tick */
  tickEnded(record: TickRecord, tick: Tick, isClean: boolean): void {
    const { broken } = this.#parts;
    if (record.gatewaysUnread !== undefined && (tick.gateways?.errors ?? []).length === 0)
      broken(9, `the gateways could not be read (${record.gatewaysUnread}), but the tick has no error`);
    if (!isClean) {
      this.disturbed();
      return;
    }
    this.#waits(record, tick);
    if (tick.gateways?.hold !== undefined) this.#usedAtMs = record.startedAtMs;
    else if (tick.isExtra !== true) this.#idleGatewaysEnd(record);
  }

  /** Promise 1: launches wait only for a limited time. */
  #waits(record: TickRecord, { gateways }: Tick): void {
    const now = this.#parts.time.now();
    if (gateways?.hold === undefined || now - this.#troubledAtMs < TROUBLED_MS) {
      this.#waitsSinceMs = undefined;
      return;
    }
    this.#waitsSinceMs ??= record.startedAtMs;
    const waitMs = now - this.#waitsSinceMs;
    if (waitMs > WAIT_MS)
      this.#parts.broken(1, `launches have waited for a gateway for ${waitMs} ms (${gateways.hold})`);
  }

  /** Promise 11: two ticks without a fault end a gateway that nothing has needed for the idle time. */
  #idleGatewaysEnd(record: TickRecord): void {
    const { gateways, broken } = this.#parts;
    for (let gateway = 0; gateway < gateways.count; gateway += 1) {
      const awakeSinceMs = gateways.awakeSinceMs(gateway);
      const idleMs = record.startedAtMs - Math.max(this.#usedAtMs, awakeSinceMs ?? record.startedAtMs);
      if (awakeSinceMs === undefined || idleMs <= this.#idleMs + SLACK_MS) {
        this.#idleTicks.delete(gateway);
        continue;
      }
      const ticks = (this.#idleTicks.get(gateway) ?? 0) + 1;
      this.#idleTicks.set(gateway, ticks);
      if (ticks >= CLEAN_TICKS)
        broken(11, `${ticks} ticks left gateway ${gateway} awake, which nothing has needed for ${idleMs} ms`);
    }
  }

  /** Promise 11: at the end of the world, no gateway is awake. @param isBusy whether warm agents are kept */
  worldEnded(isBusy: boolean): void {
    const { gateways, ecs, broken } = this.#parts;
    if (!isBusy && ecs.live.size === 0 && !gateways.allAsleep) broken(11, 'a gateway is awake at the end of the world');
  }
}
