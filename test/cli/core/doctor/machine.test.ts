import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { checkDocker, checkNode, checkSettings, isSupportedNode } from '../../../../cli/core/doctor/machine.ts';
import { shown } from './builders.ts';

it.each([
  ['v22.18.0', false],
  ['v22.19.0', true],
  ['v23.11.0', false],
  ['v24.0.0', true],
  ['v25.1.0', false],
  ['v26.0.0', true],
  ['v30.2.1', true],
  ['v20.19.0', false],
  ['unknown', false],
])('Node %s is supported: %s', (version, supported) => {
  expect(isSupportedNode(version)).toBe(supported);
  expect(checkNode(version).severity).toBe(supported ? 'ok' : 'error');
});

it('the supported versions of Node are those of engines in package.json', () => {
  const { engines } = JSON.parse(readFileSync('package.json', 'utf8')) as { engines: { node: string } };
  expect(engines.node).toBe('^22.19.0 || ^24.0.0 || >=26.0.0');
});

it.each([
  ['is running', { state: 'running', program: 'docker' }, false, 'ok'],
  ['is not needed', { state: 'not-needed' }, false, 'ok'],
  ['is missing before the deployment', { state: 'missing', program: 'podman' }, false, 'warning'],
  ['is stopped before the deployment', { state: 'not-running', program: 'docker' }, false, 'warning'],
  ['is stopped after the deployment', { state: 'not-running', program: 'docker' }, true, 'note'],
] as const)('a container engine that %s is reported as it matters', (_, docker, deployed, severity) => {
  expect(checkDocker(docker, deployed).severity).toBe(severity);
});

it('doctor names the container engine that CDK_DOCKER sets', () => {
  expect(shown(checkDocker({ state: 'missing', program: 'finch' }, false))[0]).toContain('finch is not on your PATH.');
});

it('each wrong setting is one error, with what is allowed and what to do', () => {
  const fault = { path: 'pools.0.cpu', given: '3', allowed: '256, 512', remedy: 'use an allowed value' };
  const findings = checkSettings(
    { state: 'invalid', file: 'cdk.json', faults: [fault, { ...fault, path: 'tags' }] },
    false,
  );
  expect(findings.map(({ severity }) => severity)).toEqual(['error', 'error']);
  expect(shown(findings)[0]).toContain('The setting pools.0.cpu in cdk.json is wrong. Given: 3.');
  expect(shown(findings)[0]).toContain('Allowed: 256, 512. Use an allowed value.');
});

it('wrong settings next to a deployed stack are one note about the next deployment', () => {
  const fault = { path: 'organization', given: '"your-org"', allowed: 'a name', remedy: 'Set your organization.' };
  const one = checkSettings({ state: 'invalid', file: 'cdk.json', faults: [fault] }, true);
  expect(shown(one)).toEqual([
    expect.stringMatching(
      /^note machine\.settings: .*can’t be deployed: organization .*next deployment.*Set your organization\.$/,
    ),
  ]);
  const two = checkSettings({ state: 'invalid', file: 'cdk.json', faults: [fault, { ...fault, path: 'tags' }] }, true);
  expect(shown(two)).toEqual([expect.stringMatching(/organization .* and tags .*Add --settings/)]);
});

it('missing settings are an error only if nothing is deployed', () => {
  const none = { state: 'none', file: 'cdk.json' } as const;
  expect(shown(checkSettings(none, false))[0]).toContain('Run `agent-launcher setup`');
  expect(checkSettings(none, true)).toEqual([]);
});
