/** `setup` with a person at a terminal: each question gets its answer as keys. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type System, settingsIn, startSystem } from './system.ts';

const ENTER = '\r';
const DOWN = '\u001b[B';
const SPACE = ' ';
const CTRL_C = '\u0003';

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.close());
afterEach(() => system.hcp.reset());

/** Waits for each question, and answers with keys. @returns the result, and the questions that were asked */
async function interview(
  folder: string,
  answers: readonly (readonly [question: string, keys: string])[],
  { args = [], token = system.hcp.apiToken }: { readonly args?: readonly string[]; readonly token?: string } = {},
) {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => stdin });
  const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
  const asked: string[] = [];
  let seen = '';
  let text = '';
  stderr.on('data', (chunk) => {
    text += String(chunk);
    seen += String(chunk);
    const next = answers[asked.length];
    if (next === undefined || !seen.includes(next[0])) return;
    asked.push(next[0]);
    seen = '';
    // The prompt listens only after it is drawn.
    setTimeout(() => stdin.write(next[1]), 20);
  });
  const result = await system.run(folder, ['setup', '--hostname', system.hostname, '--offline', ...args], {
    env: { TFE_TOKEN: token },
    io: { stdin, stderr },
  });
  return { code: result.code, stdout: result.stdout, stderr: text, asked };
}

const FIRST = [
  ['Agent pool', ENTER],
  ['Name of the new pool', ENTER],
  ['Projects that may use the pool', SPACE + ENTER],
  ['API token of the launcher', DOWN + ENTER],
  ['Network of the agents', DOWN + DOWN + DOWN + ENTER],
  ['AWS services that Terraform calls', `sts,s3${ENTER}`],
  ['Size of a task', DOWN + ENTER],
  ['Separate tasks for plans and applies', `y`],
  ['E-mail address for alarms (Enter: none)', ENTER],
  ['Do this now?', ENTER],
] as const;

test('the answer that Enter gives is shown', async () => {
  const { stderr } = await interview(system.folder(), [
    ['Agent pool', ENTER],
    ['Name of the new pool', ENTER],
    ['Projects that may use the pool', CTRL_C],
  ]);
  const lines = stripVTControlCharacters(stderr)
    .split('\n')
    .map((line) => line.trim());
  expect(lines[lines.lastIndexOf('◇  Name of the new pool (Enter: aws)') + 1]).toBe('│  aws');
});

test('a person goes from nothing to settings with ten answers, and needs none for a second run', async () => {
  const folder = system.folder();
  const first = await interview(folder, FIRST);
  expect(first.asked).toHaveLength(10);
  expect(first.code).toBe(0);
  expect(settingsIn(folder)).toMatchObject({
    organization: 'acme',
    pools: [{ name: 'aws', cpu: 2048, memoryMiB: 4096, phases: {} }],
    network: { egress: 'public-ip', awsApiServices: ['sts', 's3'], awsApiRegions: ['eu-central-1'] },
  });
  const pool = [...system.hcp.world.pools.values()].find(({ name }) => name === 'aws');
  expect(pool).toMatchObject({ organizationScoped: false, allowedProjectIds: [expect.stringMatching(/^prj-/)] });

  const before = [readFileSync(join(folder, 'cdk.json'), 'utf8'), system.changes().length];
  const second = await interview(folder, [['What do you want to change?', ENTER]]);
  expect(second.code).toBe(0);
  expect(second.stderr).toContain('Everything exists already.');
  expect(second.stderr).toContain('Secret agent-launcher/aws/agent-token has the agent token at-');
  expect([readFileSync(join(folder, 'cdk.json'), 'utf8'), system.changes().length]).toEqual(before);

  const third = await interview(folder, [
    ['What do you want to change?', DOWN.repeat(4) + SPACE + ENTER],
    ['Size of a task', DOWN + ENTER],
    ['Do this now?', ENTER],
  ]);
  expect(third.code).toBe(0);
  expect(settingsIn(folder)['pools']).toMatchObject([{ name: 'aws', cpu: 4096, memoryMiB: 8192, phases: {} }]);
});

