/**
 * A gateway of the egress mode `on-demand` on the local AWS: what a deployment creates, and what its instance does.
 *
 * 1. A deployment and the launcher's first tick created its network interface, launch template and instance. The instance sleeps.
 * 2. The launcher starts it. EC2's emulator needs 6 s, and the filter 2.5 s more. Then the instance writes the tag `ready`, as the health
 *    script of a real one does.
 * 3. While it isn't ready, no task can pull its image, because a real task has no other egress path.
 * 4. The launcher stops it when nothing has used it for a while. {@link LocalGateway.skip} skips that time.
 *
 * Nothing is forwarded: the processes of tasks use this machine's network. `labs/gateway` runs the real filter.
 */
import { ENV, GATEWAY_TAGS, type GatewayStart } from '../../functions/launcher/contract.ts';
import type { GatewayEnvironment } from '../../functions/launcher/gateway-environment.ts';
import {
  DEFAULT_GATEWAY_IDLE_MINUTES,
  DEFAULT_GATEWAY_INSTANCE_TYPE,
  DEFAULT_GATEWAY_MAX_AGE_DAYS,
} from '../../lib/defaults.ts';
import type { Instance } from '../aws/core/ec2/instance.ts';
import type { Instances } from '../aws/core/ec2/instances.ts';
import { MEASURED_TIMES } from '../aws/core/ec2/times.ts';
import type { Scheduler } from '../aws/core/scheduler.ts';
import { LOCAL_VPC } from '../aws/services/ec2.ts';
import type { EcsServer } from '../ecs/server.ts';
import { machineScheduler } from '../machine-scheduler.ts';

/**
 * From `running` until the filter works. A stopped t4g.nano with another filter forwards 8.5 s after its start, and EC2's emulator takes 6 s of
 * them: https://nat-zero.machine.dev/performance
 */
export const FILTER_MS = 2_500;

/** ECS's message if a task has no egress path, from a report of a user: `test/functions/launcher/aws-messages.ts`. */
const NO_EGRESS =
  'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry auth: ' +
  'service call has been retried 3 time(s): RequestError: send request failed caused by: Post "https://api.ecr.eu-central-1.amazonaws.com/": ' +
  'dial tcp 203.0.113.10:443: i/o timeout. Please check your task network configuration.';

const INTERFACE = 'eni-0a1b2c3d4e5f60718';
const TEMPLATE = 'lt-0a1b2c3d4e5f60718';
const IMAGE = 'ami-0a1b2c3d4e5f60718';
const CONFIG = 'local';
const DAY_MS = 24 * 60 * 60_000;

/** `awake`: its filter works. */
export type GatewayPhase = 'asleep' | 'starting' | 'awake' | 'stopping' | 'absent';

export interface PhaseChange {
  readonly phase: GatewayPhase;
  readonly atMs: number;
}

/** A time that was skipped for the gateway only. */
export interface Skip {
  readonly atMs: number;
  readonly ms: number;
}

export interface LocalGatewayOptions {
  /** Name of the stack. */
  readonly stack: string;
  /** Default: {@link FILTER_MS}. */
  readonly filterMs?: number;
  /** Default: the machine's clock. It must be that of the server. */
  readonly scheduler?: Scheduler;
}

export class LocalGateway {
  /** Its entry in the function's variable. */
  readonly environment: GatewayEnvironment;
  readonly instanceType = DEFAULT_GATEWAY_INSTANCE_TYPE;
  /** Every change since the beginning, oldest first. */
  readonly phases: PhaseChange[] = [];
  /** The times that were skipped. */
  readonly skips: Skip[] = [];
  readonly #ecs: EcsServer;
  readonly #instances: Instances;
  readonly #filterMs: number;
  readonly #scheduler: Scheduler;
  /** When its filter began to work, while it does. */
  #readyMs: number | undefined;
  #cancelFilter = (): void => {};
  #allowPulls: (() => void) | undefined;

  constructor(ecs: EcsServer, { stack, filterMs = FILTER_MS, scheduler = machineScheduler }: LocalGatewayOptions) {
    this.#ecs = ecs;
    this.#instances = ecs.aws.instances;
    this.#filterMs = filterMs;
    this.#scheduler = scheduler;
    this.environment = {
      name: `${stack}/gateway-1`,
      launchTemplateId: TEMPLATE,
      launchTemplateVersion: '1',
      networkInterfaceId: INTERFACE,
      config: CONFIG,
      fixedAddress: false,
    };
    this.#create(ecs.subnets[0]?.availabilityZone ?? 'local-1a');
    this.#record();
    this.#instances.onChange((instance) => this.#changed(instance));
  }

