import { expect, it } from 'vitest';
import { explain } from '../../../../cli/core/why/explain.ts';
import { type Paint, screenOf } from '../../../../cli/core/why/screen.ts';
import { whyDocument, whyJson } from '../../../../cli/core/why-json.ts';
import { agentLog, deferredFor, evidence, launched, logOf, NOW, secondsBefore, task, tickAt } from './evidence.ts';

const plain: Paint = (_, text) => text;

const REJECTED = evidence({
  log: logOf([launched(30)]),
  tasks: [task({ lastStatus: 'RUNNING', startedAtMs: secondsBefore(5) })],
  agentLog: agentLog(
    '2026-11-29T11:59:57.000Z [INFO]  agent: Starting: name=x version=1.33.0',
    '2026-11-29T11:59:58.000Z [ERROR] core: Unexpected HTTP response code: method=POST url=https://app.terraform.io/api/agent/register status=401',
  ),
});

it('the explanation fits on a screen of 80 columns and 24 lines', () => {
  const lines = screenOf(explain(REJECTED), NOW, 80, plain);
  expect(lines.length).toBeLessThanOrEqual(24);
  expect(lines.filter((line) => line.length > 80 && !line.includes('https://app'))).toEqual([]);
  expect(lines.join('\n')).toMatchInlineSnapshot(`
    "run-Abc123Abc123Abc1 is blocked (agent-token-rejected)
    HCP Terraform rejects the agent token of pool default: the agent of task
    01234567… can't register. It logs: core: Unexpected HTTP response code:
    method=POST url=https://app.terraform.io/api/agent/register status=401.

    What to do
      1. Run \`agent-launcher rotate --pool default\`: it creates a new agent token
         and stores it in the secret.
      2. Or store a valid agent token of the pool in its secret. Then the next task
         takes the job. Log: \`agent-launcher logs run-Abc123Abc123Abc1\`.

    What is known
      HCP Terraform  plan_queued since 11:59:20Z (40 s ago)
                     workspace network (acme), execution mode agent
                     agent pool default, served by AgentLauncher
                     https://app.terraform.io/app/acme/workspaces/network/runs/run-Abc123Abc123Abc1
      Launcher       saw the plan at 11:59:30Z, 10 s after it was queued
                     started task 0123456789abcdef0123456789abcdef for the plan at
                     11:59:30Z (1 job queued, no free agent)
                     last tick at 11:59:55Z (5 s ago): 1 queued, 1 starting
      ECS            task 0123456789abcdef0123456789abcdef is RUNNING since
                     11:59:55Z (5 s ago)
      Agent's log    11:59:40Z [INFO]  agent: Starting: name=x version=1.33.0
                     11:59:41Z [ERROR] core: Unexpected HTTP response code: method=…"
  `);
});

const LONG_ARN = 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:agent-launcher/production/api-token-AbCdEf';

it('a line of the agent that is no error keeps its beginning', () => {
  const line = `2026-11-29T11:59:57.000Z [INFO]  terraform: Finished handling run: run.id=run-1 ${'x'.repeat(80)}`;
  const lines = screenOf({ ...explain(REJECTED), agentLog: [{ atMs: NOW, line }] }, NOW, 80, plain);
  expect(lines.at(-1)).toMatch(/12:00:00Z \[INFO\] {2}terraform: Finished handling run: run\.id=run…$/);
});

it('a run that HCP Terraform doesn’t show is not called blocked', () => {
  const [title = ''] = screenOf({ ...explain(REJECTED), cause: 'run-unknown' }, NOW, 80, plain);
  expect(title).toBe('run-Abc123Abc123Abc1 can’t be found (run-unknown)');
});

