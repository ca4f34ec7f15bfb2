import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WRITABLE_FOLDERS as DEPLOYED_FOLDERS, AGENT_USER as DEPLOYED_USER } from '../../../lib/agent/image.ts';
import { type Death, type Invocation, type Launcher, startLauncher } from '../../../local/lambda/function.ts';
import { parseCommandLine, takenByNpm } from '../../../local/start/command-line.ts';
import { decisionsOf } from '../../../local/start/decisions.ts';
import { AGENT_USER, WRITABLE_FOLDERS } from '../../../local/start/task-definition.ts';

let directory: string;
let launcher: Launcher | undefined;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'launcher-host-'));
});
afterEach(async () => {
  await launcher?.stop();
  launcher = undefined;
  rmSync(directory, { recursive: true });
});

function started(handler: string) {
  const module = join(directory, 'handler.mjs');
  writeFileSync(module, handler);
  const lines: string[] = [];
  const invocations: Invocation[] = [];
  const deaths: Death[] = [];
  launcher = startLauncher({
    module,
    environment: { GREETING: 'hello' },
    everyMs: 50,
    timeoutMs: 5000,
    onLine: (line) => lines.push(line),
    onInvocation: (invocation) => invocations.push(invocation),
    onDeath: (death) => deaths.push(death),
  });
  return { lines, invocations, deaths };
}
const until = (check: () => void) => vi.waitFor(check, { timeout: 60_000, interval: 20 });

test('a handler is invoked again and again, warm, as Lambda does it, with nothing of the host’s environment', async () => {
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

test('a dead process is reported, and the next scheduled invocation starts another one, as in AWS', async () => {
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

test('the exit code of a dead process is reported, an ordered end is not', async () => {
  const { deaths } = started('export async function handler() { process.exit(7); }');
  await until(() => expect(deaths[0]).toMatchObject({ code: 7, signal: null }));
  await launcher?.stop();
  const second = started('export async function handler() {}');
  await until(() => expect(second.invocations.length).toBeGreaterThan(0));
  await launcher?.stop();
  expect(second.deaths).toEqual([]);
});

test('a tick’s log line is reported as its decisions, and other lines aren’t', () => {
  const line = JSON.stringify({
    level: 'INFO',
    message: 'tick',
    pools: [
      { pool: 'production', launches: [{ job: 'run-a/plan', outcome: 'launched', task: '0123456789abcdef' }] },
      {
        pool: 'sandbox',
        deferrals: [{ jobKey: 'run-b/plan', cause: 'max-agents' }],
        errors: [{ message: 'no answer' }],
      },
      { pool: 'idle' },
    ],
  });
  expect(decisionsOf(line, (key) => `<${key}>`)).toEqual([
    'production: launched 01234567 for <run-a/plan>',
    'sandbox: not now (max-agents): <run-b/plan>',
    'sandbox: no answer',
  ]);
  expect(decisionsOf('{"_aws":{}}', String)).toEqual([]);
  expect(decisionsOf('no JSON', String)).toEqual([]);
});

test.each([
  [['--help'], { kind: 'help' }],
  [[], { kind: 'start', keep: false, json: false }],
  [['--json', '--keep'], { kind: 'start', keep: true, json: true }],
  [['--containers'], { kind: 'start', keep: false, json: false, containers: {} }],
  [
    ['--containers', '--engine', 'podman', '--base-image=debian:13', '--keep'],
    { kind: 'start', keep: true, json: false, containers: { engine: 'podman', baseImage: 'debian:13' } },
  ],
  [['--keep', '--port', '8443', '--state=here'], { kind: 'start', keep: true, json: false, port: 8443, state: 'here' }],
  [['--port', '8443'], { kind: 'invalid', fault: '--port has no effect without --keep; add that option.' }],
  [
    ['--keep', '--port', '70000'],
    { kind: 'invalid', fault: '--port is "70000"; it must be an integer from 1 to 65535.' },
  ],
  [['--keep', '--state'], { kind: 'invalid', fault: '--state needs a value: --state FOLDER.' }],
  [['--engine', 'podman'], { kind: 'invalid', fault: '--engine has no effect without --containers; add that option.' }],
  [['--containers', '--engine'], { kind: 'invalid', fault: '--engine needs a value: --engine NAME.' }],
  [['podman'], { kind: 'invalid', fault: expect.stringContaining('Unknown argument "podman"; allowed: --keep') }],
  [
    ['--kepp'],
    {
      kind: 'invalid',
      fault:
        'Unknown argument "--kepp"; allowed: --keep, --json, --port, --state, --containers, --engine, --base-image, --help.',
    },
  ],
])('npm start -- %j', (argv, expected) => {
  expect(parseCommandLine(argv)).toEqual(expected);
});

test('an option that npm took for itself is noticed', () => {
  // What `npm start --keep --base-image debian:13` sets.
  const environment = { npm_config_keep: 'true', npm_config_base_image: 'debian:13', npm_config_loglevel: 'notice' };
  expect(takenByNpm(environment, [])).toEqual(['keep', 'base-image']);
  expect(takenByNpm(environment, ['--keep', '--base-image=x'])).toEqual([]);
  expect(takenByNpm({}, [])).toEqual([]);
});

test('the local task definition has the user and the folders of the deployed one', () => {
  expect(AGENT_USER).toBe(DEPLOYED_USER);
  expect(WRITABLE_FOLDERS).toEqual(DEPLOYED_FOLDERS);
});
