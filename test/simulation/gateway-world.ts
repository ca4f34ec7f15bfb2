/**
 * The gateways of a stack in virtual time: the rules of the local EC2 (`local/aws/core/ec2`), plus what only a simulation needs. It knows what runs in
 * each instance, and therefore whether tasks reach the internet, which EC2 doesn't show. Faults prevent that, and people end instances.
 *
 * In each instance, a filter begins to work some seconds after the boot, and then the tag `ready` is set, as the user data of a gateway does. The
 * instances here never power off because nobody uses them, so a gateway that the launcher forgets runs forever.
 */
import { ENGINE_DEAD, GATEWAY_TAGS } from '../../functions/launcher/contract.ts';
import type { GatewayEnvironment } from '../../functions/launcher/gateway-environment.ts';
import { ApiError } from '../../local/aws/core/api-error.ts';
import type { Instance } from '../../local/aws/core/ec2/instance.ts';
import { Instances, KEY_UNUSABLE } from '../../local/aws/core/ec2/instances.ts';
import { instanceActions } from '../../local/aws/services/ec2-instances.ts';
import type { Faults } from './faults.ts';
import type { Random } from './random.ts';
import type { FaultKind, GatewaysSettings, WorldSettings } from './scenario.ts';
import type { VirtualTime } from './virtual-time.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** Reads are never older. The launcher relies on 10 s. */
export const LONGEST_LAG_MS = 9_900;

/** A script in the instance looks for problems at this interval. */
const CHECKED_EVERY_MS = 20 * SECOND;

/** It reports that the filter is dead only if the filter stays so for this long. */
const DEAD_FOR_MS = 10 * SECOND;

const PLACE = { region: 'eu-central-1', accountId: '123456789012' };
const QUOTA = 1_000;

/** The faults of an instance's run, from a boot until it stops. */
const RUN_FAULTS = [
  'gateway-slow',
  'gateway-never-ready',
  'gateway-problem',
  'gateway-impaired',
  'gateway-engine-dead',
] as const satisfies readonly FaultKind[];

/** What a request meets at EC2, in addition to its rules. */
export interface Request {
  /** Age of what a read shows of the next instance. */
  readonly lagMs?: () => number;
  readonly fault?: 'capacity' | 'quota' | 'launch-fails' | undefined;
}

export interface GatewayWorldParts {
  readonly time: VirtualTime;
  readonly settings: WorldSettings & { readonly gateways: GatewaysSettings };
  readonly random: Random;
  readonly faults: Faults;
  /** Called when tasks begin or cease to reach the internet through a gateway. */
  readonly changed: (gateway: number, works: boolean) => void;
  /** Called when a fault or a person did something to the gateways. */
  readonly troubled: () => void;
  /** Called when a gateway gets a new instance. */
  readonly created: (gateway: number) => void;
  readonly trace: ((what: string) => void) | undefined;
}

/** How often instances were created, started again, stopped, and ended forever. */
export interface GatewayCounts {
  created: number;
  started: number;
  stopped: number;
  ended: number;
}

/** What runs in an instance. */
interface Guest {
  /** Number of boots so far. */
  boots: number;
  filterWorks: boolean;
  /** Whether the filter has ever worked. Before that, the boot takes longer. */
  hasWorked: boolean;
}

/** One gateway, as it really is. */
interface State {
  readonly environment: Omit<GatewayEnvironment, 'config' | 'launchTemplateVersion'>;
  works: boolean;
  /** When {@link works} last changed. */
  changedAtMs: number;
  /** When an instance last reported or will report that its filter is dead. */
  reportedAtMs: number;
  /** Since when its instance is pending or running. */
  awakeSinceMs: number | undefined;
}

export class GatewayWorld {
  readonly #parts: GatewayWorldParts;
  readonly #instances: Instances;
  readonly #actions: ReturnType<typeof instanceActions>;
  readonly #states: readonly State[];
  readonly #guests = new Map<string, Guest>();
  readonly #running = new Set<string>();
  /** The last state of each instance, and when it was created. */
  readonly #known = new Map<string, { readonly state: Instance['state']; readonly createdAtMs: number }>();
  #hex = 0;
  #quota = QUOTA;
  #request: Request = {};
  readonly counts: GatewayCounts = { created: 0, started: 0, stopped: 0, ended: 0 };

