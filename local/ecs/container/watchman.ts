import { type ChildProcess, spawn } from 'node:child_process';
import { OWNER_LABEL } from './create-arguments.ts';
import type { ContainerEngine } from './engine.ts';

/**
 * When its input ends without the word `closed`, the server has died: its containers get SIGTERM, two seconds, and are
 * removed with their volumes. Looks twice more, since the engine may still be at work on one that was just asked for.
 */
const script = `
trap '' INT TERM HUP
read -r word
[ "$word" != closed ] || exit 0
engine=$1 label=$2 quiet=0
while [ "$quiet" -lt 3 ]; do
  containers=$("$engine" ps --all --quiet --filter "label=$label") || exit 1
  if [ -z "$containers" ]; then
    quiet=$((quiet + 1))
  else
    quiet=0
    "$engine" stop --time 2 $containers
    "$engine" rm --force --volumes $containers
  fi
  sleep 1
done
volumes=$("$engine" volume ls --quiet --filter "label=$label")
[ -z "$volumes" ] || "$engine" volume rm $volumes
`;

/** Outside this process, so that not even SIGKILL leaves a container behind. */
export class Watchman {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;

  constructor(engine: ContainerEngine, owner: string) {
    this.#child = spawn('/bin/sh', ['-c', script, 'watchman', engine.command, `${OWNER_LABEL}=${owner}`], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#child.stdin?.on('error', () => {});
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#exited = promise;
    this.#child.once('error', () => resolve());
    this.#child.once('exit', () => resolve());
  }

  /** Lets it go: all is removed. */
  async close(): Promise<void> {
    this.#child.stdin?.end('closed\n');
    await this.#exited;
  }
}
