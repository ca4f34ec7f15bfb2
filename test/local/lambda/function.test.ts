import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type EventSourceMapping, type MappedQueue, mapQueue } from '../../../local/lambda/event-source-mapping.ts';
import { type Death, type Invocation, type LocalFunction, startFunction } from '../../../local/lambda/function.ts';
import { newFolder } from '../../temporary-folder.ts';

let running: LocalFunction | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

function started(handler: string, everyMs = 50) {
  const module = join(newFolder('function'), 'handler.mjs');
  writeFileSync(module, handler);
  const lines: string[] = [];
  const invocations: Invocation[] = [];
  const deaths: Death[] = [];
  const settings = {
    module,
    environment: { GREETING: 'hello' },
    everyMs,
    timeoutMs: 5000,
    onLine: (line: string) => lines.push(line),
    onInvocation: (invocation: Invocation) => invocations.push(invocation),
  };
  running = startFunction(settings, (death) => deaths.push(death));
  return { lines, invocations, deaths };
}
const until = (check: () => void) => vi.waitFor(check, { timeout: 60_000, interval: 20 });

test('a function stays warm between invocations and inherits nothing of the host’s environment', async () => {
  const { lines, invocations } = started(`
    let count = 0;
    export async function handler(event, context) {
      count += 1;
      if (count === 3) console.log(process.pid);
      if (count === 2) throw new Error('not today');
      const left = context.getRemainingTimeInMillis();
      const names = Object.keys(process.env).filter((name) => /^(VITEST|npm_)/.test(name));
      console.log(JSON.stringify([count, event.source, left > 4000 && left <= 5000, context.awsRequestId.length, process.env.GREETING, names]));
    }
  `);
  await until(() => expect(invocations.length).toBeGreaterThanOrEqual(3));
  expect(lines.slice(0, 3)).toEqual([
    '[1,"aws.scheduler",true,36,"hello",[]]',
    `${running?.pid()}`,
    '[3,"aws.scheduler",true,36,"hello",[]]',
  ]);
  expect(invocations.slice(0, 3).map(({ number, error }) => [number, error])).toEqual([
    [1, undefined],
    [2, 'not today'],
    [3, undefined],
  ]);
});

test('a dead process is reported, and the next scheduled invocation starts a new process', async () => {
  const { deaths, invocations } = started(`
    import { existsSync, writeFileSync } from 'node:fs';
    const mark = new URL('./died-once', import.meta.url);
    export async function handler() {
      if (existsSync(mark)) return;
      writeFileSync(mark, '');
      process.kill(process.pid, 'SIGKILL');
    }
  `);
  await until(() => expect(invocations.length).toBeGreaterThanOrEqual(2));
  expect(deaths).toEqual([{ code: null, signal: 'SIGKILL', restartsInMs: expect.any(Number) }]);
  expect(deaths[0]?.restartsInMs).toBeGreaterThanOrEqual(0);
  expect(deaths[0]?.restartsInMs).toBeLessThanOrEqual(50);
});

test('the exit code of a process is reported, unless its end was requested', async () => {
  const { deaths } = started('export async function handler() { process.exit(7); }');
  await until(() => expect(deaths[0]).toMatchObject({ code: 7, signal: null }));
  await running?.stop();
  const second = started('export async function handler() {}');
  await until(() => expect(second.invocations.length).toBeGreaterThan(0));
  await running?.stop();
  expect(second.deaths).toEqual([]);
});

