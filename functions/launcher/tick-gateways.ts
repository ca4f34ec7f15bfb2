/**
 * The gateways' part of a tick.
 *
 * 1. At the start of the tick, the gateways are read, in parallel with the tasks.
 * 2. As soon as one group of pools wants to launch tasks, {@link TickGateways.wanted} starts the gateways, and says whether tasks may be launched
 *    now. If not, the launches wait for a later tick.
 * 3. At the end of the tick, {@link TickGateways.finish} does what remains: it stops or replaces gateways that nothing needs, and creates missing ones.
 *    This needs the number of live tasks, but not HCP Terraform.
 *
 * Nothing here rejects. A bug or a failure of EC2 is an error of the gateways, and no launch is allowed then. The rest of the tick continues.
 */
import { decideGateways, permissionOf } from './core/gateway.ts';
import type {
  GatewayAction,
  GatewayHold,
  GatewayProblem,
  GatewayView,
  LaunchPermission,
} from './core/gateway-types.ts';
import type { Task } from './core/types.ts';
import { InternalError, type Result, resultOf, type UpstreamError } from './errors.ts';
import { type GatewaySettings, readGateways, type SeenGateways } from './gateway-reading.ts';
import { type RetireAnswer, type Retirement, retire } from './gateway-retire.ts';
import type { GatewayAnswer, Gateways, Tasks } from './ports.ts';

export interface TickGatewaysDeps {
  readonly gateways: Gateways;
  readonly tasks: Tasks;
  readonly settings: GatewaySettings;
  /** Families of all task definitions. */
  readonly families: readonly string[];
  /** The tasks of all pools that aren't stopped. */
  readonly liveTasks: Promise<Result<readonly Task[]>>;
  readonly now: () => number;
  /** When the tick began. */
  readonly nowMs: number;
  readonly signal: AbortSignal;
  /** The tick was caused by nudges. It starts gateways, and leaves the rest to the schedule. */
  readonly isExtra: boolean;
}

/** What became of an action. `withheld`: a second look showed that it isn't right any more. */
export interface GatewayOutcome {
  readonly gateway: string;
  readonly kind: GatewayAction['kind'];
  readonly instance?: string;
  readonly outcome: RetireAnswer['kind'] | 'failed';
  /** Why the action was decided, or what EC2 answered. */
  readonly reason?: string;
}

/** What the tick saw of the gateways and did with them. */
export interface GatewayTick {
  readonly views: readonly GatewayView[];
  readonly outcomes: readonly GatewayOutcome[];
  readonly problems: readonly GatewayProblem[];
  readonly errors: readonly (UpstreamError | InternalError)[];
  /** Why the tick's launches wait; absent if none do. */
  readonly hold?: GatewayHold;
}

const ALLOWED: LaunchPermission = { kind: 'allowed', needsMarks: false };
const UNREADABLE: LaunchPermission = {
  kind: 'held',
  hold: 'unknown',
  reason: 'the launcher could not read the state of the gateway, so tasks could start without a network',
};
const UNMARKED: LaunchPermission = {
  kind: 'held',
  hold: 'unknown',
  reason: 'the launcher could not note in EC2 that the gateway is used, so another tick could stop it',
};

export class TickGateways {
  readonly #deps: TickGatewaysDeps;
  readonly #seen: Promise<SeenGateways | undefined>;
  readonly #outcomes: GatewayOutcome[] = [];
  readonly #problems: GatewayProblem[] = [];
  readonly #errors: (UpstreamError | InternalError)[] = [];
  #views: readonly GatewayView[] = [];
  #permission: Promise<LaunchPermission> | undefined;
  /** The actions that have begun. */
  #pending: Promise<unknown> = Promise.resolve();

  constructor(deps: TickGatewaysDeps) {
    this.#deps = deps;
    this.#seen = this.#guarded(() => readGateways(deps.gateways, deps.nowMs, deps.signal));
  }

  /** Whether the tick may launch tasks. The first call starts the gateways. Never rejects. */
  wanted(): Promise<LaunchPermission> {
    this.#permission ??= this.#guarded(() => this.#start()).then((permission) => permission ?? UNREADABLE);
    return this.#permission;
  }

