/**
 * Triggers of notifications after which a job may be queued for an agent:
 *
 * - `run:created`: a run enters the pending stage. Its plan is queued soon, unless an earlier run blocks it.
 * - `run:planning`: a run "acquires the lock and starts to execute". It is the signal for a run that an earlier run blocked.
 * - `run:applying`: a run "enters the apply stage", also after a person confirmed it.
 *
 * After the other triggers, no job of this run waits: it ended, waits for a person, or the event isn't about a run.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/notification-configurations/workspace#notification-triggers
 */
const NUDGING: ReadonlySet<string> = new Set(['run:created', 'run:planning', 'run:applying']);

/** Whether one of these triggers announces a job. */
export function announcesJob(triggers: readonly string[]): boolean {
  return triggers.some((trigger) => NUDGING.has(trigger));
}
