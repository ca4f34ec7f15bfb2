/** The nudge's bundle behind a function URL, between servers in place of HCP Terraform, Secrets Manager and SQS. */
import { createHmac, randomBytes } from 'node:crypto';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { writeBundle } from '../../../lib/bundle/lambda-bundle.ts';
import { loopbackCertificate } from '../../../local/hcp-terraform/certificate.ts';
import { startFunctionUrl } from '../../../local/lambda/function-url.ts';
import { newFolder } from '../../temporary-folder.ts';
import { bodyOf, listening, startAws } from './aws.ts';

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
  const aws = await startAws(KEY);
  const callbacks: Callback[] = [];
  const lines: string[] = [];
  /** Status of the callback's response, its delay, and where it redirects to. */
  const callback = { status: 200, delayMs: 0, location: undefined as string | undefined };

  const hcpTerraform = createServer({ key: certificate.key, cert: certificate.cert }, async (request, response) => {
    callbacks.push({
      method: request.method ?? '',
      url: request.url ?? '',
      authorization: request.headers.authorization ?? '',
      contentType: request.headers['content-type'] ?? '',
      body: JSON.parse(await bodyOf(request)),
    });
    const { status, delayMs, location } = callback;
    setTimeout(() => response.writeHead(status, location === undefined ? {} : { location }).end(), delayMs);
  });
  const hostname = `localhost:${await listening(hcpTerraform)}`;

  return {
    hostname,
    aws: aws.state,
    callback,
    callbacks,
    messages: aws.messages,
    lines,
    start: () =>
      startFunctionUrl({
        module: join(folder, 'index.mjs'),
        environment: aws.environment(hostname, certificate.file),
        concurrency: 2,
        timeoutMs: 30_000,
        onLine: (line) => lines.push(line),
      }),
    async close() {
      hcpTerraform.closeAllConnections();
      hcpTerraform.close();
      aws.close();
      await certificate.remove();
    },
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
