/**
 * Handles one request to the function URL.
 *
 * Anyone can send requests to the URL. So the cheapest checks come first, and nothing is parsed before the signature is right: method,
 * form of the signature, size, HMAC over the raw body, JSON, schema. A refused request gets a status and no detail.
 *
 * A run waits until its run task is reported as passed, so the report and the wake-up are sent at the same time. If HCP Terraform doesn't
 * accept the report now, the answer is 503, because HCP Terraform then repeats the request. A failed wake-up is only logged: the launcher
 * polls on its own schedule, and no run may wait for a nudge.
 */
import * as z from 'zod';
import { callbackPath } from './core/callback-url.ts';
import type { RecentSignatures } from './core/recent.ts';
import { announcesJob } from './core/triggers.ts';
import { isVerification, notification, runTask } from './payloads.ts';
import type { HmacKeys, Log, ReportPassed, WakeUp } from './ports.ts';
import { isSignedWith, looksLikeSignature } from './signature.ts';

/**
 * Maximum size of a body. HashiCorp's sample has 2 KB, but it also contains the run's message, which can be a long commit message.
 * Lambda accepts 6 MB, whose HMAC takes 8 ms instead of 0.5 ms.
 */
export const MAX_BODY_BYTES = 256 * 1024;

/** https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run-tasks/run-tasks-integration#request-headers */
const RUN_TASK_SIGNATURE = 'x-tfc-task-signature';
/** https://developer.hashicorp.com/terraform/cloud-docs/api-docs/notification-configurations/workspace#notification-authenticity */
const NOTIFICATION_SIGNATURE = 'x-tfe-notification-signature';

/** Lambda writes the names of headers in lower case. https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads */
const event = z.object({
  headers: z.record(z.string(), z.string()).default({}),
  body: z.string().default(''),
  isBase64Encoded: z.boolean().default(false),
  requestContext: z.object({ http: z.object({ method: z.string() }) }),
});

export interface Response {
  readonly statusCode: number;
  readonly body: string;
}

export interface ReceiveDeps {
  readonly hostname: string;
  readonly keys: HmacKeys;
  readonly recent: RecentSignatures;
  readonly reportPassed: ReportPassed;
  readonly wakeUp: WakeUp;
  readonly log: Log;
}

const answer = (statusCode: number): Response => ({ statusCode, body: '' });

/** What a valid request asks for. */
interface Wish {
  readonly source: string;
  /** The run that gets a job soon; `undefined` if the request announces no job. */
  readonly runId: string | undefined;
  readonly report?: () => ReturnType<ReportPassed>;
}

export async function receive(received: unknown, deps: ReceiveDeps): Promise<Response> {
  const { headers, body: text, isBase64Encoded, requestContext } = event.parse(received);
  if (requestContext.http.method !== 'POST') return answer(405);
  const { [RUN_TASK_SIGNATURE]: ofRunTask, [NOTIFICATION_SIGNATURE]: ofNotification } = headers;
  // A request has one signature. With two, it would be unclear which payload the body is.
  const signature = ofNotification === undefined ? ofRunTask : ofRunTask === undefined ? ofNotification : undefined;
  if (!looksLikeSignature(signature)) return answer(401);
  // Base64 has four characters for three bytes.
  if (text.length > (isBase64Encoded ? Math.ceil(MAX_BODY_BYTES / 3) * 4 : MAX_BODY_BYTES)) return answer(413);
  const body = Buffer.from(text, isBase64Encoded ? 'base64' : 'utf8');
  if (body.length > MAX_BODY_BYTES) return answer(413);

  const isSigned = await isSignedByHcpTerraform(body, signature, deps);
  if (isSigned === undefined) return answer(503);
  if (!isSigned) return answer(401);
  const repeated = signature.toLowerCase();
  if (deps.recent.has(repeated)) return answer(200);

  const wish = wishOf(jsonOf(body), ofRunTask === undefined, deps);
  if (wish === undefined) return answer(400);
  const isHandled = await fulfil(wish, deps);
  if (isHandled) deps.recent.add(repeated);
  return answer(isHandled ? 200 : 503);
}

/** Whether the signature is right; `undefined` if the key can't be read. */
async function isSignedByHcpTerraform(
  body: Buffer,
  signature: string,
  { keys, log }: ReceiveDeps,
): Promise<boolean | undefined> {
  try {
    if (isSignedWith(await keys.current(), body, signature)) return true;
    const renewed = await keys.renewed();
    if (renewed === undefined) return false;
    if (isSignedWith(renewed, body, signature)) return true;
    // One line per renewal, so at most one per minute: a flood must not fill the log.
    log.warn({ message: 'A request had a wrong signature. This line is written at most once per minute.' });
    return false;
  } catch (error) {
    log.error({ message: error instanceof Error ? error.message : 'The HMAC key cannot be read.' });
    return undefined;
  }
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function wishOf(json: unknown, isNotification: boolean, deps: ReceiveDeps): Wish | undefined {
  return isNotification ? wishOfNotification(json, deps) : wishOfRunTask(json, deps);
}

function wishOfRunTask(json: unknown, { hostname, reportPassed, log }: ReceiveDeps): Wish | undefined {
  const { data, error } = runTask.safeParse(json);
  if (data === undefined) return refused('run task', error, log);
  if (isVerification(data)) return { source: 'verification of a run task', runId: undefined };
  const path = callbackPath(data.task_result_callback_url, hostname);
  if (path === undefined) {
    log.warn({
      message: `Refused a signed run task: its callback isn't https://${hostname}/api/v2/task-results/ID/callback. If it comes from your HCP Terraform, correct the setting hostname.`,
      run: data.run_id,
    });
    return undefined;
  }
  return {
    source: `run task ${data.stage ?? 'without a stage'}`,
    runId: data.run_id,
    report: () => reportPassed(path, data.access_token),
  };
}

function wishOfNotification(json: unknown, { log }: ReceiveDeps): Wish | undefined {
  const { data, error } = notification.safeParse(json);
  if (data === undefined) return refused('notification', error, log);
  return {
    source: `notification ${data.triggers[0]}`,
    runId: announcesJob(data.triggers) ? data.runId : undefined,
  };
}

function refused(kind: string, error: z.ZodError, log: Log): undefined {
  // Only the places of the faults, never the values: the body contains a token.
  const places = error.issues.slice(0, 5).map(({ path }) => path.join('.') || 'body');
  log.warn({ message: `Refused a signed ${kind}: unexpected values in ${places.join(', ')}.` });
  return undefined;
}

/** Sends the report and the wake-up at the same time. Returns whether the request needs no repetition. */
async function fulfil({ source, runId, report }: Wish, { wakeUp, log }: ReceiveDeps): Promise<boolean> {
  const [sent, reported] = await Promise.all([
    runId === undefined ? 'not needed' : resultOf(wakeUp(runId)),
    report?.(),
  ]);
  const line = { message: source, run: runId, wakeUp: sent, ...(reported !== undefined && { report: reported }) };
  const isFine = (sent === 'sent' || sent === 'not needed') && (reported?.outcome ?? 'reported') === 'reported';
  if (isFine) log.info(line);
  else log.warn(line);
  return reported?.outcome !== 'unavailable';
}

async function resultOf(sending: Promise<void>): Promise<string> {
  try {
    await sending;
    return 'sent';
  } catch (error) {
    return `failed: ${error instanceof Error ? error.name : 'unknown'}`;
  }
}
