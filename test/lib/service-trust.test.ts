/** The trust policies of every role that a template can contain. */
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { AgentLauncherStack } from '../../lib/agent-launcher-stack.ts';
import { parseSettings } from '../../lib/settings/parse.ts';
import { LEAST, propertiesOf, REGISTRY_IMAGE, testApp, text } from './synthesis.ts';
import { VALIDATED } from './validated-settings.ts';

const ENV = { account: '123456789012', region: 'eu-central-1' };

const roleSchema = z.looseObject({
  AssumeRolePolicyDocument: z.object({
    Statement: z.array(
      z.looseObject({
        Principal: z.strictObject({ Service: z.string() }),
        Condition: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
      }),
    ),
  }),
});

/** The trust statements of the stack with these settings, one per role. */
function trustsWith(settings: object) {
  const parsed = parseSettings({ agentLauncher: { ...LEAST, ...REGISTRY_IMAGE, ...settings } }, ENV);
  const stack = new AgentLauncherStack(testApp(), parsed.stackName, { settings: parsed, env: ENV });
  const roles = propertiesOf(Template.fromStack(stack), 'AWS::IAM::Role');
  return roles.flatMap((role) => roleSchema.parse(role).AssumeRolePolicyDocument.Statement);
}

/** Services whose documentation has no `aws:SourceAccount` for the roles that they assume, each with its source. */
const WITHOUT_ACCOUNT: Readonly<Record<string, string>> = {
  'ec2.amazonaws.com': 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html',
};

/** The `aws:SourceArn` of each service, as its documentation has it; absent: only the account. */
const SOURCES: Readonly<Record<string, string>> = {
  'ecs-tasks.amazonaws.com': 'arn:<AWS::Partition>:ecs:eu-central-1:123456789012:*',
  'scheduler.amazonaws.com': 'arn:<AWS::Partition>:scheduler:eu-central-1:123456789012:schedule-group/default',
  'vpc-flow-logs.amazonaws.com': 'arn:<AWS::Partition>:ec2:eu-central-1:123456789012:vpc-flow-log/*',
};

describe('every role that a service can assume', () => {
  it.each(VALIDATED.map((settings) => ({ settings })))(
    'is only for its own account, with $settings',
    ({ settings }) => {
      const trusts = trustsWith(settings);
      expect(trusts.length).toBeGreaterThan(3);
      for (const { Principal, Condition = {} } of trusts) {
        if (WITHOUT_ACCOUNT[Principal.Service] !== undefined) continue;
        const { StringEquals, ArnLike, ...others } = Condition;
        expect(StringEquals, Principal.Service).toEqual({ 'aws:SourceAccount': ENV.account });
        const source = ArnLike?.['aws:SourceArn'];
        expect(source && text(source), Principal.Service).toBe(SOURCES[Principal.Service]);
        expect(others).toEqual({});
      }
    },
  );

  it('is tested for each of the services', () => {
    const services = VALIDATED.flatMap((settings) => trustsWith(settings).map(({ Principal }) => Principal.Service));
    expect([...new Set(services)].sort()).toEqual(
      [...Object.keys(SOURCES), ...Object.keys(WITHOUT_ACCOUNT), 'lambda.amazonaws.com'].sort(),
    );
  });
});