  /** Does what remains, and returns what the tick saw and did. Call it after everything that may call {@link wanted}. Never rejects. */
  async finish(): Promise<GatewayTick> {
    if (this.#permission === undefined) await this.#guarded(() => this.#tidy());
    const permission = await this.#permission;
    await this.#pending;
    return {
      views: this.#views,
      outcomes: this.#outcomes,
      problems: this.#problems,
      errors: this.#errors,
      ...(permission?.kind === 'held' && { hold: permission.hold }),
    };
  }

  /** Starts what the launches need. Rejects only if there is a bug. */
  async #start(): Promise<LaunchPermission> {
    const views = await this.#decide(true);
    if (views === undefined) return UNREADABLE;
    const acts = views.map((view) => this.#actOn(view, true));
    this.#pending = Promise.all(acts.map(({ all }) => all));
    const permission = permissionOf(views);
    if (permission.kind === 'held') {
      const started = await Promise.all(acts.map(({ change }) => change));
      const refusal = this.#problems.find(({ cause }) => cause.startsWith('refused-'));
      if (refusal !== undefined) {
        const reason = `gateway ${refusal.gateway}: ${refusal.detail}; ${refusal.remedy}`;
        return { kind: 'held', hold: 'refused', reason };
      }
      if (permission.untilStarted === undefined || !started.every(Boolean)) return permission;
    } else if (!permission.needsMarks) return ALLOWED;
    const marked = await Promise.all(acts.map(({ mark }) => mark));
    return marked.every(Boolean) ? ALLOWED : UNMARKED;
  }

  /** What to do if no task is wanted. */
  async #tidy(): Promise<void> {
    const views = await this.#decide(false);
    if (this.#deps.isExtra || views === undefined) return;
    this.#pending = Promise.all(views.map((view) => this.#actOn(view, false).all));
  }

  async #decide(wanted: boolean): Promise<readonly GatewayView[] | undefined> {
    const { settings, liveTasks, nowMs } = this.#deps;
    const seen = await this.#seen;
    if (seen === undefined) return undefined;
    const live = await liveTasks;
    const { all: gateways, rules } = settings;
    const count = live.ok ? live.value.length : undefined;
    this.#views = decideGateways({ ...seen, gateways, liveTasks: count, wanted, rules, nowMs });
    for (const problem of this.#views.flatMap(({ problems }) => problems)) this.#problems.push(problem);
    return this.#views;
  }

  /**
   * Carries out the actions for one gateway: first the mark, then the others. None of the promises rejects.
   * `mark`: whether the mark was made, if one was due. `change`: whether EC2 accepted the creation or the start, if one was due.
   */
  #actOn({ gateway, actions }: GatewayView, wanted: boolean) {
    const byKind = <K extends GatewayAction['kind']>(kind: K) =>
      actions.find((action): action is Extract<GatewayAction, { kind: K }> => action.kind === kind);
    const { name } = gateway;
    const { gateways, nowMs, signal } = this.#deps;
    const toMark = byKind('mark');
    const mark =
      toMark && this.#done(name, toMark, () => gateways.mark(toMark.instance.id, toMark.usedSinceMs, nowMs, signal));
    const change = this.#change(name, byKind('create'), byKind('start'), mark);
    const address = byKind('address');
    const retired = byKind('stop') ?? byKind('terminate');
    const all = Promise.all([
      mark,
      change,
      address && this.#done(name, address, () => gateways.requestAddress(gateway.networkInterfaceId, signal)),
      retired && this.#retire(name, retired, wanted),
    ]);
    return { mark: mark ?? true, change, all };
  }

  async #change(
    name: string,
    create: Extract<GatewayAction, { kind: 'create' }> | undefined,
    start: Extract<GatewayAction, { kind: 'start' }> | undefined,
    mark: Promise<boolean> | undefined,
  ): Promise<boolean> {
    const { gateways, nowMs, signal } = this.#deps;
    if (create !== undefined)
      return this.#answered(name, create, () => gateways.create(create.gateway, create.failures, nowMs, signal));
    if (start === undefined) return true;
    // A gateway with an old mark stops again, but not before it was idle for a while.
    await mark;
    return this.#answered(name, start, () => gateways.start(start.instance.id, signal), start.reason);
  }

  async #retire(name: string, action: Retirement, wanted: boolean): Promise<void> {
    const { settings } = this.#deps;
    const decide = (seen: SeenGateways, liveTasks: number | undefined, nowMs: number): readonly GatewayView[] =>
      decideGateways({ ...seen, gateways: settings.all, liveTasks, wanted, rules: settings.rules, nowMs });
    await this.#answered(name, action, () => retire(action, { ...this.#deps, decide }), action.reason);
  }

  /** @returns whether EC2 accepted it. */
  async #done(name: string, action: GatewayAction, act: () => Promise<void>): Promise<boolean> {
    const answer = await this.#guarded(async () => {
      await act();
      return true;
    });
    this.#note(name, action, answer === undefined ? 'failed' : 'done');
    return answer === true;
  }

  /** @returns whether EC2 did it. */
  async #answered(
    name: string,
    action: GatewayAction,
    act: () => Promise<GatewayAnswer | RetireAnswer>,
    reason?: string,
  ): Promise<boolean> {
    const answer = await this.#guarded(act);
    if (answer === undefined) this.#note(name, action, 'failed', reason);
    else if (answer.kind === 'refused') {
      const { cause, detail, remedy } = answer.refusal;
      this.#problems.push({ gateway: name, cause: `refused-${cause}`, detail, remedy });
      this.#note(name, action, answer.kind, detail);
    } else this.#note(name, action, answer.kind, 'detail' in answer ? answer.detail : reason);
    return answer?.kind === 'done';
  }

  #note(gateway: string, action: GatewayAction, outcome: GatewayOutcome['outcome'], reason?: string): void {
    const instance = action.kind === 'create' ? undefined : action.instance;
    this.#outcomes.push({
      gateway,
      kind: action.kind,
      ...(instance !== undefined && { instance: instance.id }),
      outcome,
      ...(reason !== undefined && { reason }),
    });
  }

  /** Turns a failure of EC2 and a bug into an error of the gateways, and the answer into `undefined`. */
  async #guarded<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await resultOf(work());
      if (result.ok) return result.value;
      this.#errors.push(result.error);
    } catch (bug) {
      this.#errors.push(new InternalError(bug, 'the gateways'));
    }
    return undefined;
  }
}