test('shows the price of each network, and hides the token that a person types', async () => {
  const folder = system.folder();
  const token = system.hcp.apiToken;
  const { stderr, code } = await interview(
    folder,
    [
      [`Token for ${system.hostname}`, token + ENTER],
      ...FIRST.slice(0, 3),
      ['API token of the launcher', ENTER],
      ['Team token', system.hcp.launcherApiToken + ENTER],
      ['Network of the agents', CTRL_C],
    ],
    { token: '', args: ['--agent-token-secret', 'other/agent-token', '--api-token-secret', 'other/api-token'] },
  );
  expect(code).toBe(130);
  expect(stderr).toContain('Stopped. Nothing was changed.');
  expect(stderr).not.toContain(token);
  expect(stderr).not.toContain(system.hcp.launcherApiToken);
  for (const price of [
    'nat-gateway ($36.51): private subnets',
    'network-firewall ($292.00): also',
    'on-demand (preview, $0.65): a gateway that sleeps',
    'public-ip ($0.005): each task has a public address',
    'existing-vpc ($0.00): your VPC',
    'price per month while idle, in us-east-1',
    'Create a team with "View all workspaces" and "Manage agent pools"',
  ]) {
    expect(stderr).toContain(price);
  }
});

test('asks again for a token that HCP Terraform rejects, and keeps the other answers', async () => {
  const wrong = 'wrong.atlasv1.token';
  const { stderr, code, asked } = await interview(
    system.folder(),
    [
      [`Token for ${system.hostname}`, wrong + ENTER],
      ['The token from your input does not work.', ''],
      [`Token for ${system.hostname}`, system.hcp.apiToken + ENTER],
      ...FIRST.slice(0, 3),
      ['API token of the launcher', ENTER],
      ['Team token', wrong + ENTER],
      ['The API token of the launcher from your input does not work.', ''],
      ['API token of the launcher', ENTER],
      ['Team token', system.hcp.launcherApiToken + ENTER],
      ['Network of the agents', CTRL_C],
    ],
    { token: '', args: ['--agent-token-secret', 'other/agent-token', '--api-token-secret', 'other/api-token'] },
  );
  expect(asked).toHaveLength(12);
  expect(code).toBe(130);
  expect(stderr).not.toContain(wrong);
});

test('offers the organizations that the token sees if it does not see the wanted one', async () => {
  const { asked, code } = await interview(
    system.folder(),
    [
      ['There is no organization nowhere', ''],
      ['Organization', CTRL_C],
    ],
    { args: ['--organization', 'nowhere'] },
  );
  expect([asked.length, code]).toEqual([2, 130]);
});

test('changes the number of agents and the e-mail address only if a person chooses them', async () => {
  const folder = system.folder();
  const args = ['--agent-token-secret', 'fourth/agent-token', '--api-token-secret', 'fourth/api-token'];
  const answers: (readonly [question: string, keys: string])[] = [...FIRST];
  answers.splice(
    8,
    1,
    ['E-mail address for alarms (Enter: none)', `not-an-address${ENTER}`],
    ['Allowed:', `${'\u007f'.repeat(14)}team@example.com${ENTER}`],
  );
  const first = await interview(folder, answers, { args });
  expect(first.code).toBe(0);
  expect(settingsIn(folder)).toMatchObject({ alarmEmail: 'team@example.com', pools: [{ maxAgents: 10 }] });
  const second = await interview(folder, [
    ['What do you want to change?', DOWN.repeat(7) + SPACE + DOWN + SPACE + ENTER],
    ['Maximum number of agents at the same time (Enter: 10)', `4${ENTER}`],
    ['E-mail address for alarms (Enter: team@example.com)', ENTER],
    ['Do this now?', ENTER],
  ]);
  expect(second.code).toBe(0);
  expect(settingsIn(folder)).toMatchObject({ alarmEmail: 'team@example.com', pools: [{ maxAgents: 4 }] });
});

