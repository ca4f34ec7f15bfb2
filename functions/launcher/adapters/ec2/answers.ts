import * as z from 'zod';
import { GATEWAY_TAGS } from '../../contract.ts';
import { type GatewayInstance, INSTANCE_STATES } from '../../core/gateway-types.ts';

/** Instances as the SDK returns them, where every member is optional. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html */
export const ec2Instance = z.object({
  InstanceId: z.string().regex(/^i-[0-9a-z]+$/),
  State: z.object({ Name: z.enum(INSTANCE_STATES) }),
  LaunchTime: z.date(),
  PublicIpAddress: z.string().optional(),
  NetworkInterfaces: z.array(z.object({ NetworkInterfaceId: z.string().optional() })).optional(),
  StateReason: z.object({ Code: z.string().optional(), Message: z.string().optional() }).optional(),
  StateTransitionReason: z.string().optional(),
  Tags: z.array(z.object({ Key: z.string().optional(), Value: z.string().optional() })).optional(),
});

/** Someone stopped or ended the instance on purpose, so the reason explains nothing. */
const ON_PURPOSE = /^Client\.(User|Instance)InitiatedShutdown$/;

/**
 * EC2's words for a stop or an end that someone requested. UNVERIFIED: AWS documents no format. Without a time, launches wait half
 * a minute after a start (`core/gateway.ts`).
 */
const REQUESTED = /^User initiated \((\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) GMT\)$/;

export function instanceOf(answer: z.infer<typeof ec2Instance>): GatewayInstance {
  const tags = new Map(answer.Tags?.map(({ Key, Value }) => [Key, Value]));
  const timeIn = (key: string): number | undefined => msOf(tags.get(key) ?? '');
  const failures = Number(tags.get(GATEWAY_TAGS.failures));
  const { Code: code, Message: message } = answer.StateReason ?? {};
  return {
    id: answer.InstanceId,
    gateway: tags.get(GATEWAY_TAGS.gateway) ?? '',
    state: answer.State.Name,
    launchedAtMs: answer.LaunchTime.getTime(),
    stateReason: code === undefined || ON_PURPOSE.test(code) ? undefined : (message ?? code),
    endRequestedMs: requestedMsOf(answer.StateTransitionReason),
    networkInterfaceId: answer.NetworkInterfaces?.[0]?.NetworkInterfaceId,
    publicAddress: answer.PublicIpAddress,
    config: tags.get(GATEWAY_TAGS.config),
    createdAtMs: timeIn(GATEWAY_TAGS.created),
    failures: Number.isSafeInteger(failures) && failures > 0 ? failures : 0,
    lastUsedMs: timeIn(GATEWAY_TAGS.lastUsed),
    usedSinceMs: timeIn(GATEWAY_TAGS.usedSince),
    readyMs: timeIn(GATEWAY_TAGS.ready),
    problem: tags.get(GATEWAY_TAGS.problem),
  };
}

function requestedMsOf(reason = ''): number | undefined {
  const [, day, time] = REQUESTED.exec(reason) ?? [];
  return msOf(`${day}T${time}Z`);
}

function msOf(time: string): number | undefined {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? undefined : ms;
}

const check = z
  .object({
    Status: z.string().optional(),
    Details: z.array(z.object({ ImpairedSince: z.date().optional() })).optional(),
  })
  .optional();

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceStatus.html */
export const ec2InstanceStatus = z.object({
  InstanceId: z.string(),
  InstanceStatus: check,
  SystemStatus: check,
  AttachedEbsStatus: check,
});

/** Since when one of the instance's status checks fails; `undefined` if none does, or if EC2 doesn't say since when. */
export function impairedSinceMsOf(answer: z.infer<typeof ec2InstanceStatus>): number | undefined {
  const checks = [answer.InstanceStatus, answer.SystemStatus, answer.AttachedEbsStatus];
  const failing = checks.flatMap((one) => (one?.Status === 'impaired' ? (one.Details ?? []) : []));
  const times = failing.flatMap(({ ImpairedSince }) => ImpairedSince?.getTime() ?? []);
  return times.toSorted((a, b) => a - b)[0];
}
