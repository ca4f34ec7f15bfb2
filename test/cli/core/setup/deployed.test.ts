import { expect, test } from 'vitest';
import { type DeployedStack, harmOf, newsOf, otherStackName, rivalryOf } from '../../../../cli/core/setup/deployed.ts';

const pool = (name: string, organization = 'acme') => ({ hostname: 'app.terraform.io', organization, name });
const stack = (...pools: ReturnType<typeof pool>[]): DeployedStack => ({ state: 'launcher', pools });

test.each<[string, DeployedStack, ReturnType<typeof pool>[], RegExp | undefined]>([
  ['there is no stack', { state: 'none' }, [pool('a')], undefined],
  ['the stack could not be read', { state: 'unknown', problem: 'no' }, [pool('a')], undefined],
  ['the stack has the same pools', stack(pool('a')), [pool('a')], undefined],
  ['the settings add a pool', stack(pool('a')), [pool('a'), pool('b')], undefined],
  ['the organization differs in its case', stack(pool('a', 'ACME')), [pool('a')], undefined],
  [
    'the settings lack a pool',
    stack(pool('a'), pool('b')),
    [pool('a')],
    /serves the pools a .*, b .*for the pool a .*would replace it: .*nothing would start agents for the pool b/,
  ],
  [
    'the pool is of another organization',
    stack(pool('a', 'other')),
    [pool('a')],
    /for the pool a \(organization acme\), would replace it: .*nothing would start agents for the pool a \(organization other\)/,
  ],
  ['the stack is not a launcher', { state: 'other' }, [pool('a')], /would replace what is in it/],
])('finds the harm of a deployment if %s', (_, deployed, settings, expected) => {
  const harm = harmOf('AgentLauncher', deployed, settings);
  if (expected === undefined) expect(harm).toBeUndefined();
  else expect(harm).toMatch(expected);
});

test('two stacks are rivals only if they serve a common pool', () => {
  expect(rivalryOf('A', stack(pool('a')), [pool('b')])).toBeUndefined();
  expect(rivalryOf('A', { state: 'none' }, [pool('a')])).toBeUndefined();
  expect(rivalryOf('A', stack(pool('a'), pool('b')), [pool('b')])).toContain('The stack A serves the pool b');
});

test('new settings for a deployed stack are news', () => {
  expect(newsOf('A', { state: 'none' })).toBeUndefined();
  expect(newsOf('A', stack(pool('a')))).toContain('npx cdk diff');
});

test('the suggested name of another stack is allowed', () => {
  expect(otherStackName('AgentLauncher', 'team_a')).toBe('AgentLauncher-team-a');
  expect(otherStackName('AgentLauncher', 'x'.repeat(90))).toHaveLength(48);
});