it('a long word such as an ARN stays whole, in every part', () => {
  const message = `Secrets Manager: secret ${LONG_ARN} cannot be read`;
  const errors = [{ system: 'Secrets Manager', fault: 'rejected', message }];
  const given = evidence({ log: logOf([], { recentTicks: [tickAt(secondsBefore(5), { errors })] }) });
  const lines = screenOf(explain(given), NOW, 80, plain);
  expect(lines.filter((line) => line.includes(LONG_ARN))).toHaveLength(1);
  expect(lines.join('\n')).not.toMatch(/-launcher\/production\/api-tok\n/);
});

it('a message of ECS is shown in full, once', () => {
  const stoppedReason =
    'CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref docker.io/hashicorp/tfc-agent:1.33.0: 429 Too Many Requests - Server message: toomanyrequests: You have reached your unauthenticated pull rate limit.';
  const reason = `tasks failed to start once, the last with: ${stoppedReason}`;
  const given = evidence({
    log: logOf([launched(60), deferredFor('start-failures', reason)]),
    tasks: [task({ lastStatus: 'STOPPED', stopCode: 'TaskFailedToStart', stoppedReason })],
  });
  const text = screenOf(explain(given), NOW, 80, plain).join('\n').replaceAll(/\s+/g, ' ');
  expect(text.split('You have reached your unauthenticated pull rate limit.')).toHaveLength(2);
  expect(text).toMatch(/is STOPPED TaskFailedToStart$/);
  expect(text).toContain('deferred the launch, last at 11:59:55Z: start-failures, tasks failed to start once ');
});

it('a fact that is too long for its lines keeps its end', () => {
  const explanation = explain(evidence());
  const fact = { source: 'ECS' as const, text: `${'word '.repeat(200)}the cause is at the end` };
  const lines = screenOf({ ...explanation, facts: [fact] }, NOW, 80, plain);
  expect(lines.join(' ').replaceAll(/\s+/g, ' ')).toMatch(/the cause is at the end$/);
  expect(lines.length).toBeLessThan(15);
});

it('nothing in a log can change the terminal', () => {
  const evil = evidence({
    log: logOf([launched(30)]),
    tasks: [task({ lastStatus: 'RUNNING', startedAtMs: secondsBefore(5) })],
    agentLog: agentLog('\u001b]0;owned\u0007[ERROR] core: \u001b[2Jlookup x: no such host'),
  });
  expect(screenOf(explain(evil), NOW, 80, plain).join('')).toSatisfy(
    (text: string) => !text.includes('\u001b') && !text.includes('\u0007'),
  );
});

it('the JSON document matches its schema', () => {
  const document = whyDocument(explain(REJECTED), NOW);
  expect(whyJson.parse(JSON.parse(JSON.stringify(document)))).toEqual(document);
  expect(document).toMatchObject({ cause: 'agent-token-rejected', state: 'blocked', at: '2026-11-29T12:00:00.000Z' });
});

it('an error that the verdict does not quote keeps its address, and is cut at its end', () => {
  const url = 'https://app.terraform.io/api/agent/jobs';
  const line = `2026-11-29T11:59:57.000Z [ERROR] core: Request failed: method=GET url=${url} ${'x '.repeat(100)}`;
  const lines = screenOf({ ...explain(REJECTED), agentLog: [{ atMs: NOW, line }] }, NOW, 80, plain);
  const shown = lines.slice(lines.findIndex((text) => text.includes("Agent's log")));
  expect(shown.length).toBeLessThanOrEqual(4);
  expect(shown.join('\n')).toContain(`url=${url}`);
  expect(shown.at(-1)).toMatch(/…$/);
  expect(shown.filter((text) => text.length > 80)).toEqual([]);
});

it('a run in a pool of nobody is not said to continue on its own', () => {
  const title = (state: 'waiting' | 'blocked') =>
    screenOf({ ...explain(REJECTED), cause: 'pool-not-served', state }, NOW, 80, plain)[0];
  expect(title('waiting')).toContain('waits, but not for this launcher (pool-not-served)');
  expect(title('blocked')).toContain('is blocked (pool-not-served)');
});
