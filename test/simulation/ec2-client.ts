import {
  CreateTagsCommand,
  DescribeInstanceStatusCommand,
  DescribeInstancesCommand,
  EC2Client,
  EC2ServiceException,
  ModifyInstanceAttributeCommand,
  ModifyNetworkInterfaceAttributeCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  type Tag,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { ApiError } from '../../local/aws/core/api-error.ts';
import { requestLimitExceeded, unauthorized } from '../../local/aws/core/ec2/wording.ts';
import type { Faults } from './faults.ts';
import { type GatewayWorld, LONGEST_LAG_MS, type Request } from './gateway-world.ts';
import type { Random } from './random.ts';
import type { FaultKind, WorldSettings } from './scenario.ts';
import type { VirtualTime } from './virtual-time.ts';
import { call, type Environment, latency, noteFault, type Reply, type TickRecord } from './wire.ts';

/** The SDK makes three attempts of 4 s each, but only one attempt to end an instance. */
const GIVES_UP_AFTER_MS = 12_500;
const END_GIVES_UP_AFTER_MS = 4_000;

const READ_FAULTS = [
  'ec2-throttled',
  'ec2-server-error',
  'ec2-hang',
  'ec2-slow',
  'ec2-changed-shape',
] as const satisfies readonly FaultKind[];
const CHANGE_FAULTS = [
  'ec2-throttled',
  'ec2-server-error',
  'ec2-hang',
  'ec2-slow',
  'ec2-lost-response',
  'ec2-access-denied',
] as const satisfies readonly FaultKind[];
const START_FAULTS = [
  ...CHANGE_FAULTS,
  'ec2-capacity',
  'ec2-quota',
  'ec2-launch-fails',
] as const satisfies readonly FaultKind[];

export interface Ec2Cloud {
  readonly time: VirtualTime;
  readonly settings: WorldSettings;
  readonly random: Random;
  readonly faults: Faults;
  readonly gateways: GatewayWorld;
  /** Called when a tick reads the gateways again, as it does before it ends one. */
  readonly onSecondLook: () => void;
  /** Called before EC2 carries out a request that ends an instance. */
  readonly onEnd: (by: TickRecord, action: 'stop' | 'terminate', instanceId: string) => void;
  /** Called before EC2 carries out a request that creates an instance of this launch template. */
  readonly onCreate: (launchTemplateId: string) => void;
}

/**
 * Replaces the AWS SDK's EC2 client in the launcher's adapter. It calls the simulated EC2, with faults.
 * @param ends whether the client only ends instances, and repeats no call
 */
export function simulatedEc2Client(cloud: Ec2Cloud, environment: Environment, ends: boolean): EC2Client {
  const api = new Ec2Api(cloud, environment, ends);
  const client: EC2Client = Object.create(EC2Client.prototype);
  const send = (command: unknown, options?: { abortSignal?: AbortSignal }): Promise<unknown> =>
    api.send(command, options?.abortSignal ?? new AbortController().signal);
  return Object.assign(client, { send });
}

class Ec2Api {
  readonly #cloud: Ec2Cloud;
  readonly #environment: Environment;
  readonly #ends: boolean;

  constructor(cloud: Ec2Cloud, environment: Environment, ends: boolean) {
    this.#cloud = cloud;
    this.#environment = environment;
    this.#ends = ends;
  }

  send(command: unknown, signal: AbortSignal): Promise<unknown> {
    const { tick } = this.#environment;
    if (command instanceof DescribeInstancesCommand) {
      const { Filters = [] } = command.input;
      const filters = Filters.map(({ Name, Values }) => ({ Name, Value: Values }));
      return this.#read('DescribeInstances', { Filter: filters }, signal);
    }
    if (command instanceof DescribeInstanceStatusCommand)
      return this.#read('DescribeInstanceStatus', { InstanceId: command.input.InstanceIds }, signal);
    if (command instanceof CreateTagsCommand) {
      const { Resources, Tags } = command.input;
      return this.#change('CreateTags', { ResourceId: Resources, Tag: tagsOf(Tags) }, signal);
    }
    if (command instanceof RunInstancesCommand) {
      const { LaunchTemplate, ClientToken, TagSpecifications = [], MinCount, MaxCount } = command.input;
      const specifications = TagSpecifications.map(({ ResourceType, Tags }) => ({ ResourceType, Tag: tagsOf(Tags) }));
      const input = {
        LaunchTemplate,
        ClientToken,
        MinCount: String(MinCount),
        MaxCount: String(MaxCount),
        TagSpecification: specifications,
      };
      const id = LaunchTemplate?.LaunchTemplateId ?? '';
      return this.#change('RunInstances', input, signal, () => this.#cloud.onCreate(id));
    }
    if (command instanceof StartInstancesCommand)
      return this.#change('StartInstances', { InstanceId: command.input.InstanceIds }, signal);
    if (command instanceof StopInstancesCommand) {
      const { InstanceIds = [] } = command.input;
      return this.#change('StopInstances', { InstanceId: InstanceIds }, signal, () => {
        for (const id of InstanceIds) this.#cloud.onEnd(tick, 'stop', id);
      });
    }
    if (command instanceof TerminateInstancesCommand) {
      const { InstanceIds = [] } = command.input;
      return this.#change('TerminateInstances', { InstanceId: InstanceIds }, signal, () => {
        for (const id of InstanceIds) this.#cloud.onEnd(tick, 'terminate', id);
      });
    }
    if (command instanceof ModifyInstanceAttributeCommand) {
      const { InstanceId, DisableApiTermination } = command.input;
      const value = { Value: String(DisableApiTermination?.Value) };
      return this.#change('ModifyInstanceAttribute', { InstanceId, DisableApiTermination: value }, signal);
    }
    if (command instanceof ModifyNetworkInterfaceAttributeCommand) {
      const { NetworkInterfaceId, AssociatePublicIpAddress } = command.input;
      const input = { NetworkInterfaceId, AssociatePublicIpAddress: String(AssociatePublicIpAddress) };
      return this.#change('ModifyNetworkInterfaceAttribute', input, signal);
    }
    throw new Error('The simulated EC2 does not know this command');
  }

  #read(action: string, input: object, signal: AbortSignal): Promise<unknown> {
    const { tick } = this.#environment;
    const isFirst = !tick.calls.ec2.includes(action);
    if (!isFirst && action === 'DescribeInstances') this.#cloud.onSecondLook();
    const unseen = (what: string): void => {
      if (isFirst) tick.gatewaysUnread = `${action}: ${what}`;
    };
    return this.#call(action, READ_FAULTS, signal, unseen, (fault) => {
      if (fault === 'ec2-changed-shape') {
        unseen(fault);
        return { value: { Reservations: [{ Instances: [{}] }], InstanceStatuses: [{}] } };
      }
      return this.#answered(action, input, { lagMs: this.#lag(tick) });
    });
  }

  #change(action: string, input: object, signal: AbortSignal, before: () => void = () => {}): Promise<unknown> {
    const isStart = action === 'RunInstances' || action === 'StartInstances';
    return this.#call(
      action,
      isStart ? START_FAULTS : CHANGE_FAULTS,
      signal,
      () => {},
      (fault) => {
        if (fault === 'ec2-access-denied') return refused(unauthorized(action));
        before();
        const reply = this.#answered(action, input, { fault: refusalOf(fault) });
        return fault === 'ec2-lost-response' ? 'silence' : reply;
      },
    );
  }

  #call(
    action: string,
    kinds: readonly FaultKind[],
    signal: AbortSignal,
    unseen: (what: string) => void,
    arrive: (fault: FaultKind | undefined) => Reply<unknown>,
  ): Promise<unknown> {
    const { time, random, faults, settings } = this.#cloud;
    const { tick } = this.#environment;
    tick.calls.ec2.push(action);
    const fault = faults.hit(kinds);
    const names = settings.pools.map(({ name }) => name);
    if (fault !== undefined) noteFault(tick, fault, names);
    return call(time, {
      environment: this.#environment,
      signal,
      latencyMs: fault === 'ec2-slow' ? random.between(1000, 9000) : this.#latencyMs(),
      timeoutMs: this.#ends ? END_GIVES_UP_AFTER_MS : GIVES_UP_AFTER_MS,
      arrive: () => {
        const reply = this.#arrived(action, fault, arrive);
        if (reply === 'silence' || 'error' in reply) unseen(fault ?? 'no answer');
        return reply;
      },
      givenUp: (why) => {
        noteFault(tick, 'ec2-gave-no-answer', names);
        unseen('no answer');
        const error = new Error(why === 'aborted' ? 'Request aborted' : 'Request did not complete within 4000 ms');
        error.name = why === 'aborted' ? 'AbortError' : 'TimeoutError';
        return error;
      },
    });
  }

  #latencyMs(): number {
    const { random, settings } = this.#cloud;
    return settings.slowAnswers === true ? random.between(1000, 2000) : latency(random, 30, 250);
  }

  #arrived(
    action: string,
    fault: FaultKind | undefined,
    arrive: (fault: FaultKind | undefined) => Reply<unknown>,
  ): Reply<unknown> {
    if (fault === 'ec2-hang') return 'silence';
    if (fault === 'ec2-throttled') return refused(requestLimitExceeded(action, '123456789012'));
    if (fault === 'ec2-server-error') return refused(new ApiError('Unavailable', 'The server is overloaded.', 503));
    return arrive(fault);
  }

  #answered(action: string, input: object, request: Request): Reply<unknown> {
    try {
      return { value: sdkShape(this.#cloud.gateways.call(action, input, request)) };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return refused(error);
    }
  }

  /** Draws the delay with which this read shows each instance. */
  #lag(tick: TickRecord): () => number {
    const { faults, random, settings } = this.#cloud;
    const rate = faults.rate('ec2-read-lag');
    const usual = (): number => random.between(0, settings.gateways?.usualLagMs ?? 0);
    if (rate === 0) return usual;
    return () => {
      if (!random.chance(rate)) return usual();
      noteFault(
        tick,
        'ec2-read-lag',
        settings.pools.map(({ name }) => name),
      );
      faults.count('ec2-read-lag');
      return random.between(0, LONGEST_LAG_MS);
    };
  }
}

