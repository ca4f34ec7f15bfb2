/**
 * Sends the requests of run tasks and notifications.
 *
 * A run task's request is repeated until the response is 200. HashiCorp documents the repetition, but neither the number nor the delays:
 * after the last one, the task is `unreachable`. A notification is sent once.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run-tasks/run-tasks-integration#run-task-request
 */
import { createHmac } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { isoTime } from './json-api.ts';
import { notificationsOf, verificationOf } from './notifications.ts';
import type { Platform } from './platform.ts';
import { runMoved } from './queue.ts';
import { cancelStages, hasEnded, resultsOf, setResult, stagesOf } from './run-tasks.ts';
import { isFinal, type Run } from './runs.ts';
import type { DeliveryResponse, NotificationConfiguration, RunTask, TaskResult, TaskStage } from './task-records.ts';
import type { WorldEvent } from './world.ts';

const TIMEOUT_MS = 10_000;
const MAX_SHOWN_BODY = 1_000;

/** The documented user agent. */
const USER_AGENT = 'TFC/1.0 (+https://app.terraform.io; TFC)';

/** Delays before the repetitions of a run task's request. */
export const DEFAULT_RETRIES_MS: readonly number[] = [1_000, 2_000, 4_000, 8_000];

export interface Deliveries {
  /** Reacts to a run's new status. */
  onEvent(event: WorldEvent): void;
  /** Sends the request that verifies a task's URL. @returns whether the response was 200 */
  verifyTask(task: Pick<RunTask, 'url' | 'hmacKey'>): Promise<boolean>;
  /** Sends the request that verifies a notification. */
  verifyNotification(configuration: NotificationConfiguration): Promise<DeliveryResponse>;
  close(): Promise<void>;
}

