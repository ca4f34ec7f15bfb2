import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { type Death, type Invocation, type LocalFunction, startFunction } from '../../../local/lambda/function.ts';
import { newFolder } from '../../temporary-folder.ts';

let running: LocalFunction | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

function started(handler: string) {
  const module = join(newFolder('function'), 'handler.mjs');
  writeFileSync(module, handler);
  const lines: string[] = [];
  const invocations: Invocation[] = [];
  const deaths: Death[] = [];
  const settings = {
    module,
    environment: { GREETING: 'hello' },
    everyMs: 50,
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
      if (count === 2) throw new Error('not today');
      const left = context.getRemainingTimeInMillis();
      const names = Object.keys(process.env).filter((name) => /^(VITEST|npm_)/.test(name));
      console.log(JSON.stringify([count, event.source, left > 4000 && left <= 5000, context.awsRequestId.length, process.env.GREETING, names]));
    }
  `);
  await until(() => expect(invocations.length).toBeGreaterThanOrEqual(3));
  expect(lines.slice(0, 2)).toEqual([
    '[1,"aws.scheduler",true,36,"hello",[]]',
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
