import {
  CreateTagsCommand,
  DescribeInstanceStatusCommand,
  type EC2Client,
  EC2ServiceException,
  ModifyInstanceAttributeCommand,
  ModifyNetworkInterfaceAttributeCommand,
  paginateDescribeInstances,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import * as z from 'zod';
import { GATEWAY_TAGS } from '../../contract.ts';
import type { Gateway, GatewayInstance } from '../../core/gateway-types.ts';
import { UpstreamError } from '../../errors.ts';
import type { Clock, GatewayAnswer, GatewayEndAnswer, Gateways } from '../../ports.ts';
import { noAnswer } from '../no-answer.ts';
import { ec2Instance, ec2InstanceStatus, impairedSinceMsOf, instanceOf } from './answers.ts';
import { gatewayRefusalOf } from './refusals.ts';

const reservations = z.array(z.object({ Instances: z.array(ec2Instance) }));
const statuses = z.array(ec2InstanceStatus);

export interface Ec2Parts {
  readonly client: EC2Client;
  /** The client that ends instances. It must not repeat calls, because a repeated call could arrive when the instance is needed again. */
  readonly endClient: EC2Client;
  /** Names of all gateways. */
  readonly names: readonly string[];
  readonly clock: Pick<Clock, 'now'>;
}

/** Implements the port `Gateways` with EC2. */
export class Ec2Gateways implements Gateways {
  readonly #client: EC2Client;
  readonly #endClient: EC2Client;
  readonly #names: readonly string[];
  readonly #clock: Pick<Clock, 'now'>;

  constructor({ client, endClient, names, clock }: Ec2Parts) {
    this.#client = client;
    this.#endClient = endClient;
    this.#names = names;
    this.#clock = clock;
  }

  async instances(signal: AbortSignal): Promise<readonly GatewayInstance[]> {
    const filter = { Name: `tag:${GATEWAY_TAGS.gateway}`, Values: [...this.#names] };
    const found: GatewayInstance[][] = [];
    try {
      const pages = paginateDescribeInstances({ client: this.#client }, { Filters: [filter] }, { abortSignal: signal });
      for await (const { Reservations } of pages) {
        const page = parsed(reservations, Reservations ?? []);
        found.push(page.flatMap(({ Instances }) => Instances.map(instanceOf)));
      }
    } catch (error) {
      throw asUpstreamError(error, 'DescribeInstances');
    }
    return found.flat();
  }

  async impairedSinceMs(instanceIds: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const command = new DescribeInstanceStatusCommand({ InstanceIds: [...instanceIds] });
    try {
      const { InstanceStatuses } = await this.#client.send(command, { abortSignal: signal });
      const shown = parsed(statuses, InstanceStatuses ?? [], 'DescribeInstanceStatus');
      return new Map(
        shown.flatMap((status) => {
          const sinceMs = impairedSinceMsOf(status);
          return sinceMs === undefined ? [] : [[status.InstanceId, sinceMs] as const];
        }),
      );
    } catch (error) {
      throw asUpstreamError(error, 'DescribeInstanceStatus');
    }
  }

  async create(gateway: Gateway, failures: number, nowMs: number, signal: AbortSignal): Promise<GatewayAnswer> {
    const now = new Date(nowMs).toISOString();
    const named = { Key: GATEWAY_TAGS.gateway, Value: gateway.name };
    const tags = [
      named,
      { Key: GATEWAY_TAGS.config, Value: gateway.config },
      { Key: GATEWAY_TAGS.created, Value: now },
      { Key: GATEWAY_TAGS.failures, Value: String(failures) },
      { Key: GATEWAY_TAGS.lastUsed, Value: now },
      { Key: GATEWAY_TAGS.usedSince, Value: now },
    ];
    const command = new RunInstancesCommand({
      LaunchTemplate: { LaunchTemplateId: gateway.launchTemplateId, Version: gateway.launchTemplateVersion },
      MinCount: 1,
      MaxCount: 1,
      // The client may repeat the call. Two ticks can't both create an instance, because both need the same network interface.
      ClientToken: `${gateway.networkInterfaceId}/${nowMs}`,
      TagSpecifications: [
        { ResourceType: 'instance', Tags: tags },
        { ResourceType: 'volume', Tags: [named] },
      ],
    });
    return this.#changed('RunInstances', async () => {
      if (!gateway.fixedAddress) await this.#assignAddress(gateway.networkInterfaceId, signal).catch(ifRefused);
      await this.#client.send(command, { abortSignal: signal });
    });
  }

  start(instanceId: string, signal: AbortSignal): Promise<GatewayAnswer> {
    const command = new StartInstancesCommand({ InstanceIds: [instanceId] });
    return this.#changed('StartInstances', () => this.#client.send(command, { abortSignal: signal }));
  }

  async mark(instanceId: string, usedSinceMs: number, nowMs: number, signal: AbortSignal): Promise<void> {
    const command = new CreateTagsCommand({
      Resources: [instanceId],
      Tags: [
        { Key: GATEWAY_TAGS.lastUsed, Value: new Date(nowMs).toISOString() },
        { Key: GATEWAY_TAGS.usedSince, Value: new Date(usedSinceMs).toISOString() },
      ],
    });
    await this.#client.send(command, { abortSignal: signal }).catch((error: unknown) => {
      throw asUpstreamError(error, 'CreateTags');
    });
  }

  async requestAddress(networkInterfaceId: string, signal: AbortSignal): Promise<void> {
    await this.#assignAddress(networkInterfaceId, signal).catch((error: unknown) => {
      throw asUpstreamError(error, 'ModifyNetworkInterfaceAttribute');
    });
  }

  async stop(instanceId: string, untilMs: number, signal: AbortSignal): Promise<GatewayEndAnswer> {
    if (this.#clock.now() > untilMs) return { kind: 'late' };
    const command = new StopInstancesCommand({ InstanceIds: [instanceId] });
    return this.#changed('StopInstances', () => this.#endClient.send(command, { abortSignal: signal }));
  }

  async terminate(instanceId: string, untilMs: number, signal: AbortSignal): Promise<GatewayEndAnswer> {
    if (this.#clock.now() > untilMs) return { kind: 'late' };
    const unprotect = new ModifyInstanceAttributeCommand({
      InstanceId: instanceId,
      DisableApiTermination: { Value: false },
    });
    const unprotected = await this.#changed('ModifyInstanceAttribute', () =>
      this.#endClient.send(unprotect, { abortSignal: signal }),
    );
    if (unprotected.kind !== 'done') return unprotected;
    if (this.#clock.now() > untilMs) return { kind: 'late' };
    const command = new TerminateInstancesCommand({ InstanceIds: [instanceId] });
    return this.#changed('TerminateInstances', () => this.#endClient.send(command, { abortSignal: signal }));
  }

  /**
   * "This option can be enabled for any network interface but will only apply to the primary network interface (eth0)":
   * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyNetworkInterfaceAttribute.html
   * UNVERIFIED for an interface that exists before its instance.
   */
  #assignAddress(NetworkInterfaceId: string, signal: AbortSignal): Promise<unknown> {
    const command = new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId, AssociatePublicIpAddress: true });
    return this.#client.send(command, { abortSignal: signal });
  }

  /** Sends the request of a change, and turns EC2's refusals into answers. */
  async #changed(action: string, send: () => Promise<unknown>): Promise<GatewayAnswer> {
    try {
      await send();
      return { kind: 'done' };
    } catch (error) {
      if (!(error instanceof EC2ServiceException) || faultOf(error) !== 'rejected')
        throw asUpstreamError(error, action);
      const refusal = gatewayRefusalOf(error.name, error.message);
      return OVERTAKEN.test(error.name) ? { kind: 'overtaken', detail: refusal.detail } : { kind: 'refused', refusal };
    }
  }
}

