/** The nudge's bundle behind a function URL, between servers in place of HCP Terraform, Secrets Manager and SQS. */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { type IncomingMessage, createServer as plain, type RequestListener } from 'node:http';
import { createServer as tls } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import * as z from 'zod';
import { NUDGE_ENV } from '../../../functions/nudge/contract.ts';
import { writeBundle } from '../../../lib/bundle/lambda-bundle.ts';
import { loopbackCertificate } from '../../../local/hcp-terraform/certificate.ts';
import { startFunctionUrl } from '../../../local/lambda/function-url.ts';
import { newFolder } from '../../temporary-folder.ts';

export const KEY = 'a-key-of-more-than-32-characters-1';
export const RUN_TASK = 'X-TFC-Task-Signature';
export const NOTIFICATION = 'X-TFE-Notification-Signature';

/** A request to a callback. */
export interface Callback {
  readonly method: string;
  readonly url: string;
  readonly authorization: string;
  readonly contentType: string;
  readonly body: unknown;
}

export const signatureOf = (body: string | Buffer, key = KEY): string =>
  createHmac('sha512', key).update(body).digest('hex');

export async function startPlatform() {
  const folder = newFolder('nudge');
  writeBundle('nudge', folder);
  const certificate = await loopbackCertificate();

  const callbacks: Callback[] = [];
  const state = {
    key: KEY,
    secretReads: 0,
    /** Status of the callback, and its delay. */
    callbackStatus: 200,
    callbackDelayMs: 0,
    location: undefined as string | undefined,
    /** Whether SQS accepts messages. */
    queueWorks: true,
    secretWorks: true,
  };
  const messages: unknown[] = [];
  const lines: string[] = [];

  const hcpTerraform = tls({ key: certificate.key, cert: certificate.cert }, async (request, response) => {
    const body = await bodyOf(request);
    callbacks.push({
      method: request.method ?? '',
      url: request.url ?? '',
      authorization: request.headers.authorization ?? '',
      contentType: request.headers['content-type'] ?? '',
      body: JSON.parse(body),
    });
    const { callbackStatus: status, callbackDelayMs, location } = state;
    setTimeout(() => response.writeHead(status, location === undefined ? {} : { location }).end(), callbackDelayMs);
  });
  const port = await listening(hcpTerraform);
  const aws = plain(awsListener(state, messages));
  const endpoint = `http://127.0.0.1:${await listening(aws)}`;

  const start = () =>
    startFunctionUrl({
      module: join(folder, 'index.mjs'),
      environment: {
        [NUDGE_ENV.hostname]: `localhost:${port}`,
        [NUDGE_ENV.hmacKeySecret]: 'acme/nudge-key',
        [NUDGE_ENV.wakeUpsQueueUrl]: `${endpoint}/000000000000/wake-ups`,
        NODE_EXTRA_CA_CERTS: certificate.file,
        AWS_REGION: 'eu-central-1',
        AWS_ACCESS_KEY_ID: 'AKIATEST',
        AWS_SECRET_ACCESS_KEY: 'secret',
        AWS_ENDPOINT_URL_SQS: endpoint,
        AWS_ENDPOINT_URL_SECRETS_MANAGER: endpoint,
      },
      concurrency: 2,
      timeoutMs: 10_000,
      onLine: (line) => lines.push(line),
    });

  return {
    hostname: `localhost:${port}`,
    state,
    callbacks,
    messages,
    lines,
    start,
    async close() {
      hcpTerraform.closeAllConnections();
      aws.closeAllConnections();
      hcpTerraform.close();
      aws.close();
      await certificate.remove();
    },
  };
}

const sendMessage = z.object({ QueueUrl: z.string(), MessageBody: z.string() });

/** The two operations of AWS that the function uses. */
function awsListener(
  state: { key: string; secretReads: number; queueWorks: boolean; secretWorks: boolean },
  messages: unknown[],
): RequestListener {
  return async (request, response) => {
    const body: unknown = JSON.parse(await bodyOf(request));
    const send = (status: number, answer: object): void => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(answer));
    };
    const target = request.headers['x-amz-target'];
    if (target === 'secretsmanager.GetSecretValue') {
      state.secretReads += 1;
      if (state.secretWorks) send(200, { SecretString: `${state.key}\n`, Name: 'acme/nudge-key' });
      else send(400, { __type: 'ResourceNotFoundException', Message: 'no such secret' });
    } else if (target === 'AmazonSQS.SendMessage') {
      const { MessageBody } = sendMessage.parse(body);
      if (!state.queueWorks) return send(400, { __type: 'QueueDoesNotExist' });
      messages.push(JSON.parse(MessageBody));
      send(200, { MessageId: '1', MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex') });
    } else {
      send(400, { __type: 'UnknownOperation' });
    }
  };
}

/** The request of a run task, as HashiCorp documents it. */
export function runTaskBody(hostname: string, changes: object = {}): string {
  return JSON.stringify({
    payload_version: 1,
    stage: 'pre_plan',
    access_token: '4QEuyyxug1f2rw.atlasv1.iDyxqhXGVZ0ykes53YdQyHyYtFOrdAWNBxcVUgWvzb64NFHjcquu8gJMEdUwoSLRu4Q',
    capabilities: { outcomes: true },
    configuration_version_id: 'cv-ntv3HbhJqvFzamy7',
    is_speculative: false,
    organization_name: 'acme',
    run_app_url: `https://${hostname}/app/acme/my-workspace/runs/run-i3Df5to9ELvibKpQ`,
    run_created_at: '2021-09-02T14:47:13.036Z',
    run_created_by: 'username',
    run_id: 'run-i3Df5to9ELvibKpQ',
    run_message: 'Triggered via UI',
    task_result_callback_url: `https://${hostname}/api/v2/task-results/5ea8d46c-2ceb-42cd-83f2-82e54697bddd/callback`,
    task_result_enforcement_level: 'advisory',
    // A different task result makes it a different request.
    task_result_id: `taskrs-${randomBytes(8).toString('hex')}`,
    vcs_branch: null,
    workspace_id: 'ws-ck4G5bb1Yei5szRh',
    workspace_name: 'my-workspace',
    ...changes,
  });
}

/** A notification about a run, as HashiCorp documents it. */
export function notificationBody(trigger: string, changes: object = {}): string {
  return JSON.stringify({
    payload_version: 1,
    notification_configuration_id: 'nc-AeUQ2zfKZzW9TiGZ',
    run_url: 'https://app.terraform.io/app/acme-org/my-workspace/runs/run-FwnENkvDnrpyFC7M',
    run_id: 'run-FwnENkvDnrpyFC7M',
    run_message: 'Add five new queue workers',
    workspace_id: 'ws-XdeUVMWShTesDMME',
    organization_name: 'acme-org',
    notifications: [
      {
        message: 'Run',
        trigger,
        run_status: 'pending',
        run_updated_at: randomBytes(8).toString('hex'),
        run_updated_by: 'a',
      },
    ],
    ...changes,
  });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
