/**
 * Ends the instances of gateways before CloudFormation deletes what they use. The launcher creates these instances, so CloudFormation
 * doesn't know them. It invokes this function as a custom resource and waits for an answer at the event's URL, so every invocation answers.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
 */
import { setTimeout } from 'node:timers/promises';
import { EC2Client } from '@aws-sdk/client-ec2';
import type { CloudFormationCustomResourceEvent, Context } from 'aws-lambda';
import * as z from 'zod';
import { TaggedInstances } from './adapters/ec2.ts';
import type { GatewayRemovalProperties } from './contract.ts';
import type { Clock } from './ports.ts';
import { removeGateways } from './remove-gateways.ts';

/** Without this, the SDK waits forever for an answer. It repeats a request that timed out. */
const limits = { connectionTimeout: 5_000, requestTimeout: 20_000, throwOnRequestTimeout: true };
const ec2 = new EC2Client({ requestHandler: limits });

/** Time at the end of an invocation that is reserved: for requests that are under way, and for sending the answer. */
const RESERVED_MS = 90_000;

/** Attempts to send the answer, and the timeout of each. */
const ANSWER_ATTEMPTS = 3;
const ANSWER_ATTEMPT_MS = 5_000;

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
  return async (event, context) => {
    await answer(event, await outcome(event, context, clock));
  };
}

interface Outcome {
  readonly Status: 'SUCCESS' | 'FAILED';
  readonly Reason?: string;
}

/** Never throws: without an answer, CloudFormation waits until its timeout. */
async function outcome(event: CloudFormationCustomResourceEvent, context: Context, clock: Clock): Promise<Outcome> {
  // Another list of gateways comes with another network, which has its own custom resource.
  if (event.RequestType !== 'Delete') return { Status: 'SUCCESS' };
  try {
    const { TagKey, Gateways } = properties.parse(event.ResourceProperties);
    const deadlineMs = clock.now() + context.getRemainingTimeInMillis() - RESERVED_MS;
    await removeGateways(new TaggedInstances(ec2, TagKey, Gateways), clock, deadlineMs);
    return { Status: 'SUCCESS' };
  } catch (error) {
    const reason = error instanceof Error ? error.message : `${error}`;
    console.error(reason);
    return { Status: 'FAILED', Reason: reason.slice(0, 1_000) };
  }
}

/** Sends the answer, and tries again on failure. Without an answer, the deployment would wait until its timeout. */
async function answer(event: CloudFormationCustomResourceEvent, result: Outcome): Promise<void> {
  const { StackId, RequestId, LogicalResourceId } = event;
  const PhysicalResourceId = 'PhysicalResourceId' in event ? event.PhysicalResourceId : LogicalResourceId;
  const body = JSON.stringify({ ...result, StackId, RequestId, LogicalResourceId, PhysicalResourceId });
  for (let attempt = 1; ; attempt += 1) {
    const fault = await faultOfPut(event.ResponseURL, body);
    if (fault === undefined) return;
    // The URL is signed, so it isn't logged.
    console.error(`CloudFormation did not accept the answer: ${fault}`);
    if (attempt === ANSWER_ATTEMPTS) throw new Error(`CloudFormation did not accept the answer: ${fault}`);
  }
}

async function faultOfPut(url: string, body: string): Promise<string | undefined> {
  try {
    const { ok, status } = await fetch(url, {
      method: 'PUT',
      body,
      headers: { 'content-type': '' },
      signal: AbortSignal.timeout(ANSWER_ATTEMPT_MS),
    });
    return ok ? undefined : `status ${status}`;
  } catch (error) {
    return error instanceof Error ? error.name : 'an unknown error';
  }
}
