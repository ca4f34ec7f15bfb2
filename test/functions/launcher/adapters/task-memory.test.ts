import { describe, expect, it } from 'vitest';
import { TaskMemory } from '../../../../functions/launcher/adapters/ecs/task-memory.ts';
import type { Task } from '../../../../functions/launcher/core/types.ts';
import { minutes, NOW, seconds, stoppedTask, task } from '../core/builders.ts';

const FAMILY = 'launcher-default';
const arn = (id: string) => `arn:aws:ecs:eu-central-1:000000000000:task/launcher/${id}`;
const stopping = (id: string) => task(id, { lastStatus: 'DEPROVISIONING', desiredStatus: 'STOPPED' });
const idsOf = (tasks: readonly Task[]) => tasks.map(({ id }) => id);

/** Stopped tasks that fill pages of ECS's list. */
const manyStopped = (count: number) => Array.from({ length: count }, (_, i) => stoppedTask(`many-${i}`));

/** A memory whose list of stopped tasks was read at {@link NOW}. */
function memoryWith(live: readonly Task[] = [], stopped: readonly Task[] = manyStopped(100)): TaskMemory {
  const memory = new TaskMemory();
  memory.liveDescribed(live, NOW);
  memory.stoppedListed(
    FAMILY,
    stopped.map(({ id }) => arn(id)),
    NOW,
  );
  memory.stoppedDescribed(FAMILY, stopped, NOW);
  return memory;
}

describe('stopped tasks', () => {
  it('must be listed by a new function instance', () => {
    expect(new TaskMemory().mustList(FAMILY, NOW)).toBe(true);
    expect(memoryWith().mustList(FAMILY, NOW)).toBe(false);
    expect(memoryWith().mustList('other', NOW)).toBe(true);
  });

  it('are listed by every tick as long as they fit into one page, because other instances may have started some', () => {
    expect(memoryWith([], manyStopped(99)).mustList(FAMILY, NOW)).toBe(true);
    expect(memoryWith([], manyStopped(100)).mustList(FAMILY, NOW)).toBe(false);
  });

  it.each<[string, (memory: TaskMemory) => void, number]>([
    ['a minute later', () => undefined, minutes(1)],
    ['after a pause of the function', (memory) => memory.liveDescribed([], NOW + seconds(31)), seconds(31)],
    ['after a launch with an unknown result', (memory) => memory.launchUnknown('other', NOW), 0],
  ])('must be listed again %s', (_, happen, afterMs) => {
    const memory = memoryWith();
    happen(memory);
    expect(memory.mustList(FAMILY, NOW + afterMs)).toBe(true);
  });

  it('needn’t be listed again while ticks follow each other', () => {
    const memory = memoryWith();
    for (let at = 0; at < minutes(1); at += seconds(30)) memory.liveDescribed([], NOW + at);
    expect(memory.mustList(FAMILY, NOW + minutes(1) - 1)).toBe(false);
  });

  it('are listed once although the pool is idle, and again after a pause of two minutes', () => {
    expect(new TaskMemory().mustListIdle(FAMILY, NOW)).toBe(true);
    const memory = memoryWith();
    expect([FAMILY, 'other'].map((family) => memory.mustListIdle(family, NOW))).toEqual([false, true]);
    memory.liveDescribed([], NOW + minutes(2));
    expect(memory.mustListIdle(FAMILY, NOW)).toBe(false);
    memory.liveDescribed([], NOW + minutes(4) + 1);
    expect(memory.mustListIdle(FAMILY, NOW)).toBe(true);
  });

  it('are listed for five minutes after a launch with an unknown result, although the pool is idle', () => {
    const memory = memoryWith();
    memory.launchUnknown(FAMILY, NOW);
    const isListedAfter = (ms: number) => memory.mustListIdle(FAMILY, NOW + ms);
    expect([0, minutes(5), minutes(5) + 1].map(isListedAfter)).toEqual([true, true, false]);
  });

  it('are described once', () => {
    const memory = memoryWith([], [stoppedTask('a'), stopping('b')]);
    expect(memory.notUnderstood(FAMILY, ['a', 'b', 'c'].map(arn))).toEqual(['b', 'c']);
    expect(idsOf(memory.stoppedDescribed(FAMILY, [], NOW))).toEqual(['a']);
  });

  it('are forgotten when ECS no longer lists them', () => {
    const memory = memoryWith([], [stoppedTask('a'), stoppedTask('b')]);
    memory.stoppedListed(FAMILY, [arn('b')], NOW);
    expect(idsOf(memory.stoppedDescribed(FAMILY, [], NOW))).toEqual(['b']);
  });

  it('include those that are stopping in the list of live tasks', () => {
    const memory = memoryWith([], []);
    memory.liveDescribed([stopping('a'), task('b')], NOW);
    expect(idsOf(memory.stoppedDescribed(FAMILY, [], NOW))).toEqual(['a']);
    expect(memory.vanished(FAMILY)).toEqual([]);
  });
});

describe('a task that is no longer in the list of live tasks', () => {
  it.each<[string, (memory: TaskMemory) => void]>([
    ['was live', (memory) => memory.liveDescribed([task('a')], NOW)],
    ['was launched', (memory) => memory.launched('a', FAMILY, 'PROVISIONING', NOW)],
  ])('is described by its id until it has stopped, if it %s', (_, happen) => {
    const memory = memoryWith([], []);
    happen(memory);
    memory.liveDescribed([], NOW);
    expect([memory.vanished(FAMILY), memory.vanished('other')]).toEqual([['a'], []]);
    memory.stoppedDescribed(FAMILY, [stopping('a')], NOW);
    expect(memory.vanished(FAMILY)).toEqual(['a']);
    expect(idsOf(memory.stoppedDescribed(FAMILY, [stoppedTask('a')], NOW))).toEqual(['a']);
    expect(memory.vanished(FAMILY)).toEqual([]);
    expect(idsOf(memory.stoppedDescribed(FAMILY, [], NOW))).toEqual(['a']);
  });

  it('is forgotten if ECS hasn’t shown it for five minutes', () => {
    const memory = memoryWith();
    memory.launched('a', FAMILY, 'PROVISIONING', NOW);
    memory.liveDescribed([], NOW + minutes(5));
    expect(memory.vanished(FAMILY)).toEqual(['a']);
    memory.liveDescribed([], NOW + minutes(5) + 1);
    expect(memory.vanished(FAMILY)).toEqual([]);
  });

  it('is described once if the launch’s client token belongs to a task that ended long ago, which ECS no longer knows', () => {
    const memory = memoryWith();
    memory.launched('old', FAMILY, 'STOPPED', NOW);
    memory.launched('new', FAMILY, 'PROVISIONING', NOW);
    memory.liveDescribed([], NOW);
    memory.stoppedDescribed('other', [], NOW);
    expect(memory.vanished(FAMILY)).toEqual(['old', 'new']);
    memory.stoppedDescribed(FAMILY, [], NOW);
    expect(memory.vanished(FAMILY)).toEqual(['new']);
  });
});
