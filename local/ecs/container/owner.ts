/** Identifies the process that owns a container, so that a later start can remove what a crashed owner left. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { OWNER_LABEL } from './create-arguments.ts';
import type { ContainerEngine } from './engine.ts';

/** Host, process id and start time of the process. The start time is needed because process ids are reused. */
export function ownerOf(pid: number): string {
  return `${hostname()}/${pid}/${beginningOf(pid)}`;
}

/** Whether an owner has certainly ended. An owner on another host (for example in a container that shares the engine) may be alive. */
export function isGone(owner: string): boolean {
  const [host, pid = '', beginning = ''] = owner.split('/');
  if (host !== hostname() || !/^\d+$/.test(pid)) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    // With EPERM, the process is alive but belongs to another user.
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

/** Removes the containers and volumes of crashed owners. @returns the number of containers */
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
  // Ignore errors about items that were removed since they were listed.
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
