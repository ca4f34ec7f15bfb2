import { describe, expect, it } from 'vitest';
import type { Agent, RunningJob, Task } from '../../../../functions/launcher/core/types.ts';
import { agent, queuedJob, stoppedTask, supplyOfPool } from './builders.ts';

const KILLED = { exitCode: 137, containerReason: 'OutOfMemoryError: Container killed due to memory usage' };
const killed = (overrides: Partial<Task> = {}) => stoppedTask('died', { ...KILLED, ...overrides });

function seenIn(task: Task, agents: readonly Agent[] | undefined, running: readonly RunningJob[] = [], waits = false) {
  const queued = waits ? [queuedJob('run-1')] : [];
  return supplyOfPool({ tasks: [task], agents, running, queued });
}

describe('a task that ran out of memory', () => {
  it('is reported with its agent’s job, as long as a run shows that job', () => {
    const running = [{ key: 'run-7/apply', phase: 'apply', agentName: 'died' }] as const;
    const { outOfMemory } = seenIn(killed(), [agent('died', 'unknown')], running);
    expect(outOfMemory).toEqual([{ task: killed(), sign: 'OutOfMemoryError', jobKey: 'run-7/apply' }]);
    expect(seenIn(killed(), [agent('died', 'errored')]).outOfMemory).toEqual([
      { task: killed(), sign: 'OutOfMemoryError' },
    ]);
  });

  it('is reported with its own agent’s job among all that run, never with another agent’s', () => {
    const running = [
      { key: 'run-1/plan', phase: 'plan', agentName: 'other' },
      { key: 'run-7/apply', phase: 'apply', agentName: 'died' },
      { key: 'run-8/plan', phase: 'plan' },
    ] as const;
    const agents = [agent('died', 'unknown'), agent('other', 'busy')];
    expect(seenIn(killed(), agents, running).outOfMemory).toMatchObject([{ jobKey: 'run-7/apply' }]);
    const [first, , last] = running;
    expect(seenIn(killed(), agents, [first, last]).outOfMemory).toEqual([{ task: killed(), sign: 'OutOfMemoryError' }]);
  });

  it('is recognized by its exit code when ECS gives no other reason, unless someone stopped it', () => {
    const agents = [agent('died', 'unknown')];
    expect(seenIn(killed({ containerReason: undefined }), agents).outOfMemory).toMatchObject([
      { sign: 'exit code 137' },
    ]);
    for (const stopCode of ['UserInitiated', 'SpotInterruption', undefined]) {
      expect(seenIn(killed({ containerReason: undefined, stopCode }), agents).outOfMemory).toEqual([]);
    }
    expect(seenIn(stoppedTask('died', { exitCode: 1 }), agents).outOfMemory).toEqual([]);
  });

  it('is only a start failure when its agent never came up', () => {
    const { outOfMemory, startFailures } = seenIn(killed(), [], [], true);
    expect([outOfMemory, startFailures.length]).toEqual([[], 1]);
  });

  it('is reported even if the token can’t list agents and its job no longer waits', () => {
    expect(seenIn(killed(), undefined).outOfMemory).toHaveLength(1);
  });
});
