import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { faultsOf, pathsOf } from '../settings-faults.ts';
import { propertiesOf, stackOf, templateOf, warningsIn } from '../synthesis.ts';

const alarmTopicArn = 'arn:aws:sns:eu-central-1:123456789012:alarms';
const alarmEmail = 'ops@acme.example';

it('the logical ID of the subscription does not contain the address', () => {
  const idsOf = (address: string) =>
    Object.keys(templateOf({ alarmEmail: address }).findResources('AWS::SNS::Subscription'));
  expect(idsOf('one@acme.example')).toEqual(idsOf('two@acme.example'));
});

describe('a stack with alarmEmail', () => {
  const { stack } = stackOf({ alarmEmail });
  const template = Template.fromStack(stack);
  const [topic = ''] = Object.keys(template.findResources('AWS::SNS::Topic'));

  it('sends every alarm, and its end, to the address', () => {
    expect(propertiesOf(template, 'AWS::SNS::Subscription')).toEqual([
      { Endpoint: alarmEmail, Protocol: 'email', TopicArn: { Ref: topic } },
    ]);
    expect(propertiesOf(template, 'AWS::SNS::Topic')).toEqual([
      { DisplayName: 'AgentLauncher', TopicName: 'AgentLauncher-alarms' },
    ]);
    const alarms = propertiesOf(template, 'AWS::CloudWatch::Alarm');
    expect(alarms.length).toBeGreaterThan(5);
    for (const alarm of alarms) {
      expect(alarm).toMatchObject({ AlarmActions: [{ Ref: topic }], OKActions: [{ Ref: topic }] });
    }
  });

  it('lets only CloudWatch and EventBridge of this account publish, and only over TLS', () => {
    const allowed = { Action: 'sns:Publish', Resource: { Ref: topic } };
    const [policy] = propertiesOf(template, 'AWS::SNS::TopicPolicy');
    expect(policy.PolicyDocument.Statement).toEqual([
      expect.objectContaining({
        ...allowed,
        Effect: 'Deny',
        Principal: '*',
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      }),
      {
        ...allowed,
        Sid: 'Alarms',
        Effect: 'Allow',
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
      },
      { ...allowed, Sid: 'Events', Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' } },
      {
        ...allowed,
        Sid: 'EventsOfOtherAccounts',
        Effect: 'Deny',
        Principal: { Service: 'events.amazonaws.com' },
        Condition: {
          Null: { 'aws:SourceAccount': 'false' },
          StringNotEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
        },
      },
    ]);
  });
});

it.each([{}, { alarmTopicArn }])('a stack with %o creates no topic', (settings) => {
  templateOf(settings).resourceCountIs('AWS::SNS::Topic', 0);
});

it('only a stack whose alarms reach nobody warns about it, and the app can acknowledge the warning', () => {
  expect(warningsIn(stackOf().stack, 'Nobody is notified')).toEqual([
    expect.stringContaining('[ack: agent-launcher:noAlarmTopic]'),
  ]);
  for (const settings of [{ alarmEmail }, { alarmTopicArn }]) {
    expect(warningsIn(stackOf(settings).stack, 'Nobody is notified')).toEqual([]);
  }
});

describe('alarmEmail', () => {
  it.each(['ops@acme.example', "o'brien+alarms@mail.acme.co.uk"])('accepts %s', (address) => {
    expect(faultsOf({ alarmEmail: address })).toEqual([]);
  });

  it.each([
    ['ops', 'set one address'],
    ['ops@localhost', 'set one address'],
    ['a@acme.example, b@acme.example', 'mailing list'],
    ['Operations <ops@acme.example>', 'set the address alone: ops@acme.example'],
    ['mailto:ops@acme.example', 'set the address alone: ops@acme.example'],
    [alarmTopicArn, 'as alarmTopicArn'],
  ])('refuses %s with a remedy', (address, remedy) => {
    const faults = faultsOf({ alarmEmail: address });
    expect(pathsOf(faults)).toEqual(['alarmEmail']);
    expect(faults[0]?.remedy).toContain(remedy);
  });

  it('is refused together with alarmTopicArn', () => {
    const faults = faultsOf({ alarmEmail, alarmTopicArn });
    expect(pathsOf(faults)).toEqual(['alarmEmail']);
    expect(faults[0]?.given).toContain(alarmTopicArn);
    expect(faults[0]?.remedy).toContain('remove alarmTopicArn');
  });
});