describe('a function that is invoked by a queue', () => {
  /** Says which process handled which event, and fails for the body "bad". */
  const HANDLER = `
    export async function handler({ Records }) {
      if (Records === undefined) return;
      const bodies = Records.map(({ body }) => body);
      const [wait] = bodies;
      console.log(JSON.stringify([process.pid, ...bodies]));
      await new Promise((resolve) => setTimeout(resolve, Number(wait) || 0));
      if (wait === 'bad') throw new Error('not today');
    }
  `;
  const parsed = (lines: readonly string[]) => lines.map((line): unknown[] => JSON.parse(line));
  let mapping: EventSourceMapping | undefined;
  afterEach(() => mapping?.stop());

  /** A queue whose consumer gets these batches. */
  function queueOf(...batches: string[][]) {
    const deleted: string[] = [];
    const queue = {
      arn: 'arn:aws:sqs:eu-central-1:000000000000:wake-ups',
      receive: () => (batches.shift() ?? []).map((body) => ({ id: body, body, sentAtMs: 0, receiveCount: 1 })),
      delete: (id: string) => deleted.push(id),
    };
    return { queue, deleted };
  }
  const map = (queue: MappedQueue, maxConcurrency = 2) => {
    const invoke = (event: object) => running?.invoke(event) ?? Promise.resolve('no function');
    mapping = mapQueue({ queue, invoke, maxConcurrency, region: 'eu-central-1' });
  };

  test('gets each batch in one invocation, in its warm process, and the batch is deleted', async () => {
    const { lines } = started(HANDLER, 3_600_000);
    const { queue, deleted } = queueOf(['1', '2'], [], ['3']);
    map(queue, 1);
    await until(() => expect(deleted).toEqual(['1', '2', '3']));
    const [first, second] = parsed(lines);
    expect(first?.slice(1)).toEqual(['1', '2']);
    expect(second).toEqual([first?.[0], '3']);
  });

  test('gets a batch in another process while the first one is busy, but never in more than the maximum', async () => {
    const { lines } = started(HANDLER, 3_600_000);
    const { queue, deleted } = queueOf(['1000'], ['900'], ['0']);
    map(queue);
    await until(() => expect(deleted).toHaveLength(3));
    // If the second process starts slowly, the first one has printed the third batch before.
    const pids = new Map(parsed(lines).map(([pid, body]) => [body, pid]));
    expect(pids.get('1000')).not.toBe(pids.get('900'));
    expect(new Set(pids.values()).size).toBe(2);
  });

  test('gets nothing while the mapping is disabled', async () => {
    const { lines } = started(HANDLER, 3_600_000);
    const { queue, deleted } = queueOf(['1'], ['2']);
    let isEnabled = true;
    let looks = 0;
    const invoke = (event: object) => running?.invoke(event) ?? Promise.resolve('no function');
    mapping = mapQueue({
      queue: {
        ...queue,
        delete: (id) => {
          isEnabled = false;
          queue.delete(id);
        },
      },
      invoke,
      isEnabled: () => {
        looks += 1;
        return isEnabled;
      },
      maxConcurrency: 1,
      region: 'eu-central-1',
    });
    await until(() => expect(deleted).toEqual(['1']));
    const before = looks;
    await until(() => expect(looks).toBeGreaterThan(before + 3));
    expect(lines).toHaveLength(1);
    isEnabled = true;
    await until(() => expect(deleted).toEqual(['1', '2']));
  });

  test('keeps a batch in the queue if the handler fails', async () => {
    started(HANDLER, 3_600_000);
    const { queue, deleted } = queueOf(['bad', 'x'], ['1']);
    map(queue, 1);
    await until(() => expect(deleted).toEqual(['1']));
  });

  test('reports the error of an invocation, and a process that dies counts as failed', async () => {
    const { invocations } = started(
      `export async function handler(event) { if (event.die) process.exit(1); throw new Error('not today'); }`,
      3_600_000,
    );
    await until(() => expect(invocations).toHaveLength(1));
    expect(await running?.invoke({ die: false })).toBe('not today');
    expect(await running?.invoke({ die: true })).toBe('the process ended');
  });
});

test('a function whose schedule is off is not invoked by it, and is invoked again after the schedule is on', async () => {
  const { lines, invocations } = started(`
    export async function handler(event) {
      console.log(event.source ?? 'request');
      await new Promise((resolve) => setTimeout(resolve, event.waitMs ?? 0));
    }
  `);
  await until(() => expect(invocations.length).toBeGreaterThan(0));
  running?.setScheduled(false);
  // Its answer shows that the process has received the switch. The next request takes longer than three periods of the schedule.
  await running?.invoke({});
  const before = lines.length;
  await running?.invoke({ waitMs: 150 });
  await running?.invoke({});
  expect(lines.slice(before)).toEqual(['request', 'request']);
  running?.setScheduled(true);
  await until(() => expect(lines.at(-1)).toBe('aws.scheduler'));
});
