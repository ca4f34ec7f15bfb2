/** Agents in single mode without Terraform: each takes one job, needs some time for it, and exits. All plans have changes. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerEvents, ContainerLaunch, RunningContainer } from '../../local/ecs/core/runner.ts';
import type { MachineRunner } from '../../local/ecs/machine-runner.ts';
import type { Platform as Client } from '../../test/local/hcp-terraform/client.ts';

const ASKS_EVERY_MS = 200;

export class SingleAgents implements MachineRunner {
  readonly #client: Client;
  readonly #jobMs: (nth: number) => number;
  readonly #working = new Set<Promise<void>>();
  readonly #closed = new AbortController();
  #jobs = 0;

  /** @param jobMs how long the nth job takes, counted from 0 */
  constructor(client: Client, jobMs: (nth: number) => number) {
    this.#client = client;
    this.#jobMs = jobMs;
  }

  pull(image: string, done: (result: { readonly digest: string }) => void): void {
    done({ digest: `sha256:${image}` });
  }

  start({ taskId }: ContainerLaunch, events: ContainerEvents): RunningContainer {
    const stopped = new AbortController();
    const signal = AbortSignal.any([stopped.signal, this.#closed.signal]);
    setImmediate(() => events.started());
    // An agent that is stopped rejects at its next wait.
    const work = this.#work(taskId, signal)
      .then(
        () => events.exited(0),
        () => events.exited(signal.aborted ? 143 : 1),
      )
      .finally(() => this.#working.delete(work));
    this.#working.add(work);
    return { signal: () => stopped.abort() };
  }

  async #work(name: string, signal: AbortSignal): Promise<void> {
    const agent = await this.#client.register({ name });
    for (;;) {
      const job = await agent.poll();
      if (job !== undefined) {
        const nth = this.#jobs;
        this.#jobs += 1;
        await delay(this.#jobMs(nth), undefined, { signal });
        await agent.finish(job);
        await agent.status('exited');
        return;
      }
      await delay(ASKS_EVERY_MS, undefined, { signal });
    }
  }

  cleanUp(): void {}

  async close(): Promise<void> {
    this.killAll();
    await Promise.all(this.#working);
  }

  killAll(): void {
    this.#closed.abort();
  }
}
