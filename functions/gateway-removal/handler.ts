/**
 * Ends the instances of gateways before CloudFormation deletes what they use. The launcher creates these instances, so CloudFormation
 * doesn't know them. It invokes this function as a custom resource.
 */
import { setTimeout } from 'node:timers/promises';
import { EC2Client } from '@aws-sdk/client-ec2';
import type { CloudFormationCustomResourceEvent, Context } from 'aws-lambda';
import * as z from 'zod';
import { answerWith } from '../connection/custom-resource.ts';
import { TaggedInstances } from './adapters/ec2.ts';
import type { GatewayRemovalProperties } from './contract.ts';
import type { Clock } from './ports.ts';
import { removeGateways } from './remove-gateways.ts';

/** Without this, the SDK waits forever for an answer. It repeats a request that timed out. */
const limits = { connectionTimeout: 5_000, requestTimeout: 20_000, throwOnRequestTimeout: true };
const ec2 = new EC2Client({ requestHandler: limits });

/** Time at the end of an invocation that is reserved: for requests that are under way, and for sending the answer. */
const RESERVED_MS = 90_000;

const properties: z.ZodType<GatewayRemovalProperties> = z.object({
  TagKey: z.string().min(1),
  // Without a name, the filter would match nothing, and CloudFormation would fail later.
  Gateways: z.array(z.string().min(1)).min(1),
});

type Handler = (event: CloudFormationCustomResourceEvent, context: Context) => Promise<void>;

export const handler: Handler = handlerWith({
  now: () => Date.now(),
  sleep: async (ms) => {
    await setTimeout(ms);
  },
});

/** The function with a clock. */
export function handlerWith(clock: Clock): Handler {
  return (event, context) =>
    answerWith(
      event,
      async () => {
        // Another list of gateways comes with another network, which has its own custom resource.
        if (event.RequestType === 'Delete') await remove(event, context, clock);
        return {};
      },
      AbortSignal.timeout,
    );
}

async function remove(event: CloudFormationCustomResourceEvent, context: Context, clock: Clock): Promise<void> {
  const { TagKey, Gateways } = properties.parse(event.ResourceProperties);
  const deadlineMs = clock.now() + context.getRemainingTimeInMillis() - RESERVED_MS;
  await removeGateways(new TaggedInstances(ec2, TagKey, Gateways), clock, deadlineMs);
}
