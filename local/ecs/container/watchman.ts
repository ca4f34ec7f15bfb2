import { type ChildProcess, spawn } from 'node:child_process';
import { OWNER_LABEL } from './create-arguments.ts';
import type { ContainerEngine } from './engine.ts';

/**
 * Script of the watchman. If its input ends without the word `closed`, the server has crashed. The script then sends SIGTERM to
 * the server's containers and removes them with their volumes two seconds later. It repeats this twice, because the engine may
 * still be creating a container that was just requested.
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

/** A separate process that removes the server's containers, even if the server was killed. */
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

  /** Ends the watchman after everything was removed. */
  async close(): Promise<void> {
    this.#child.stdin?.end('closed\n');
    await this.#exited;
  }
}
