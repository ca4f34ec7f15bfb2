/** The jobs of agent pools: the queue of each pool, and the number of active jobs. */
import type { Job } from './hcp-records.ts';

export class Jobs {
  readonly #now: () => number;
  readonly #queues = new Map<string, Job[]>();
  readonly #active = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Jobs of the pool that wait for an agent, oldest first. */
  queue(pool: string): readonly Job[] {
    return this.#queues.get(pool) ?? [];
  }

  /** Number of the pool's jobs that are running, or are queued and listed. */
  active(pool: string): number {
    return this.#active.get(pool) ?? 0;
  }

  enqueue(wanted: Omit<Job, 'queuedAtMs' | 'state' | 'canceled'>): Job {
    const job: Job = { ...wanted, queuedAtMs: this.#now(), state: 'queued', canceled: false };
    this.#queues.set(job.pool, [...this.queue(job.pool), job]);
    if (job.run !== undefined) this.#count(job, 1);
    return job;
  }

  /** An agent has taken the job. */
  taken(job: Job): void {
    this.#unqueue(job);
    if (job.run === undefined) this.#count(job, 1);
    job.state = 'running';
    job.takenAtMs = this.#now();
  }

  /** The job has ended or was canceled. */
  over(job: Job | undefined): void {
    if (job === undefined || job.state === 'done') return;
    if (job.state === 'queued') this.#unqueue(job);
    if (job.run !== undefined || job.state === 'running') this.#count(job, -1);
    job.state = 'done';
  }

  #unqueue(job: Job): void {
    this.#queues.set(
      job.pool,
      this.queue(job.pool).filter((other) => other !== job),
    );
  }

  #count({ pool }: Job, more: number): void {
    this.#active.set(pool, this.active(pool) + more);
  }
}
