/**
 * The parts of HCP Terraform's requests that the function reads. Unknown properties are ignored, because HashiCorp may add some.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run-tasks/run-tasks-integration#request-body
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/notification-configurations/workspace#notification-payload
 */
import * as z from 'zod';

const runId = z.string().regex(/^run-[A-Za-z0-9]{1,64}$/);

/** The characters of a bearer token (RFC 6750, section 2.1). */
const token = z
  .string()
  .max(1_024)
  .regex(/^[A-Za-z0-9._~+/-]+=*$/);

export const runTask = z.object({
  payload_version: z.literal(1),
  /** `pre_plan`, `post_plan`, `pre_apply` or `post_apply`. Absent or something else in the verification request. */
  stage: z.string().max(64).nullish(),
  access_token: token,
  run_id: runId,
  task_result_callback_url: z.string().max(2_048),
  /** `mandatory` or `advisory`; `test` in the verification request. */
  task_result_enforcement_level: z.string().max(64).nullish(),
});

export type RunTask = z.infer<typeof runTask>;

/**
 * Whether this is the request that HCP Terraform sends when a run task is created or changed. It must be answered with 200, and has no
 * callback. HashiCorp documents the request, but not how to recognize it: its own example compares the token.
 * https://github.com/hashicorp/terraform-run-task-scaffolding-go/blob/73c8ca35f2b8fabd66da5d8b1a4c6a846ad7372c/internal/sdk/api/structs.go
 */
export function isVerification({ access_token, task_result_enforcement_level }: RunTask): boolean {
  return access_token === 'test-token' || task_result_enforcement_level === 'test';
}

/** An event about a run. In a verification request, the fields of the run are null, and the trigger is `verification`. */
const runNotification = z.object({
  payload_version: z.literal(1),
  run_id: runId.nullable(),
  notifications: z
    .array(z.object({ trigger: z.string().max(64), trigger_type: z.string().max(64).nullish() }))
    .min(1)
    .max(100),
});

/** An event about a workspace: an assessment, or the automatic destruction. It announces no job. */
const workspaceNotification = z.object({
  payload_version: z.union([z.literal('2'), z.literal(2)]),
  trigger: z.string().max(64),
});

export const notification = z.union([
  runNotification.transform(({ run_id, notifications }) => ({
    runId: run_id ?? undefined,
    triggers: notifications.flatMap(({ trigger, trigger_type }) => [trigger, trigger_type ?? trigger]),
  })),
  workspaceNotification.transform(({ trigger }) => ({ runId: undefined, triggers: [trigger] })),
]);
