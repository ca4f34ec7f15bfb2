import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Reaper } from '../../../local/ecs/reaper.ts';
import { newFolder } from '../../temporary-folder.ts';

const MARK = `ECS_CONTAINER_METADATA_URI_V4=http://127.0.0.1:1/v4/${process.pid}-`;

/** A process that runs for a minute, with or without the mark of a server's container. */
function sleeper(environment: Record<string, string>) {
  const child = spawn('sleep', ['60'], {
    detached: true,
    stdio: 'ignore',
    env: { PATH: '/usr/bin:/bin', ...environment },
  });
  return { child, exited: once(child, 'exit') };
}

it.runIf(existsSync('/proc/self/environ'))(
  'the reaper ends a process that the server started just before it crashed and didn’t report',
  async () => {
    const reaper = new Reaper(newFolder('reaper'));
    reaper.mark(MARK);
    const [name = '', value = ''] = MARK.split(/=(.*)/);
    const ours = sleeper({ [name]: `${value}one` });
    const foreign = sleeper({ [name]: 'http://127.0.0.1:1/v4/of-another' });
    await Promise.all([once(ours.child, 'spawn'), once(foreign.child, 'spawn')]);

    await reaper.close();

    expect((await ours.exited)[1]).toBe('SIGKILL');
    expect(foreign.child.exitCode).toBeNull();
    foreign.child.kill('SIGTERM');
    expect((await foreign.exited)[1]).toBe('SIGTERM');
  },
);
