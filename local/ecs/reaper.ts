import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Keeps the list of live process groups; when its input ends before it was told that all are gone, the server has
 * died without a word, and it ends them and removes their directories. A process that the server had started and not
 * yet told of is known by the mark in its environment: the pipe of this script closes only when no process between
 * fork and exec holds it any more, so that all of them can be seen by then (where there is `/proc`).
 */
const script = `
trap '' INT TERM HUP
alive=''
mark=''
while read -r what group; do
  if [ "$what" = + ]; then
    alive="$alive $group"
  elif [ "$what" = = ]; then
    mark=$group
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
if [ -n "$mark" ]; then
  for file in $(grep -laF "$mark" /proc/[0-9]*/environ 2>/dev/null); do
    pid=\${file#/proc/}
    kill -KILL "\${pid%/environ}" 2>/dev/null
  done
fi
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

  /** Says, before a process starts, which words in its environment make it one of this server's. */
  mark(words: string): void {
    this.#child.stdin?.write(`= ${words}\n`);
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
