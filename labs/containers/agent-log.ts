/** Shell commands that print the log lines of the real agent. */
export const WAITING = 'echo "2026-08-24T10:00:01.000Z [INFO]  core: Waiting for next job"';
export const JOB = 'echo "2026-08-24T10:00:02.000Z [INFO]  core: Job received: job_type=plan job_id=run-abc"';
