/**
 * Amazon EC2's instances: how they start, stop and end, and when EC2 refuses that. It doesn't depend on HTTP or the real clock.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
 *
 * An instance comes from a launch template, and its primary network interface exists before it. Everything else of EC2 is left out.
 */
import type { ApiError } from '../api-error.ts';
import { fingerprintOf } from '../fingerprint.ts';
import type { Cancel, Scheduler } from '../scheduler.ts';
import { type Instance, type StateChange, type StateReason, type Tags, vcpusOf } from './instance.ts';
import { LaunchTemplates } from './launch-templates.ts';
import { LimitedRules } from './limited-rules.ts';
import { NetworkInterfaces } from './network-interfaces.ts';
import { InstanceRecords } from './records.ts';
import type { InstanceTimes } from './times.ts';
import * as wording from './wording.ts';

/** "Recently terminated instances might appear in the returned results. This interval is usually less than one hour." */
const TERMINATED_SHOWN_MS = 3_600_000;
const MOST_TAGS = 50;

/** EC2 refuses to create or start instances. */
export interface InstanceRefusal {
  /** `unsupported`: the type doesn't exist in the zone. */
  readonly cause: 'capacity' | 'unsupported';
  /** Limits the refusal to this zone. Default: all zones. */
  readonly availabilityZone?: string;
  /** Number of refused requests. Default: unlimited. */
  readonly times?: number;
}

/** A start that fails after EC2 accepted it, for example because a key of KMS can't be used. A new instance ends as `terminated`. */
export interface LaunchFailure {
  readonly reason: StateReason;
  /** Number of affected starts. Default: unlimited. */
  readonly times?: number;
}

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html */
export const KEY_UNUSABLE: StateReason = {
  code: 'Client.InternalError',
  message: 'Client.InternalError: Client error on launch',
};

export interface InstancesParts {
  readonly scheduler: Scheduler;
  /** Random lower-case hex digits. */
  readonly hex: (digits: number) => string;
  readonly times: InstanceTimes;
  /** The account's quota for running instances. */
  readonly vcpuQuota: () => number;
  /** Value of a parameter of Systems Manager. */
  readonly parameter: (name: string) => string | undefined;
  /**
   * Whether `AssociatePublicIpAddress` of ModifyNetworkInterfaceAttribute gives an address to an interface that was made before its instance. AWS
   * documents that it does; nobody has shown us. Default: true.
   */
  readonly existingInterfaceGetsAddress?: boolean;
  /** Age of what the current read shows of an instance, at most `times.readLagMs`. Default: that time. */
  readonly readLagOf?: (id: string) => number;
  /** How long reads show a terminated instance. Default: an hour. */
  readonly terminatedShownMs?: number;
}

export interface RunRequest {
  readonly templateId: string;
  /** A number, `$Latest` or `$Default`. This emulator's default version is the latest. */
  readonly version: string;
  readonly clientToken: string | undefined;
  readonly tags: Tags;
}

const USER_SHUTDOWN: StateReason = {
  code: 'Client.UserInitiatedShutdown',
  message: 'Client.UserInitiatedShutdown: User initiated shutdown',
};
const OWN_SHUTDOWN: StateReason = {
  code: 'Client.InstanceInitiatedShutdown',
  message: 'Client.InstanceInitiatedShutdown: Instance initiated shutdown',
};

export class Instances {
  readonly templates: LaunchTemplates;
  readonly interfaces: NetworkInterfaces;
  readonly #parts: InstancesParts;
  readonly #records: InstanceRecords;
  readonly #tokens = new Map<string, { readonly fingerprint: string; readonly id: string }>();
  readonly #timers = new Map<string, Cancel>();
  readonly #refusals = new LimitedRules<InstanceRefusal>();
  readonly #failures = new LimitedRules<LaunchFailure>();
  readonly #listeners = new Set<(instance: Instance) => void>();

  constructor(parts: InstancesParts) {
    this.#parts = parts;
    this.#records = new InstanceRecords(parts.times.readLagMs, parts.readLagOf);
    this.templates = new LaunchTemplates(parts.parameter);
    this.interfaces = new NetworkInterfaces(parts.existingInterfaceGetsAddress ?? true);
  }

  // -- What EC2's actions do

