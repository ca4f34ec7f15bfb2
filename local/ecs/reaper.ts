import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Keeps the list of live process groups; when its input ends before it was told that all are gone, the server has
 * died without a word, and it ends them and removes their directories.
 */
const script = `
trap '' INT TERM HUP
alive=''
while read -r what group; do
  if [ "$what" = + ]; then
    alive="$alive $group"
  else
    left=''
    for one in $alive; do [ "$one" = "$group" ] || left="$left $one"; done
    alive=$left
  fi
done
for group in $alive; do kill -TERM "$group" 2>/dev/null; done
turn=0
while [ "$turn" -lt 20 ]; do
  left=''
  for group in $alive; do kill -0 "$group" 2>/dev/null && left=yes; done
  [ -n "$left" ] || break
  sleep 0.1
  turn=$((turn + 1))
done
for group in $alive; do kill -KILL "-$group" 2>/dev/null; done
rm -rf "$1"
`;

/** A watchman outside this process, so that not even SIGKILL leaves a container's process behind. */
export class Reaper {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;

  /** @param directory removed when the server dies */
  constructor(directory: string) {
    this.#child = spawn('/bin/sh', ['-c', script, 'reaper', directory], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: '/usr/bin:/bin' },
    });
    this.#child.stdin?.on('error', () => {});
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#exited = promise;
    this.#child.once('error', () => resolve());
    this.#child.once('exit', () => resolve());
  }

  watch(group: number): void {
    this.#child.stdin?.write(`+ ${group}\n`);
  }

  forget(group: number): void {
    this.#child.stdin?.write(`- ${group}\n`);
  }

  /** Lets it go. */
  async close(): Promise<void> {
    this.#child.stdin?.end();
    await this.#exited;
  }
}
