import { expect, test } from 'vitest';
import { faultInASentence, faultOfAnswer, faultsInWords, optionOf } from '../../../../cli/core/setup/faults.ts';
import { createProgram } from '../../../../cli/program.ts';
import { faultsIn } from '../../../lib/settings-faults.ts';
import { LEAST } from '../../../lib/synthesis.ts';

/** Settings that `setup` writes, each with a path inside of it. */
const PATHS = [
  ...['stackName', 'hostname', 'organization', 'apiTokenSecret'],
  ...['name', 'agentTokenSecret', 'maxAgents', 'cpu', 'memoryMiB', 'phases'].map((key) => `pools.12.${key}`),
  ...['network.egress', 'network.vpcId', 'network.subnetIds.1', 'network.awsApiServices.0'],
  ...['agentImage.registry', 'agentImage.version'],
];

test.each(PATHS)('the option of %s exists', (path) => {
  const io = { stdout: process.stdout, stderr: process.stderr } as never;
  const program = createProgram(io, () => async () => undefined);
  const setup = program.commands.find((command) => command.name() === 'setup');
  const options = [...program.options, ...(setup?.options ?? [])].map(({ long }) => long);
  expect(options).toContain(optionOf(path));
});

test('a setting without an option keeps its path', () => {
  expect(optionOf('scheduleMinutes')).toBeUndefined();
  const faults = faultsIn({ agentLauncher: { ...LEAST, scheduleMinutes: 99 } }, {});
  expect(faultsInWords(faults)).toContain('scheduleMinutes\n    given:    99');
});

test('no fault advises -c, which setup does not have', () => {
  const agentLauncher = {
    ...LEAST,
    pools: [{ ...LEAST.pools[0], maxAgents: 5000 }],
    network: { egress: 'existing-vpc' },
  };
  const text = faultsInWords(faultsIn({ agentLauncher }, {}));
  expect(text).toContain('pools.0.maxAgents (--max-agents)');
  expect(text).toContain('pass an allowed value with --max-agents');
  expect(text).toContain('network.vpcId (--vpc-id)');
  expect(text).not.toContain(' -c ');
});

test('a fault says whether the value is from the option, the file or a question', () => {
  const [fault] = faultsIn({ agentLauncher: { ...LEAST, hostname: '10.0.0.5' } }, {});
  if (fault === undefined) throw new Error('There is no fault.');
  expect(faultInASentence(fault)).toMatch(/^--hostname is "10.0.0.5", an IP address\. Allowed: /);
  expect(faultInASentence(fault, 'cdk.json')).toMatch(/^hostname in cdk\.json is "10.0.0.5"/);
  expect(faultOfAnswer(fault)).toMatch(/^It is "10.0.0.5", an IP address\. Allowed: /);
});