test.each(FIRST.map(([question], index) => [question, index] as const))(
  'changes nothing if a person presses Ctrl-C at "%s"',
  async (question, index) => {
    const folder = system.folder();
    const before = system.changes().length;
    const args = ['--agent-token-secret', 'other/agent-token', '--api-token-secret', 'other/api-token'];
    const result = await interview(folder, [...FIRST.slice(0, index), [question, CTRL_C]], { args });
    expect(result.code).toBe(130);
    expect(result.stderr).toContain('Stopped. Nothing was changed.');
    expect(system.changes().length).toBe(before);
    expect(readFileSync(join(folder, 'cdk.json'), 'utf8')).toBe(readFileSync('cdk.json', 'utf8'));
  },
);

test('asks again if a person presses Enter at the projects, so that the pool does not open to everybody', async () => {
  const args = ['--agent-token-secret', 'other/agent-token', '--api-token-secret', 'other/api-token'];
  const before = system.changes().length;
  const result = await interview(
    system.folder(),
    [
      ...FIRST.slice(0, 2),
      ['Projects that may use the pool', ENTER],
      ['Select at least one with the space bar', CTRL_C],
    ],
    { args },
  );
  expect(result.asked).toHaveLength(4);
  expect(result.code).toBe(130);
  expect(system.changes().length).toBe(before);
});

test('a name that a person types replaces the suggestion, and a wrong one gets its rule', async () => {
  const args = ['--agent-token-secret', 'other/agent-token', '--api-token-secret', 'other/api-token'];
  const result = await interview(
    system.folder(),
    [
      ['Agent pool', ENTER],
      ['Name of the new pool (Enter: aws)', `team a${ENTER}`],
      ['It is "team a". Allowed: up to 90 letters', `${'\u007f'.repeat(6)}team-a${ENTER}`],
      ['Projects that may use the pool', CTRL_C],
    ],
    { args },
  );
  expect(result.asked).toHaveLength(4);
  expect(result.stderr).toContain('team-a');
  expect(result.stderr).not.toContain('awsteam');
});

test('says what Enter means for AWS services, and refuses a name that no endpoint has', async () => {
  const args = ['--agent-token-secret', 'other/agent-token', '--api-token-secret', 'other/api-token'];
  const result = await interview(
    system.folder(),
    [
      ...FIRST.slice(0, 5),
      ['AWS services that Terraform calls', `cloudwatch${ENTER}`],
      ['cloudwatch: no endpoint has this name', CTRL_C],
    ],
    { args },
  );
  expect(result.asked).toHaveLength(7);
  expect(result.stderr).toContain("The domains of AWS services that you don't list won't resolve in jobs.");
});

test('offers another stack name if the stack is deployed and serves another pool', async () => {
  system.deployStack('production');
  const args = ['--agent-token-secret', 'other/agent-token', '--api-token-secret', 'other/api-token'];
  const toTheStack = [
    ...FIRST.slice(0, 3),
    ['The stack AgentLauncher is deployed already', ENTER],
    ['Name of the new stack (Enter: AgentLauncher-aws)', `TeamA${ENTER}`],
  ] as const;
  const folder = system.folder();
  const result = await interview(folder, [...toTheStack, ...FIRST.slice(3)], { args });
  expect(result.code).toBe(0);
  expect(settingsIn(folder)['stackName']).toBe('TeamA');
  expect(result.stderr.replaceAll(/\s+/g, ' ')).toContain('serves the pool production (organization acme)');

  const other = await interview(
    system.folder(),
    [
      ['Projects that may use the pool', SPACE + ENTER],
      ['The stack AgentLauncher is deployed already', DOWN + ENTER],
    ],
    { args: ['--agent-token-secret', 'third/agent-token', '--pool', 'third'] },
  ).finally(() => system.deleteStack());
  expect(other.code).toBe(1);
  expect(other.stderr).toContain('Stopped. Nothing was changed.');
});