function refusalOf(fault: FaultKind | undefined): Request['fault'] {
  if (fault === 'ec2-capacity') return 'capacity';
  if (fault === 'ec2-quota') return 'quota';
  return fault === 'ec2-launch-fails' ? 'launch-fails' : undefined;
}

function refused({ code, message, status }: ApiError): { readonly error: Error } {
  const $metadata = { httpStatusCode: status };
  return {
    error: new EC2ServiceException({ name: code, message, $fault: status < 500 ? 'client' : 'server', $metadata }),
  };
}

function tagsOf(tags: readonly Tag[] = []): readonly Pick<Tag, 'Key' | 'Value'>[] {
  return tags.map(({ Key, Value }) => ({ Key, Value }));
}

/** The SDK's names of members, if they aren't the names on the wire with a capital letter. */
const SDK_NAMES: Readonly<Record<string, string>> = {
  reservationSet: 'Reservations',
  instancesSet: 'Instances',
  instanceStatusSet: 'InstanceStatuses',
  instanceState: 'State',
  ipAddress: 'PublicIpAddress',
  networkInterfaceSet: 'NetworkInterfaces',
  tagSet: 'Tags',
  reason: 'StateTransitionReason',
};

/** Converts a response into that of the SDK. */
export function sdkShape(document: unknown): unknown {
  if (Array.isArray(document)) return document.map(sdkShape);
  if (typeof document !== 'object' || document === null || document instanceof Date) return document;
  return Object.fromEntries(
    Object.entries(document).map(([name, value]) => [
      SDK_NAMES[name] ?? name.charAt(0).toUpperCase() + name.slice(1),
      sdkShape(value),
    ]),
  );
}
