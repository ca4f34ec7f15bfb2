import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Script of the reaper. It keeps a list of live process groups. If its input ends while the list isn't empty, the server has
 * crashed. The script then ends the groups and removes their directories.
 *
 * The server may crash after it started a process and before it reported it. A mark in the environment identifies such a process.
 * The script's pipe closes only after no process between fork and exec holds it, so all such processes are visible by then (on
 * systems with `/proc`).
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

/** A separate process that ends the server's container processes, even if the server was killed. */
export class Reaper {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;

  /** @param directory to remove when the server dies */
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

  /** Must be called before a process starts: the words in its environment that identify this server's processes. */
  mark(words: string): void {
    this.#child.stdin?.write(`= ${words}\n`);
  }

  watch(group: number): void {
    this.#child.stdin?.write(`+ ${group}\n`);
  }

  forget(group: number): void {
    this.#child.stdin?.write(`- ${group}\n`);
  }

  /** Ends the reaper. */
  async close(): Promise<void> {
    this.#child.stdin?.end();
    await this.#exited;
  }
}