  constructor(parts: GatewayWorldParts) {
    this.#parts = parts;
    const { time, settings, random } = parts;
    const { gateways } = settings;
    const between = (least: number, most: number): number => Math.round(random.between(least, most) * SECOND);
    const scheduler = time.scheduler(gateways.ec2SkewMs);
    this.#instances = new Instances({
      scheduler,
      hex: (digits) => {
        this.#hex += 1;
        return this.#hex.toString(16).padStart(digits, '0');
      },
      times: {
        get createMs() {
          return between(5, 14);
        },
        get startMs() {
          return between(4, 12);
        },
        get stopMs() {
          return between(5, 30);
        },
        get terminateMs() {
          return between(15, 60);
        },
        readLagMs: LONGEST_LAG_MS,
        statusChecksMs: 2 * MINUTE,
      },
      vcpuQuota: () => this.#quota,
      parameter: () => undefined,
      readLagOf: () => this.#request.lagMs?.() ?? 0,
      terminatedShownMs: gateways.terminatedShownMs,
    });
    this.#actions = instanceActions(this.#instances, { place: PLACE, now: scheduler.now, rates: true });
    this.#states = Array.from({ length: gateways.count }, (_, index) => ({
      environment: environmentOf(gateways, index),
      works: false,
      changedAtMs: time.now(),
      reportedAtMs: Number.NEGATIVE_INFINITY,
      awakeSinceMs: undefined,
    }));
    for (const [index, { environment }] of this.#states.entries()) {
      this.#instances.interfaces.put({
        id: environment.networkInterfaceId,
        subnetId: `subnet-gateway-${index}`,
        vpcId: 'vpc-1',
        availabilityZone: `eu-central-1${'ab'.charAt(index)}`,
        privateAddress: `10.0.${index}.10`,
        ...(gateways.fixedAddress && { elasticAddress: `192.0.2.${index + 1}` }),
      });
    }
    this.#instances.onChange((instance) => this.#changed(instance));
    this.deploy();
  }

  // -- What the launcher sees

  /**
   * Handles a request.
   * @throws ApiError the error that the API returns
   */
  call(action: string, input: object, request: Request): object {
    const ends = [
      request.fault === 'capacity' ? this.#instances.refuse({ cause: 'capacity' }) : undefined,
      request.fault === 'launch-fails' ? this.#instances.failLaunch({ reason: KEY_UNUSABLE }) : undefined,
    ];
    this.#request = request;
    if (request.fault === 'quota') this.#quota = 0;
    if (request.fault === 'launch-fails') this.#parts.troubled();
    try {
      return this.#actions[action]?.(input) ?? {};
    } finally {
      this.#request = {};
      this.#quota = QUOTA;
      for (const end of ends) end?.();
    }
  }

  // -- The truth

  /** Number of gateways. */
  get count(): number {
    return this.#states.length;
  }

  /** Whether tasks reach the internet through the gateway. */
  works(gateway: number): boolean {
    return this.#states[gateway]?.works === true;
  }

  /** Since when it has worked, or has not worked. */
  changedAtMs(gateway: number): number {
    return this.#states[gateway]?.changedAtMs ?? 0;
  }

  /** Since when EC2 has shown that it doesn't work. In the future if its instance hasn't reported the dead filter yet. */
  shownAtMs(gateway: number): number {
    return Math.max(this.changedAtMs(gateway), this.#states[gateway]?.reportedAtMs ?? 0);
  }

  /** Since when the gateway has had an instance that is pending or running; `undefined` if it has none. */
  awakeSinceMs(gateway: number): number | undefined {
    return this.#states[gateway]?.awakeSinceMs;
  }

  /** Whether tasks can start at the same time as its instance, because that has worked before. */
  startsSoon(gateway: number): boolean {
    const { id = '' } = this.instanceOf(gateway) ?? {};
    return this.awakeSinceMs(gateway) !== undefined && this.#guests.get(id)?.hasWorked === true;
  }

  get allWork(): boolean {
    return this.#states.every(({ works }) => works);
  }

  get allAsleep(): boolean {
    return this.#states.every(({ awakeSinceMs }) => awakeSinceMs === undefined);
  }

  /** Whether all gateways are stopped, and sound and up to date, so that the launcher has no reason to touch them. */
  get allRest(): boolean {
    const { ec2SkewMs, version } = this.#parts.settings.gateways;
    return this.#states.every((_, gateway) => {
      const instance = this.instanceOf(gateway);
      if (instance?.state !== 'stopped') return false;
      const { tags, launchedAt } = instance;
      const isReady = Date.parse(tags[GATEWAY_TAGS.ready] ?? '') + SECOND >= launchedAt;
      const isYoung = Date.parse(tags[GATEWAY_TAGS.created] ?? '') > this.#parts.time.now() - DAY - ec2SkewMs;
      const isCurrent = tags[GATEWAY_TAGS.config] === configOf({ version });
      return isReady && isYoung && isCurrent && tags[GATEWAY_TAGS.problem] === undefined;
    });
  }

  /** The gateway that this instance belongs to. */
  gatewayOf(instanceId: string): number | undefined {
    const name = this.#instances.get(instanceId)?.tags[GATEWAY_TAGS.gateway];
    const index = this.#states.findIndex(({ environment }) => environment.name === name);
    return index < 0 ? undefined : index;
  }

  instance(id: string): Instance | undefined {
    return this.#instances.get(id);
  }

  /** The instance that has the network interface of this gateway. */
  instanceOf(gateway: number): Instance | undefined {
    return this.#instances.attachedTo(this.#states[gateway]?.environment.networkInterfaceId ?? '');
  }

  /** The gateway whose instances come from this launch template. */
  gatewayFrom(launchTemplateId: string): number {
    return this.#states.findIndex(({ environment }) => environment.launchTemplateId === launchTemplateId);
  }

  /** When the instance was created. */
  createdAtMs(instanceId: string): number {
    return this.#known.get(instanceId)?.createdAtMs ?? 0;
  }

  // -- What happens to gateways

  /** Deploys the current version of the settings. */
  deploy(): void {
    const { gateways } = this.#parts.settings;
    this.#instances.templates.putImage(imageOf(gateways));
    for (const { environment } of this.#states) {
      this.#instances.templates.put({
        id: environment.launchTemplateId,
        version: gateways.version,
        imageId: imageOf(gateways),
        instanceType: 't4g.nano',
        networkInterfaceId: environment.networkInterfaceId,
        tags: { [GATEWAY_TAGS.gateway]: environment.name, [GATEWAY_TAGS.config]: configOf(gateways) },
        disableApiTermination: true,
      });
    }
  }

  /** AWS deletes the image of the current version. */
  deleteImage(): void {
    this.#instances.templates.deleteImage(imageOf(this.#parts.settings.gateways));
    this.#parts.troubled();
  }

  /** Somebody ends an instance, or its operating system does. */
  end(how: 'stop' | 'terminate' | 'power-off', random: Random): void {
    const instance = this.instanceOf(random.whole(0, this.count - 1));
    if (instance === undefined) return;
    const { id } = instance;
    this.#parts.trace?.(`instance ${id} is ended by hand: ${how}`);
    try {
      if (how === 'power-off') this.#instances.powerOff(id);
      else if (how === 'stop') this.#instances.stop([id]);
      else {
        this.#instances.protect(id, false);
        this.#instances.terminate([id]);
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
    this.#parts.troubled();
  }

  /** Makes all gateways 40 days older. Only the tag says how old they are. */
  age(): void {
    for (const { id, tags } of this.#instances.all()) {
      const createdMs = Date.parse(tags[GATEWAY_TAGS.created] ?? '');
      if (!Number.isNaN(createdMs)) this.#tag(id, GATEWAY_TAGS.created, createdMs - 40 * DAY);
    }
  }

  // -- What runs in the instances

  #changed(instance: Instance): void {
    const guest = this.#guests.get(instance.id);
    const { id, state } = instance;
    const runs = state === 'running';
    if (runs !== this.#running.has(id)) {
      if (runs) this.#running.add(id);
      else this.#running.delete(id);
      if (runs) this.#boot(id, guest ?? this.#newGuest(id));
      else if (guest !== undefined) guest.filterWorks = false;
    }
    const gateway = this.gatewayOf(id);
    const known = this.#known.get(id);
    if (known?.state !== state) {
      this.#known.set(id, { state, createdAtMs: known?.createdAtMs ?? this.#parts.time.now() });
      this.#parts.trace?.(`instance ${id} of gateway ${gateway} ${state}`);
      if (state === 'pending') this.counts[known === undefined ? 'created' : 'started'] += 1;
      if (known === undefined && gateway !== undefined) this.#parts.created(gateway);
      if (state === 'stopping') this.counts.stopped += 1;
      if (state === 'shutting-down') this.counts.ended += 1;
    }
    if (gateway !== undefined) this.#look(gateway);
  }

  #newGuest(id: string): Guest {
    const guest = { boots: 0, filterWorks: false, hasWorked: false };
    this.#guests.set(id, guest);
    return guest;
  }

  /** Updates the truth about a gateway after any change. */
  #look(gateway: number): void {
    const state = this.#states[gateway];
    if (state === undefined) return;
    const now = this.#parts.time.now();
    const instance = this.instanceOf(gateway);
    const isAwake = instance?.state === 'pending' || instance?.state === 'running';
    state.awakeSinceMs = isAwake ? (state.awakeSinceMs ?? now) : undefined;
    const works =
      instance?.state === 'running' &&
      instance.publicAddress !== undefined &&
      instance.impairedSince === undefined &&
      this.#guests.get(instance.id)?.filterWorks === true;
    if (works === state.works) return;
    state.works = works;
    state.changedAtMs = now;
    this.#parts.trace?.(`gateway ${gateway} ${works ? 'works' : 'does not work'}`);
    this.#parts.changed(gateway, works);
  }

  /** An instance boots. Its first boot also installs packages. */
  #boot(id: string, guest: Guest): void {
    const { time, random, faults } = this.#parts;
    guest.boots += 1;
    const { boots } = guest;
    const later = (ms: number, work: () => void): void =>
      time.after(ms, () => {
        if (guest.boots === boots && this.#running.has(id)) work();
      });
    const filter = (works: boolean): void => {
      guest.filterWorks = works;
      guest.hasWorked ||= works;
      const gateway = this.gatewayOf(id);
      if (gateway !== undefined) this.#look(gateway);
    };
    const fault = faults.hit(RUN_FAULTS);
    if (fault !== undefined) {
      this.#parts.troubled();
      this.#parts.trace?.(`instance ${id} has the fault ${fault}`);
    }
    // The problem of the last run.
    later(CHECKED_EVERY_MS, () => this.#untag(id, GATEWAY_TAGS.problem));
    // A first boot installs packages. From a slow mirror, that takes minutes.
    const firstBootMs = (): number => {
      const seconds = random.between(4, 20);
      return (seconds < 17 ? seconds : (seconds - 16) * 50) * SECOND;
    };
    const upMs =
      (boots === 1 ? firstBootMs() : random.between(1, 5) * SECOND) +
      (fault === 'gateway-slow' ? random.between(1, 4) * MINUTE : 0);
    const isReported = fault !== 'gateway-never-ready';
    // In some cases, the filter works, and only its report is missing.
    if (isReported || random.chance(0.3)) later(upMs, () => filter(true));
    if (isReported) later(upMs + random.between(200, 2000), () => this.#tag(id, GATEWAY_TAGS.ready, time.now()));
    const troubleMs = upMs + random.between(10 * SECOND, 10 * MINUTE);
    const noticed = (): number => random.between(0, CHECKED_EVERY_MS);
    const isTransient = random.chance(0.5);
    const lastsMs = random.between(30 * SECOND, 12 * MINUTE);
    switch (fault) {
      case 'gateway-problem':
        later(troubleMs, () => this.#tag(id, GATEWAY_TAGS.problem, 'disk-full'));
        return;
      case 'gateway-engine-dead':
        later(troubleMs, () => {
          this.#parts.troubled();
          filter(false);
          const reportedMs = DEAD_FOR_MS + noticed();
          const state = this.#states[this.gatewayOf(id) ?? -1];
          if (state !== undefined) state.reportedAtMs = time.now() + reportedMs;
          later(reportedMs, () => this.#tag(id, GATEWAY_TAGS.problem, ENGINE_DEAD));
          if (!isTransient) return;
          later(lastsMs, () => filter(true));
          later(lastsMs + CHECKED_EVERY_MS, () => this.#untag(id, GATEWAY_TAGS.problem));
        });
        return;
      case 'gateway-impaired':
        later(troubleMs, () => {
          this.#parts.troubled();
          const end = this.#instances.impair(id);
          if (isTransient) later(lastsMs, end);
        });
    }
  }

  /** The instance or a test sets a tag. Times are those of the instance's clock, in seconds. */
  #tag(id: string, key: string, value: string | number): void {
    const { ec2SkewMs } = this.#parts.settings.gateways;
    const text = typeof value === 'string' ? value : new Date(value + ec2SkewMs).toISOString();
    this.#instances.tag([id], { [key]: text.replace(/\.\d{3}Z$/, 'Z') });
  }

  #untag(id: string, key: string): void {
    this.#instances.untag([id], [key]);
  }
}

/** The gateways as the function's environment describes them. */
export function gatewayEnvironments(gateways: GatewaysSettings): GatewayEnvironment[] {
  return Array.from({ length: gateways.count }, (_, index) => ({
    ...environmentOf(gateways, index),
    launchTemplateVersion: String(gateways.version),
    config: configOf(gateways),
  }));
}

function environmentOf({ fixedAddress }: GatewaysSettings, index: number): State['environment'] {
  return {
    name: `launcher/gateway-${index + 1}`,
    launchTemplateId: `lt-${index}`,
    networkInterfaceId: `eni-${index}`,
    fixedAddress,
  };
}

function configOf({ version }: Pick<GatewaysSettings, 'version'>): string {
  return `config-${version}`;
}

function imageOf({ version }: GatewaysSettings): string {
  return `ami-${version}`;
}
