/** The owner of a container. It shows whether the owner is still alive, so that nothing stays behind after a crash. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { OWNER_LABEL } from './create-arguments.ts';
import type { ContainerEngine } from './engine.ts';

/** Host, process and the start time of the process, because process ids are reused. */
export function ownerOf(pid: number): string {
  return `${hostname()}/${pid}/${beginningOf(pid)}`;
}

/** Whether an owner has certainly ended. An owner on another host (a container that shares the engine) may be alive. */
export function isGone(owner: string): boolean {
  const [host, pid = '', beginning = ''] = owner.split('/');
  if (host !== hostname() || !/^\d+$/.test(pid)) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    // EPERM: it belongs to another user, and is alive.
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  return beginningOf(Number(pid)) !== beginning;
}

/** Removes the containers and volumes of an owner. Kills containers that still run. */
export async function removeOwned(engine: ContainerEngine, owner: string): Promise<void> {
  const filter = ['--quiet', '--filter', `label=${OWNER_LABEL}=${owner}`];
  const containers = words(await engine.ok(['ps', '--all', ...filter]));
  if (containers.length > 0) await engine.run(['rm', '--force', '--volumes', ...containers]);
  const volumes = words(await engine.ok(['volume', 'ls', ...filter]));
  if (volumes.length > 0) await engine.run(['volume', 'rm', ...volumes]);
}

/** Removes what crashed owners left. @returns the number of containers */
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
  // Ignore the command's error for something that was removed since it was listed.
  const format = `{{index ${labels} "${OWNER_LABEL}"}}`;
  return words((await engine.run([...command.toReversed(), '--format', format, ...ids])).stdout);
}

/** Start time of the process in clock ticks since boot, on systems with `/proc`. */
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
