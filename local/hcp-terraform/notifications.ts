/**
 * Notifications: which event triggers which configuration, and the payload.
 *
 * Speculative plans send none. HashiCorp doesn't document at which status `run:planning` and `run:applying` are sent to a workspace whose
 * runs wait for an agent. Here, they are sent when an agent has started: the latest possible time.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/notification-configurations/workspace
 */
import { isoTime } from './json-api.ts';
import type { Run } from './runs.ts';
import type { NotificationConfiguration } from './task-records.ts';
import type { World } from './world.ts';

/** The triggers of runs. Assessments and automatic destruction don't exist here, so their triggers are accepted but never sent. */
const RUN_TRIGGERS = [
  'run:created',
  'run:planning',
  'run:needs_attention',
  'run:applying',
  'run:completed',
  'run:errored',
];
const OTHER_TRIGGERS = [
  'assessment:drifted',
  'assessment:check_failure',
  'assessment:failed',
  'workspace:auto_destroy_reminder',
  'workspace:auto_destroy_run_results',
  'workspace:deleted',
];
const PROJECT_TRIGGERS = [
  'run:pending_apply_approval',
  'run:cost_estimated',
  'run:policy_override_required',
  'run:policies_checked',
  'run:run_errored',
  'run:run_canceled',
  'run:policy_soft_failed',
];
export const TRIGGERS: ReadonlySet<string> = new Set([...RUN_TRIGGERS, ...OTHER_TRIGGERS, ...PROJECT_TRIGGERS]);

interface RunEvent {
  readonly trigger: string;
  /** The narrower trigger of projects; otherwise the same. */
  readonly type: string;
  readonly message: string;
}

const event = (trigger: string, message: string, type = trigger): RunEvent => ({ trigger, type, message });

const EVENTS: Partial<Record<Run['status'], RunEvent>> = {
  pending: event('run:created', 'Run Created'),
  planning: event('run:planning', 'Run Planning'),
  planned: event('run:needs_attention', 'Run Planned', 'run:pending_apply_approval'),
  applying: event('run:applying', 'Run Applying'),
  applied: event('run:completed', 'Run Applied'),
  planned_and_finished: event('run:completed', 'Run Planned And Finished'),
  errored: event('run:errored', 'Run Errored', 'run:run_errored'),
  canceled: event('run:errored', 'Run Canceled', 'run:run_canceled'),
  force_canceled: event('run:errored', 'Run Canceled', 'run:run_canceled'),
};

/** The notifications of a run's new status: each configuration, with the payload. */
export function notificationsOf(world: World, run: Run, origin: string): [NotificationConfiguration, object][] {
  const happened = EVENTS[run.status];
  const workspace = world.workspaces.get(run.workspaceId);
  if (happened === undefined || workspace === undefined || run.planOnly) return [];
  const { trigger, type, message } = happened;
  return [...world.notifications.values()].flatMap((configuration): [NotificationConfiguration, object][] => {
    const { subscribable, enabled, triggers } = configuration;
    const isOfProject = subscribable.type === 'projects';
    if (!enabled || subscribable.id !== (isOfProject ? workspace.projectId : workspace.id)) return [];
    const fired = [trigger, type].find((each) => triggers.includes(each));
    if (fired === undefined) return [];
    const user = world.users.get(run.createdById)?.username ?? null;
    const payload = {
      payload_version: 1,
      notification_configuration_id: configuration.id,
      run_url: `${origin}/app/${run.organization}/${workspace.name}/runs/${run.id}`,
      run_id: run.id,
      run_message: run.message,
      run_created_at: isoTime(run.createdAt),
      run_created_by: user,
      workspace_id: workspace.id,
      workspace_name: workspace.name,
      organization_name: run.organization,
      notifications: [
        {
          message,
          trigger,
          ...(isOfProject && { trigger_type: fired }),
          run_status: run.status,
          run_updated_at: isoTime(run.updatedAt),
          run_updated_by: user,
        },
      ],
    };
    return [[configuration, payload]];
  });
}

/** The payload that verifies a configuration before it is enabled: no run, and the trigger `verification`. */
export function verificationOf({ id, name }: Pick<NotificationConfiguration, 'id' | 'name'>): object {
  return {
    payload_version: 1,
    notification_configuration_id: id,
    run_url: null,
    run_id: null,
    run_message: null,
    run_created_at: null,
    run_created_by: null,
    workspace_id: null,
    workspace_name: null,
    organization_name: null,
    notifications: [
      {
        message: `Verification of ${name}`,
        trigger: 'verification',
        run_status: null,
        run_updated_at: null,
        run_updated_by: null,
      },
    ],
  };
}