  /** Short name: `gateway-1`. */
  get shortName(): string {
    return this.environment.name.replace(/^.*\//, '');
  }

  get phase(): GatewayPhase {
    return this.phases.at(-1)?.phase ?? 'absent';
  }

  /** The function's variables of a deployment with this gateway. */
  variables(start: GatewayStart = 'before-tasks'): Readonly<Record<string, string>> {
    return {
      [ENV.gateways]: JSON.stringify([this.environment]),
      [ENV.gatewayIdleMinutes]: String(DEFAULT_GATEWAY_IDLE_MINUTES),
      [ENV.gatewayStart]: start,
      [ENV.gatewayMaxAgeDays]: String(DEFAULT_GATEWAY_MAX_AGE_DAYS),
    };
  }

  /** Id of its instance; absent while the launcher replaces it. */
  get instanceId(): string | undefined {
    return this.#instance?.id;
  }

  /** Skips a time for the instance only: the times that EC2 shows of it, and those in its tags, become earlier. */
  skip(ms: number): void {
    const id = this.instanceId;
    if (id === undefined) return;
    this.#instances.age(id, ms);
    this.skips.push({ atMs: this.#scheduler.now(), ms });
  }

  /** Cancels what its instance would do later. */
  close(): void {
    this.#cancelFilter();
  }

  /** Starts its instance, as the launcher does for a task. */
  wake(): void {
    const id = this.instanceId;
    if (id === undefined) return;
    const now = new Date(this.#scheduler.now()).toISOString();
    this.#instances.tag([id], { [GATEWAY_TAGS.lastUsed]: now, [GATEWAY_TAGS.usedSince]: now });
    this.#instances.start([id]);
  }

  get #instance(): Instance | undefined {
    return this.#instances.attachedTo(INTERFACE);
  }

  #create(availabilityZone: string): void {
    const { interfaces, templates } = this.#instances;
    interfaces.put({
      id: INTERFACE,
      subnetId: 'subnet-0a1b2c3d4e5f6072a',
      vpcId: LOCAL_VPC,
      availabilityZone,
      privateAddress: '10.0.240.10',
    });
    interfaces.associateAddress(INTERFACE, true);
    templates.putImage(IMAGE);
    const { name } = this.environment;
    templates.put({
      id: TEMPLATE,
      version: 1,
      imageId: IMAGE,
      instanceType: this.instanceType,
      networkInterfaceId: INTERFACE,
      tags: { Name: name, [GATEWAY_TAGS.gateway]: name, [GATEWAY_TAGS.config]: CONFIG },
      disableApiTermination: true,
    });
    const nowMs = this.#scheduler.now();
    const now = new Date(nowMs).toISOString();
    const { id } = this.#instances.runAsleep({
      templateId: TEMPLATE,
      version: '1',
      clientToken: undefined,
      tags: {
        [GATEWAY_TAGS.created]: now,
        [GATEWAY_TAGS.failures]: '0',
        [GATEWAY_TAGS.lastUsed]: now,
        [GATEWAY_TAGS.usedSince]: now,
        [GATEWAY_TAGS.ready]: new Date(nowMs + MEASURED_TIMES.createMs + this.#filterMs).toISOString(),
      },
    });
    // It was created yesterday.
    this.#instances.age(id, DAY_MS);
  }

  #changed(instance: Instance): void {
    if (instance.networkInterface?.id !== INTERFACE && instance.state !== 'terminated') return;
    const { id, state } = instance;
    if (state !== 'running') {
      this.#cancelFilter();
      this.#cancelFilter = () => {};
      this.#readyMs = undefined;
    } else if (this.phase === 'starting' && this.#readyMs === undefined) {
      this.#cancelFilter();
      this.#cancelFilter = this.#scheduler.after(this.#filterMs, () => this.#becomeReady(id));
    }
    this.#record();
  }

  #becomeReady(id: string): void {
    this.#readyMs = this.#scheduler.now();
    this.#instances.tag([id], { [GATEWAY_TAGS.ready]: new Date(this.#readyMs).toISOString() });
  }

  #record(): void {
    const phase = this.#phaseNow();
    if (phase !== this.phase || this.phases.length === 0) this.phases.push({ phase, atMs: this.#scheduler.now() });
    if (phase === 'awake') {
      this.#allowPulls?.();
      this.#allowPulls = undefined;
    } else this.#allowPulls ??= this.#ecs.failStart({ at: 'pull', reason: NO_EGRESS });
  }

  #phaseNow(): GatewayPhase {
    switch (this.#instance?.state) {
      case 'stopped':
        return 'asleep';
      case 'pending':
        return 'starting';
      case 'running':
        return this.#readyMs === undefined ? 'starting' : 'awake';
      case 'stopping':
        return 'stopping';
      default:
        return 'absent';
    }
  }
}
