/** Records of run tasks and notifications. Times are milliseconds since the epoch. */

export const STAGES = ['pre_plan', 'post_plan', 'pre_apply', 'post_apply'] as const;
export type StageName = (typeof STAGES)[number];

export type EnforcementLevel = 'advisory' | 'mandatory';

interface Created {
  readonly id: string;
  readonly createdAt: number;
}

/** A run task of an organization: where to send requests. */
export interface RunTask extends Created {
  readonly organization: string;
  name: string;
  url: string;
  description: string;
  hmacKey: string | undefined;
  enabled: boolean;
}

/** For which runs, and at which stages, a task's requests are sent. */
export interface TaskConfig extends Created {
  readonly organization: string;
  readonly taskId: string;
  global: boolean;
  enforcementLevel: EnforcementLevel;
  allowedStages: readonly StageName[];
  projectIds: readonly string[];
}

/** A stage of one run that has run tasks. */
export interface TaskStage extends Created {
  readonly runId: string;
  readonly stage: StageName;
  status: 'pending' | 'running' | 'passed' | 'failed' | 'canceled';
  readonly timestamps: Map<string, number>;
  updatedAt: number;
}

export type TaskResultStatus = 'pending' | 'running' | 'passed' | 'failed' | 'errored' | 'canceled' | 'unreachable';

/** The result of one task at one stage of one run. */
export interface TaskResult extends Created {
  readonly stageId: string;
  readonly taskId: string;
  readonly taskName: string;
  readonly taskUrl: string;
  readonly enforcementLevel: EnforcementLevel;
  /** Part of the callback's path. */
  readonly callbackId: string;
  /** Token for the callback only. */
  readonly accessToken: string;
  status: TaskResultStatus;
  message: string | null;
  url: string | null;
  readonly timestamps: Map<string, number>;
  updatedAt: number;
  /** Start of the stage, and the last update of the task: the two limits count from them. */
  startedAt?: number | undefined;
  progressAt?: number | undefined;
}

/** The last response to a notification. */
export interface DeliveryResponse {
  readonly body: string;
  readonly code: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly sentAt: number;
  readonly successful: boolean;
  readonly url: string;
}

/** A notification of a workspace, or of all workspaces of a project. */
export interface NotificationConfiguration extends Created {
  readonly subscribable: { readonly type: 'workspaces' | 'projects'; readonly id: string };
  name: string;
  url: string;
  token: string | undefined;
  enabled: boolean;
  triggers: readonly string[];
  updatedAt: number;
  deliveryResponses: readonly DeliveryResponse[];
}