/** Codes that mean that another tick or a person was faster. */
const OVERTAKEN =
  /^(IncorrectInstanceState|IncorrectState|InvalidNetworkInterface\.InUse|InvalidInstanceID\.NotFound)$/;

/** Codes that mean that the caller must wait. */
const THROTTLED =
  /^(RequestLimitExceeded|Throttling(Exception)?|ThrottledException|EC2ThrottledException|TooManyRequests)$/;

/**
 * Whether EC2 certainly refused the call. EC2 reports a lack of capacity as an error of the server.
 * https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-error-codes.html
 */
function faultOf({ name, $fault }: EC2ServiceException): 'throttled' | 'rejected' | 'unavailable' {
  if (THROTTLED.test(name)) return 'throttled';
  return $fault === 'client' || name.startsWith('Insufficient') ? 'rejected' : 'unavailable';
}

/** If the interface can't have the attribute, the gateway is created anyway. Without an address, it is a problem that says what to do. */
function ifRefused(error: unknown): void {
  if (!(error instanceof EC2ServiceException) || faultOf(error) !== 'rejected') throw error;
}

function parsed<S extends z.ZodType>(schema: S, value: unknown, action = 'DescribeInstances'): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.slice(0, 3).map((issue) => `${issue.path.join('.') || 'top'}: ${issue.code}`);
  throw new UpstreamError({
    system: 'EC2',
    fault: 'unexpected-answer',
    what: `the answer doesn't match the expected schema (${faults.join('; ')})`,
    request: action,
  });
}

function asUpstreamError(error: unknown, action: string): UpstreamError {
  if (error instanceof UpstreamError) return error;
  if (!(error instanceof EC2ServiceException)) return noAnswer('EC2', action, error);
  const fault = faultOf(error);
  const { detail, remedy } = gatewayRefusalOf(error.name, error.message);
  const { httpStatusCode, requestId } = error.$metadata;
  return new UpstreamError({
    system: 'EC2',
    fault,
    what: fault === 'rejected' ? `${detail}; ${remedy}` : detail,
    request: action,
    ...(httpStatusCode !== undefined && { status: httpStatusCode }),
    ...(requestId !== undefined && { requestId }),
    cause: error,
  });
}
