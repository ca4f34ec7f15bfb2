import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WRITABLE_FOLDERS as DEPLOYED_FOLDERS, AGENT_USER as DEPLOYED_USER } from '../../../lib/agent-image.ts';
import { parseCommandLine } from '../../../local/start/command-line.ts';
import { decisionsOf, type Invocation, type Launcher, startLauncher } from '../../../local/start/launcher.ts';
import { AGENT_USER, WRITABLE_FOLDERS } from '../../../local/start/world.ts';

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
  const deaths: (number | null)[] = [];
  launcher = startLauncher({
    module,
    environment: { GREETING: 'hello' },
    everyMs: 50,
    timeoutMs: 5000,
    onLine: (line) => lines.push(line),
    onInvocation: (invocation) => invocations.push(invocation),
    onDeath: (code) => deaths.push(code),
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

test('the death of the function is told, its end by order is not', async () => {
  const { deaths } = started('export async function handler() { process.exit(7); }');
  await until(() => expect(deaths).toEqual([7]));
  await launcher?.stop();
  const second = started('export async function handler() {}');
  await until(() => expect(second.invocations.length).toBeGreaterThan(0));
  await launcher?.stop();
  expect(second.deaths).toEqual([]);
});

test('a tick’s log line is told as its decisions, and other lines are not', () => {
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
  [['--engine', 'podman'], { kind: 'invalid', fault: '--engine means nothing without --containers; add that.' }],
  [['--containers', '--engine'], { kind: 'invalid', fault: '--engine needs a value: --engine NAME.' }],
  [['podman'], { kind: 'invalid', fault: expect.stringContaining('Unknown argument "podman"; allowed: --keep') }],
  [
    ['--kepp'],
    {
      kind: 'invalid',
      fault: 'Unknown argument "--kepp"; allowed: --keep, --json, --containers, --engine, --base-image, --help.',
    },
  ],
])('npm start -- %j', (argv, expected) => {
  expect(parseCommandLine(argv)).toEqual(expected);
});

test('the local task definition has the user and the folders of the deployed one', () => {
  expect(AGENT_USER).toBe(DEPLOYED_USER);
  expect(WRITABLE_FOLDERS).toEqual(DEPLOYED_FOLDERS);
});
