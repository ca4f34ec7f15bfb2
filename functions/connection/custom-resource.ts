/**
 * Answers CloudFormation for the functions behind custom resources. CloudFormation waits for an answer at the event's URL until its timeout, so
 * every invocation answers, even if its work fails.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
 */
import type { CloudFormationCustomResourceEvent } from 'aws-lambda';

/** Attempts to send the answer, and the timeout of each. Together they take 15 s, so a handler must stop its work that long before its timeout. */
const ANSWER_ATTEMPTS = 3;
const ANSWER_ATTEMPT_MS = 5_000;

/** Longest reason in an answer. CloudFormation accepts answers of up to 4,096 bytes. */
const MOST_REASON = 1_000;

/** What the work reports to CloudFormation. */
export interface Done {
  /** Absent: the ID stays the same. */
  readonly PhysicalResourceId?: string;
  /** Attributes of the resource. */
  readonly Data?: Readonly<Record<string, string>>;
}

type Answer = (Done & { readonly Status: 'SUCCESS' }) | { readonly Status: 'FAILED'; readonly Reason: string };

/**
 * Does the work that an event asks for, and answers SUCCESS, or FAILED with the message of the error.
 *
 * @param timeout - returns a signal that aborts after the given time
 * @throws if CloudFormation accepts no answer
 */
export async function answerWith(
  event: CloudFormationCustomResourceEvent,
  work: () => Promise<Done>,
  timeout: (ms: number) => AbortSignal,
): Promise<void> {
  await send(event, await outcome(work), timeout);
}

async function outcome(work: () => Promise<Done>): Promise<Answer> {
  try {
    return { Status: 'SUCCESS', ...(await work()) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : `${error}`;
    console.error(reason);
    return { Status: 'FAILED', Reason: reason.slice(0, MOST_REASON) };
  }
}

/** Sends the answer, and tries again on failure. */
async function send(
  event: CloudFormationCustomResourceEvent,
  answer: Answer,
  timeout: (ms: number) => AbortSignal,
): Promise<void> {
  const { StackId, RequestId, LogicalResourceId } = event;
  const PhysicalResourceId = 'PhysicalResourceId' in event ? event.PhysicalResourceId : LogicalResourceId;
  const body = JSON.stringify({ PhysicalResourceId, ...answer, StackId, RequestId, LogicalResourceId });
  for (let attempt = 1; ; attempt += 1) {
    const fault = await faultOfPut(event.ResponseURL, body, timeout(ANSWER_ATTEMPT_MS));
    if (fault === undefined) return;
    // The URL is signed, so it isn't logged.
    console.error(`CloudFormation did not accept the answer: ${fault}`);
    if (attempt === ANSWER_ATTEMPTS) throw new Error(`CloudFormation did not accept the answer: ${fault}`);
  }
}

async function faultOfPut(url: string, body: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { ok, status } = await fetch(url, { method: 'PUT', body, headers: { 'content-type': '' }, signal });
    return ok ? undefined : `status ${status}`;
  } catch (error) {
    return error instanceof Error ? error.name : 'an unknown error';
  }
}