  /** Creates an instance, or returns the one that was created with the same client token. @throws ApiError */
  run({ templateId, version, clientToken, tags }: RunRequest): Instance {
    const fingerprint = fingerprintOf({ templateId, version, tags });
    const known = clientToken === undefined ? undefined : this.#tokens.get(clientToken);
    if (known !== undefined) {
      if (known.fingerprint !== fingerprint) throw wording.tokenMismatch();
      const earlier = this.#records.get(known.id);
      if (earlier === undefined || earlier.state === 'terminated') throw wording.tokenOfTerminated();
      return earlier;
    }
    const template = this.templates.find(templateId, version);
    const imageId = this.templates.imageOf(template);
    const networkInterface = this.interfaces.find(template.networkInterfaceId);
    if (this.attachedTo(networkInterface.id) !== undefined) throw wording.interfaceInUse(networkInterface.id);
    this.#checkCapacity(template.instanceType, networkInterface.availabilityZone);
    const now = this.#parts.scheduler.now();
    const instance: Instance = {
      id: `i-${this.#parts.hex(17)}`,
      reservationId: `r-${this.#parts.hex(17)}`,
      state: 'pending',
      template,
      imageId,
      networkInterface,
      createdAt: now,
      launchedAt: now,
      wasRunning: false,
      tags: checked({ ...template.tags, ...tags }),
      isProtected: template.disableApiTermination ?? false,
      clientToken: clientToken ?? '',
      transitionReason: '',
    };
    if (clientToken !== undefined) this.#tokens.set(clientToken, { fingerprint, id: instance.id });
    this.#put(instance);
    this.#boot(instance, this.#parts.times.createMs);
    return instance;
  }

  /** Creates an instance that is stopped already, as if it had run before. @throws ApiError */
  runAsleep(request: RunRequest): Instance {
    const { id } = this.run(request);
    this.#timers.get(id)?.();
    this.#timers.delete(id);
    const asleep: Instance = {
      ...this.#existingOne(id),
      state: 'stopped',
      wasRunning: true,
      transitionReason: this.#userInitiated(),
    };
    this.#put(asleep);
    return asleep;
  }

  /** Starts stopped instances: all of them, or none. @throws ApiError */
  start(ids: readonly string[]): StateChange[] {
    const instances = this.#existing(ids);
    for (const { id, state } of instances) {
      if (!['stopped', 'pending', 'running'].includes(state)) throw wording.cannotStart(id);
    }
    const asleep = instances.filter(({ state }) => state === 'stopped');
    for (const { template, networkInterface } of asleep) {
      this.#checkCapacity(template.instanceType, networkInterface?.availabilityZone ?? '');
    }
    for (const instance of asleep) {
      const { stateReason: _, ...rest } = instance;
      const launchedAt = this.#parts.scheduler.now();
      this.#put({ ...rest, state: 'pending', launchedAt, transitionReason: '' });
      this.#boot(instance, this.#parts.times.startMs);
    }
    return this.#changes(instances);
  }

  /** Stops instances: all of them, or none. @throws ApiError */
  stop(ids: readonly string[]): StateChange[] {
    const instances = this.#existing(ids);
    for (const { id, state, wasRunning } of instances) {
      if (state === 'shutting-down' || state === 'terminated') throw wording.cannotStop(id);
      if (state === 'pending' && !wasRunning) throw wording.neverRan(id);
    }
    for (const { id, state } of instances) {
      if (state === 'pending' || state === 'running') this.#halt(id, 'stop', USER_SHUTDOWN, this.#userInitiated());
    }
    return this.#changes(instances);
  }

  /** Terminates instances: all of them, or none. @throws ApiError */
  terminate(ids: readonly string[]): StateChange[] {
    const instances = this.#existing(ids);
    for (const { id, isProtected, state } of instances) {
      if (isProtected && !isEnding(state)) throw wording.protectedFromTermination(id);
    }
    for (const { id, state } of instances) {
      if (!isEnding(state)) this.#halt(id, 'terminate', USER_SHUTDOWN, this.#userInitiated());
    }
    return this.#changes(instances);
  }