/** @param origin scheme and host of this server, which the payloads contain */
export function startDeliveries(
  platform: Platform,
  origin: () => string,
  retriesMs: readonly number[] = DEFAULT_RETRIES_MS,
): Deliveries {
  const closed = new AbortController();
  const pending = new Set<Promise<void>>();

  async function post(url: string, body: string, header: string, key: string | undefined): Promise<DeliveryResponse> {
    const sentAt = platform.now();
    try {
      const response = await fetch(url, {
        method: 'POST',
        body,
        headers: {
          'content-type': 'application/json',
          'user-agent': USER_AGENT,
          // "Otherwise, this is an empty string."
          [header]: key === undefined ? '' : createHmac('sha512', key).update(body).digest('hex'),
        },
        redirect: 'manual',
        signal: AbortSignal.any([closed.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      const headers = Object.fromEntries([...response.headers].map(([name, value]) => [name, [value]]));
      const text = (await response.text()).slice(0, MAX_SHOWN_BODY);
      return { body: text, code: `${response.status}`, headers, sentAt, successful: response.ok, url };
    } catch {
      return { body: '', code: '0', headers: {}, sentAt, successful: false, url };
    }
  }

  const sendTask = (task: Pick<RunTask, 'url' | 'hmacKey'>, payload: object) =>
    post(task.url, JSON.stringify(payload), 'X-TFC-Task-Signature', task.hmacKey);
  const sendNotification = ({ url, token }: NotificationConfiguration, payload: object) =>
    post(url, JSON.stringify(payload), 'X-TFE-Notification-Signature', token);

  /** Sends the request of one task until the response is 200. */
  async function trigger(run: Run, stage: TaskStage, result: TaskResult): Promise<void> {
    const task = platform.world.tasks.get(result.taskId);
    const wanted = { url: result.taskUrl, hmacKey: task?.hmacKey };
    for (const wait of [0, ...retriesMs]) {
      if (wait > 0) await delay(wait, undefined, { signal: closed.signal }).catch(() => undefined);
      // The callback may have arrived although the response didn't.
      if (closed.signal.aborted || hasEnded(result) || isFinal(run)) return;
      const { code } = await sendTask(wanted, taskPayload(platform, origin(), run, stage, result));
      if (code !== '200') continue;
      if (result.status === 'pending') setResult(platform, result, 'running');
      return;
    }
    if (hasEnded(result) || isFinal(run) || closed.signal.aborted) return;
    const moved = setResult(platform, result, 'unreachable', { message: 'The task did not respond with 200.' });
    if (moved !== undefined) runMoved(platform, moved);
  }

  function inBackground(work: Promise<void>): void {
    const settled = work.catch(() => undefined).finally(() => pending.delete(settled));
    pending.add(settled);
  }

  return {
    onEvent({ kind, id, status }) {
      const run = kind === 'run' ? platform.world.runs.get(id) : undefined;
      if (run === undefined || run.status !== status) return;
      if (isFinal(run)) cancelStages(platform.world, run, platform.now());
      for (const stage of stagesOf(platform.world, run.id)) {
        if (status !== `${stage.stage}_running` || stage.status !== 'running') continue;
        for (const result of resultsOf(platform.world, stage.id)) inBackground(trigger(run, stage, result));
      }
      for (const [configuration, payload] of notificationsOf(platform.world, run, origin())) {
        const sent = sendNotification(configuration, payload).then((response) => {
          configuration.deliveryResponses = [response];
        });
        inBackground(sent);
      }
    },
    verifyTask: async (task) => (await sendTask(task, taskVerification(origin()))).code === '200',
    verifyNotification: (configuration) => sendNotification(configuration, verificationOf(configuration)),
    async close() {
      closed.abort();
      await Promise.all(pending);
    },
  };
}

/** https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run-tasks/run-tasks-integration#request-body */
function taskPayload(platform: Platform, origin: string, run: Run, stage: TaskStage, result: TaskResult): object {
  const { world } = platform;
  const workspace = world.workspaces.get(run.workspaceId);
  const name = workspace?.name ?? '';
  const app = `${origin}/app/${run.organization}`;
  return {
    payload_version: 1,
    stage: stage.stage,
    access_token: result.accessToken,
    capabilities: { outcomes: true },
    configuration_version_download_url: `${origin}/api/v2/configuration-versions/${run.configurationVersionId}/download`,
    configuration_version_id: run.configurationVersionId,
    is_speculative: run.planOnly,
    organization_name: run.organization,
    ...(stage.stage !== 'pre_plan' && { plan_json_api_url: `${origin}/api/v2/plans/${run.plan.id}/json-output` }),
    project_id: workspace?.projectId ?? null,
    project_name: world.projects.get(workspace?.projectId ?? '')?.name ?? null,
    run_app_url: `${app}/${name}/runs/${run.id}`,
    run_created_at: isoTime(run.createdAt),
    run_created_by: world.users.get(run.createdById)?.username ?? null,
    run_id: run.id,
    run_message: run.message,
    task_result_callback_url: `${origin}/api/v2/task-results/${result.callbackId}/callback`,
    task_result_enforcement_level: result.enforcementLevel,
    task_result_id: result.id,
    vcs_branch: null,
    vcs_commit_url: null,
    vcs_pull_request_url: null,
    vcs_repo_url: null,
    workspace_app_url: `${app}/${name}`,
    workspace_id: run.workspaceId,
    workspace_name: name,
    workspace_working_directory: workspace?.workingDirectory ?? '',
  };
}

/**
 * The request that verifies a task's URL. HashiCorp documents that it is sent, but not its payload. This one is as a public handler shows
 * it, with the token by which HashiCorp's own example recognizes it.
 * https://github.com/hashicorp/terraform-run-task-scaffolding-go/blob/73c8ca35f2b8fabd66da5d8b1a4c6a846ad7372c/internal/sdk/api/structs.go
 */
function taskVerification(origin: string): object {
  return {
    payload_version: 1,
    access_token: 'test-token',
    organization_name: 'test-org',
    plan_json_api_url: `${origin}/api/v2/plans/plan-xxxxxxxxxxxxxxxx/json-output`,
    run_app_url: `${origin}/app/test-org/test-workspace/runs/run-xxxxxxxxxxxxxxxx`,
    run_created_at: '2021-01-01T00:00:00.000Z',
    run_created_by: 'test-user',
    run_id: 'run-xxxxxxxxxxxxxxxx',
    run_message: 'Test run message',
    task_result_callback_url: `${origin}/api/v2/task-results/xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx/callback`,
    task_result_enforcement_level: 'test',
    task_result_id: 'taskrs-xxxxxxxxxxxxxxxx',
    workspace_app_url: `${origin}/app/test-org/test-workspace`,
    workspace_id: 'ws-xxxxxxxxxxxxxxxx',
    workspace_name: 'test-workspace',
  };
}
