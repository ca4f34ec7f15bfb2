/** Which queued jobs a tick's log line lists for the first time, so that the log shows when the launcher first saw a job. */
import { boundedWith } from './report-metrics.ts';
import type { Tick } from './tick.ts';

/** Maximum number of keys per pool in a line. The next lines list the others. */
const SHOWN = 100;

/** The memory of one function instance. */
export class FirstSeen {
  /** Keys of the jobs that a line has listed. */
  #listed = new Set<string>();

  /** The keys of jobs that no earlier line has listed, oldest first, by the pool's name. */
  inTick({ pools }: Tick): ReadonlyMap<string, readonly string[]> {
    return new Map(
      pools.map(({ pool, demand }) => {
        const news = (demand?.queued ?? []).filter(({ key }) => !this.#listed.has(key)).slice(0, SHOWN);
        for (const { key } of news) this.#listed = boundedWith(this.#listed, key);
        return [pool.name, news.map(({ key }) => key)];
      }),
    );
  }
}