  /** Turns protection against termination on or off. @throws ApiError */
  protect(id: string, isProtected: boolean): void {
    for (const instance of this.#existing([id])) this.#put({ ...instance, isProtected });
  }

  /** Adds tags, or replaces their values. @throws ApiError */
  tag(ids: readonly string[], tags: Tags): void {
    const changed = this.#existing(ids).map((instance) => ({
      ...instance,
      tags: checked({ ...instance.tags, ...tags }),
    }));
    for (const instance of changed) this.#put(instance);
  }

  /** Removes tags. @param values remove a tag only if it has this value @throws ApiError */
  untag(ids: readonly string[], keys: readonly string[], values: Tags = {}): void {
    const goes = ([key, value]: readonly [string, string]): boolean =>
      keys.includes(key) && (values[key] === undefined || values[key] === value);
    for (const instance of this.#existing(ids)) {
      this.#put({ ...instance, tags: Object.fromEntries(Object.entries(instance.tags).filter((tag) => !goes(tag))) });
    }
  }

  /** Decides whether the interface has a public address while its instance runs. @throws ApiError */
  associateAddress(networkInterfaceId: string, isWanted: boolean): void {
    this.interfaces.associateAddress(networkInterfaceId, isWanted);
    const instance = this.attachedTo(networkInterfaceId);
    if (instance?.state === 'running') this.#put(this.#withPublicAddress(instance));
  }

  // -- What EC2 shows

  /** The instances as DescribeInstances shows them, oldest first. */
  shown(): Instance[] {
    this.#forgetOld();
    return this.#records.shown(this.#parts.scheduler.now());
  }

  /** Whether the status checks of a running instance have had their first result. */
  isChecked({ launchedAt }: Instance): boolean {
    return this.#parts.scheduler.now() - launchedAt >= this.#parts.times.statusChecksMs;
  }

  /** The instances as they are, oldest first. */
  all(): Instance[] {
    this.#forgetOld();
    return this.#records.all();
  }

  get(id: string): Instance | undefined {
    return this.#records.get(id);
  }

  /** The instance that has this network interface. */
  attachedTo(networkInterfaceId: string): Instance | undefined {
    return this.#records.all().find(({ networkInterface }) => networkInterface?.id === networkInterfaceId);
  }

  /** Calls the listener after every change of an instance. @returns a function that unsubscribes */
  onChange(listener: (instance: Instance) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  // -- What happens to instances

  /** The operating system powers off. Does nothing unless the instance runs. */
  powerOff(id: string): void {
    const instance = this.#records.get(id);
    if (instance?.state !== 'running') return;
    this.#halt(id, instance.template.shutdownBehavior ?? 'stop', OWN_SHUTDOWN, '');
  }

  /** Makes the status checks of a running instance fail. @returns a function that ends it */
  impair(id: string): () => void {
    const set = (impairedSince: number | undefined): void => {
      const instance = this.#records.get(id);
      if (instance === undefined) return;
      const { impairedSince: _, ...rest } = instance;
      this.#put({ ...rest, ...(impairedSince !== undefined && { impairedSince }) });
    };
    set(this.#parts.scheduler.now());
    return () => set(undefined);
  }

  /** EC2 refuses to create and start instances. @returns a function that ends it */
  refuse(refusal: InstanceRefusal = { cause: 'capacity' }): () => void {
    return this.#refusals.add(refusal);
  }

  /** Starts fail after EC2 accepted them. @returns a function that ends it */
  failLaunch(failure: LaunchFailure = { reason: KEY_UNUSABLE }): () => void {
    return this.#failures.add(failure);
  }

  /** Makes an instance older, as if all its times and the times in its tags were `ms` earlier. */
  age(id: string, ms: number): void {
    const instance = this.#records.get(id);
    if (instance === undefined) return;
    const earlier = (text: string): string =>
      /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) ? new Date(Date.parse(text) - ms).toISOString() : text;
    const tags = Object.entries(instance.tags).map(([key, value]) => [key, earlier(value)] as const);
    this.#put({
      ...instance,
      createdAt: instance.createdAt - ms,
      launchedAt: instance.launchedAt - ms,
      transitionReason: instance.transitionReason.replace(/\((.+) GMT\)/, (_, time: string) =>
        requestTime(Date.parse(`${time.replace(' ', 'T')}Z`) - ms),
      ),
      tags: Object.fromEntries(tags),
    });
  }

  /** Stops all scheduled changes. */
  close(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  #checkCapacity(instanceType: string, zone: string): void {
    const running = this.#records.all().filter(({ state }) => state === 'pending' || state === 'running');
    const used = running.reduce((total, { template }) => total + vcpusOf(template.instanceType), 0);
    const quota = this.#parts.vcpuQuota();
    if (used + vcpusOf(instanceType) > quota) throw wording.vcpuLimitExceeded(quota);
    const refusal = this.#refusals.take(({ availabilityZone }) => (availabilityZone ?? zone) === zone);
    if (refusal === undefined) return;
    const error: Record<InstanceRefusal['cause'], ApiError> = {
      capacity: wording.insufficientCapacity(instanceType, zone),
      unsupported: wording.unsupportedInZone(instanceType, zone),
    };
    throw error[refusal.cause];
  }

  #boot({ id, wasRunning }: Instance, bootMs: number): void {
    const failure = this.#failures.take(() => true);
    this.#later(id, bootMs, (instance) => {
      if (failure === undefined) {
        const { stateReason: _, ...rest } = instance;
        this.#put(this.#withPublicAddress({ ...rest, state: 'running', wasRunning: true }));
        return;
      }
      const ended = { ...instance, stateReason: failure.reason, transitionReason: failure.reason.code };
      if (wasRunning) this.#put({ ...ended, state: 'stopped' });
      else this.#end(ended);
    });
  }

  #halt(id: string, kind: 'stop' | 'terminate', stateReason: StateReason, transitionReason: string): void {
    const instance = this.#records.get(id);
    if (instance === undefined) return;
    const { publicAddress, impairedSince: _, ...running } = instance;
    // Only an Elastic IP stays.
    const isElastic = instance.networkInterface?.elasticAddress !== undefined;
    const rest = { ...running, ...(isElastic && publicAddress !== undefined && { publicAddress }) };
    const { stopMs, terminateMs } = this.#parts.times;
    const isStop = kind === 'stop';
    this.#put({ ...rest, state: isStop ? 'stopping' : 'shutting-down', stateReason, transitionReason });
    // A stopped instance has nothing to shut down.
    const wasOff = instance.state === 'stopped';
    this.#later(id, isStop ? stopMs : wasOff ? 0 : terminateMs, (halted) => {
      if (isStop) this.#put({ ...halted, state: 'stopped' });
      else this.#end(halted);
    });
  }

  #end(instance: Instance): void {
    const { networkInterface: _, publicAddress: __, ...rest } = instance;
    this.#put({ ...rest, state: 'terminated', terminatedAt: this.#parts.scheduler.now() });
  }

  #later(id: string, delayMs: number, change: (instance: Instance) => void): void {
    this.#timers.get(id)?.();
    const cancel = this.#parts.scheduler.after(delayMs, () => {
      this.#timers.delete(id);
      const instance = this.#records.get(id);
      if (instance !== undefined) change(instance);
    });
    this.#timers.set(id, cancel);
  }

  #withPublicAddress(instance: Instance): Instance {
    const { publicAddress: present, networkInterface, ...rest } = instance;
    if (networkInterface === undefined) return rest;
    const publicAddress = this.interfaces.addressOf(networkInterface, present);
    return { ...rest, networkInterface, ...(publicAddress !== undefined && { publicAddress }) };
  }

  #userInitiated(): string {
    return `User initiated ${requestTime(this.#parts.scheduler.now())}`;
  }

  #existingOne(id: string): Instance {
    const instance = this.#records.get(id);
    if (instance === undefined) throw wording.instancesNotFound([id]);
    return instance;
  }

  #existing(ids: readonly string[]): Instance[] {
    const missing = ids.filter((id) => this.#records.get(id) === undefined);
    if (missing.length > 0) throw wording.instancesNotFound(missing);
    return ids.flatMap((id) => this.#records.get(id) ?? []);
  }

  #changes(before: readonly Instance[]): StateChange[] {
    return before.map(({ id, state }) => ({
      id,
      previous: state,
      current: this.#records.get(id)?.state ?? state,
    }));
  }

  #put(instance: Instance): void {
    this.#records.put(instance, this.#parts.scheduler.now());
    for (const listener of this.#listeners) listener(instance);
  }

  #forgetOld(): void {
    const horizon = this.#parts.scheduler.now() - (this.#parts.terminatedShownMs ?? TERMINATED_SHOWN_MS);
    for (const { id, terminatedAt } of this.#records.all()) {
      if (terminatedAt !== undefined && terminatedAt <= horizon) this.#records.delete(id);
    }
  }
}

/** The time of a request as EC2 says it. */
function requestTime(ms: number): string {
  const time = new Date(ms).toISOString();
  return `(${time.slice(0, 10)} ${time.slice(11, 19)} GMT)`;
}

function isEnding(state: Instance['state']): boolean {
  return state === 'shutting-down' || state === 'terminated';
}

/** @throws ApiError if a resource can't have these tags */
function checked(tags: Tags): Tags {
  const keys = Object.keys(tags);
  if (keys.length > MOST_TAGS) throw wording.tooManyTags();
  const reserved = keys.find((key) => key.startsWith('aws:'));
  if (reserved !== undefined) throw wording.reservedTag(reserved);
  return tags;
}
