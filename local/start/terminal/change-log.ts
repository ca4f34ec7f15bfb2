/** One line per change, for outputs that can't show a screen. */
import type { Container, Model, Run } from '../model.ts';
import { seconds } from '../seconds.ts';
import { GATEWAY_STYLES } from '../segment-styles.ts';
import type { Note } from '../session.ts';

/** Statuses of containers that are shown. The other statuses are too short to be interesting. */
const SHOWN_STATUSES: readonly string[] = ['PROVISIONING', 'RUNNING', 'STOPPED'];

export class ChangeLog {
  readonly #startedAt: number;
  /** Last logged status of each run and container. */
  readonly #logged = new Map<string, string>();
  #notes = 0;

  constructor(startedAt: number) {
    this.#startedAt = startedAt;
  }

  /** The lines for everything that changed since the last call. */
  next({ at, runs, containers, gateway }: Model, notes: readonly Note[]): string[] {
    const time = noteTime(at - this.#startedAt);
    const lines = notes
      .slice(this.#notes)
      .map((note) => `${noteTime(note.at - this.#startedAt)}  ${note.source}  ${note.text}`);
    this.#notes = notes.length;
    const phase = gateway?.phases.at(-1)?.phase;
    if (gateway !== undefined && phase !== undefined && this.#changed(gateway.name, phase)) {
      const { word, meaning } = GATEWAY_STYLES[phase];
      lines.push(`${time}  gate  ${gateway.name} ${word}: ${meaning}`);
    }
    for (const run of runs) if (this.#changed(run.id, run.status)) lines.push(`${time}  run   ${runText(run)}`);
    for (const container of containers) {
      const isNew = !this.#logged.has(container.id);
      if (this.#changed(container.id, container.lastStatus) && SHOWN_STATUSES.includes(container.lastStatus)) {
        lines.push(`${time}  task  ${containerText(container, isNew)}`);
      }
    }
    return lines;
  }

  #changed(id: string, status: string): boolean {
    const changed = this.#logged.get(id) !== status;
    this.#logged.set(id, status);
    return changed;
  }
}

function runText({ id, workspace, kind, status, pool, jobs }: Run): string {
  const job = jobs.at(-1);
  const isTaken = job?.startedAt !== undefined && (status === 'planning' || status === 'applying');
  const waited = isTaken ? ` after ${seconds(job.startedAt - job.queuedAt)} in the queue of ${pool}` : '';
  return `${workspace.padEnd(11)} ${kind.padEnd(7)} ${status}${waited}  (${id})`;
}

function containerText({ id, pool, lastStatus, startedBy, containers }: Container, isNew: boolean): string {
  const exitCode = containers[0]?.exitCode;
  const launchedFor = isNew && startedBy !== undefined ? ` for ${startedBy}` : '';
  const exit = exitCode === undefined ? '' : `, exit code ${exitCode}`;
  return `${id.slice(0, 8)} ${pool.padEnd(10)} ${lastStatus}${launchedFor}${exit}`;
}

/** Time since the start, aligned: `   3.4 s`. */
export function noteTime(ms: number): string {
  return seconds(ms).padStart(8);
}
