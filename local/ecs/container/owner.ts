/** Who made a container: by it the living are told from the dead, so that nothing stays behind a crash. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { OWNER_LABEL } from './create-arguments.ts';
import type { ContainerEngine } from './engine.ts';

/** Host, process and when that process began: a process id is given again one day. */
export function ownerOf(pid: number): string {
  return `${hostname()}/${pid}/${beginningOf(pid)}`;
}

/** Whether an owner is gone for certain. One of another host (a container that shares our engine) may be alive. */
export function isGone(owner: string): boolean {
  const [host, pid = '', beginning = ''] = owner.split('/');
  if (host !== hostname() || !/^\d+$/.test(pid)) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    // EPERM: it is somebody else's, and lives.
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  return beginningOf(Number(pid)) !== beginning;
}

/** Removes the containers and volumes of one owner. Containers that still run are killed. */
export async function removeOwned(engine: ContainerEngine, owner: string): Promise<void> {
  const filter = ['--quiet', '--filter', `label=${OWNER_LABEL}=${owner}`];
  const containers = words(await engine.ok(['ps', '--all', ...filter]));
  if (containers.length > 0) await engine.run(['rm', '--force', '--volumes', ...containers]);
  const volumes = words(await engine.ok(['volume', 'ls', ...filter]));
  if (volumes.length > 0) await engine.run(['volume', 'rm', ...volumes]);
}

/** Removes what owners left who died without a word. Answers with how many containers these were. */
export async function removeLeftovers(engine: ContainerEngine): Promise<number> {
  const filter = ['--quiet', '--filter', `label=${OWNER_LABEL}`];
  const ofContainers = await ownersOf(engine, ['ps', '--all', ...filter], ['inspect', '.Config.Labels']);
  const ofVolumes = await ownersOf(engine, ['volume', 'ls', ...filter], ['volume', 'inspect', '.Labels']);
  const gone = new Set([...ofContainers, ...ofVolumes].filter(isGone));
  for (const owner of gone) await removeOwned(engine, owner);
  return ofContainers.filter((owner) => gone.has(owner)).length;
}

async function ownersOf(engine: ContainerEngine, list: string[], inspect: string[]): Promise<string[]> {
  const ids = words(await engine.ok(list));
  if (ids.length === 0) return [];
  const [labels = '', ...command] = inspect.toReversed();
  // What has gone since it was listed is an error of the command, and of no interest.
  const format = `{{index ${labels} "${OWNER_LABEL}"}}`;
  return words((await engine.run([...command.toReversed(), '--format', format, ...ids])).stdout);
}

/** Clock ticks since the machine's start, where there is a `/proc`. */
function beginningOf(pid: number): string {
  try {
    return (
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[19] ?? ''
    );
  } catch {
    return '';
  }
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
