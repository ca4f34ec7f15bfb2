import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../functions/nudge/config.ts';
import { NUDGE_ENV } from '../../../functions/nudge/contract.ts';
import { launcherIn, oneWrongProperty, refusalOf, secretIn } from '../constructs.ts';
import { faultsIn, faultsOf } from '../settings-faults.ts';
import {
  emptyStack,
  LEAST,
  propertiesOf,
  REGISTRY_IMAGE,
  resourcesOf,
  stackIn,
  statementsOf,
  templateOf,
  text,
} from '../synthesis.ts';

const nudge = { hmacKeySecret: 'acme/nudge-key' };
const template = templateOf({ ...REGISTRY_IMAGE, nudge });
const functionOf = (of: Template) =>
  propertiesOf(of, 'AWS::Lambda::Function').find(({ FunctionName }) => FunctionName === 'AgentLauncher-nudge');

describe('without the setting', () => {
  it('a stack has no URL, no queue and no second function', () => {
    const without = templateOf(REGISTRY_IMAGE);
    without.resourceCountIs('AWS::Lambda::Url', 0);
    without.resourceCountIs('AWS::Lambda::Permission', 0);
    without.resourceCountIs('AWS::SQS::Queue', 0);
    expect(functionOf(without)).toBeUndefined();
    expect(Object.keys(without.findOutputs('NudgeUrl'))).toEqual([]);
  });
});

describe("the nudge's function", () => {
  it('always has a reserved concurrency, so that a flood cannot use up the concurrency of the account', () => {
    expect(functionOf(template).ReservedConcurrentExecutions).toBe(5);
    const own = templateOf({ ...REGISTRY_IMAGE, nudge: { ...nudge, reservedConcurrency: 1 } });
    expect(functionOf(own).ReservedConcurrentExecutions).toBe(1);
  });

  it('runs on Node 24 and ARM, and Lambda writes no line per request into its log group', () => {
    expect(functionOf(template)).toMatchObject({
      Handler: 'index.handler',
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Timeout: 10,
      MemorySize: 256,
      LoggingConfig: {
        LogFormat: 'JSON',
        ApplicationLogLevel: 'INFO',
        SystemLogLevel: 'WARN',
        LogGroup: { Ref: expect.stringMatching(/NudgeLogs/) },
      },
    });
    template.hasResourceProperties('AWS::Logs::LogGroup', {
      LogGroupName: '/AgentLauncher/nudge',
      RetentionInDays: 30,
    });
  });

  it('accepts its environment, which has exactly the variables of the contract', () => {
    const { Variables } = functionOf(template).Environment;
    expect(Object.keys(Variables).sort()).toEqual(
      [NUDGE_ENV.hostname, NUDGE_ENV.hmacKeySecret, NUDGE_ENV.wakeUpsQueueUrl, 'NODE_OPTIONS'].sort(),
    );
    expect(text(Variables[NUDGE_ENV.wakeUpsQueueUrl])).toMatch(/^<\w*WakeUps\w*>$/);
    const config = parseConfig({
      ...Variables,
      [NUDGE_ENV.wakeUpsQueueUrl]: 'https://sqs.eu-central-1.amazonaws.com/1/q',
    });
    expect(config).toMatchObject({ hostname: 'app.terraform.io', hmacKeySecret: 'acme/nudge-key' });
  });

  it('has a URL without authorization, with the two permissions that a public URL needs', () => {
    expect(propertiesOf(template, 'AWS::Lambda::Url')).toEqual([
      { AuthType: 'NONE', TargetFunctionArn: { 'Fn::GetAtt': [expect.stringMatching(/NudgeFunction/), 'Arn'] } },
    ]);
    const ofNudge = { 'Fn::GetAtt': [expect.stringMatching(/NudgeFunction/), 'Arn'] };
    expect(propertiesOf(template, 'AWS::Lambda::Permission')).toEqual([
      { Action: 'lambda:InvokeFunctionUrl', FunctionName: ofNudge, FunctionUrlAuthType: 'NONE', Principal: '*' },
      { Action: 'lambda:InvokeFunction', FunctionName: ofNudge, InvokedViaFunctionUrl: true, Principal: '*' },
    ]);
    expect(Object.values(template.findOutputs('NudgeUrl'))).toHaveLength(1);
  });

  it('can read its key, send to the queue and write its log, and nothing else', () => {
    const its = statementsOf(template).filter(({ role }) => /NudgeRole/.test(role));
    expect(its.map(({ Sid, Action }) => [Sid, ...Action])).toEqual([
      ['ReadTheHmacKey', 'secretsmanager:GetSecretValue'],
      ['WakeTheLauncherUp', 'sqs:SendMessage'],
      ['WriteItsLog', 'logs:CreateLogStream', 'logs:PutLogEvents'],
    ]);
    expect(its.flatMap(resourcesOf)).toEqual([
      'arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:acme/nudge-key-??????',
      expect.stringMatching(/^<LauncherWakeUps\w+\.Arn>$/),
      expect.stringMatching(/^<LauncherNudgeLogs\w+\.Arn>$/),
    ]);
    expect(its.map(({ Condition }) => Condition)).toEqual([undefined, undefined, undefined]);
  });

  it('sends to the queue that wakes the launcher up, which exists although idlePollSeconds is 60', () => {
    const [queue = ''] = Object.keys(template.findResources('AWS::SQS::Queue'));
    expect(queue).toMatch(/^LauncherWakeUpsQueue/);
    expect(propertiesOf(template, 'AWS::Lambda::EventSourceMapping')).toMatchObject([
      { EventSourceArn: { 'Fn::GetAtt': [queue, 'Arn'] } },
    ]);
  });
});

describe('the setting nudge', () => {
  it.each([
    [{ hmacKeySecret: undefined }, 'nudge.hmacKeySecret'],
    [{ hmacKeySecret: 'two words' }, 'nudge.hmacKeySecret'],
    [{ hmacKeySecret: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme/key' }, 'nudge.hmacKeySecret'],
    [{ ...nudge, reservedConcurrency: 0 }, 'nudge.reservedConcurrency'],
    [{ ...nudge, reservedConcurrency: 101 }, 'nudge.reservedConcurrency'],
    [{ ...nudge, reservedConcurrency: null }, 'nudge.reservedConcurrency'],
    [{ ...nudge, secret: 'x' }, 'nudge.secret'],
  ])('is refused as %o', (wrong, path) => {
    expect(faultsOf({ nudge: wrong }).map((fault) => fault.path)).toEqual([path]);
  });

  it.each(['acme/api-token', 'acme/agent-token'])('is refused with the secret of a token: %s', (hmacKeySecret) => {
    expect(faultsOf({ nudge: { hmacKeySecret } })).toMatchObject([
      { path: 'nudge.hmacKeySecret', given: expect.stringContaining('also the secret of') },
    ]);
  });

  it('is refused with a secret of another region or account', () => {
    const arn = 'arn:aws:secretsmanager:us-east-1:999999999999:secret:acme/key-a1B2c3';
    const faults = (target: object) => faultsIn({ agentLauncher: { ...LEAST, nudge: { hmacKeySecret: arn } } }, target);
    expect(faults({ region: 'eu-central-1' })).toMatchObject([{ path: 'nudge.hmacKeySecret' }]);
    expect(faults({ account: '123456789012' })).toMatchObject([{ path: 'nudge.hmacKeySecret' }]);
    expect(faults({ account: '999999999999', region: 'us-east-1' })).toEqual([]);
  });
});

describe('the property nudge', () => {
  it('creates the URL for a secret of the app', () => {
    const stack = emptyStack();
    const launcher = launcherIn(stack, { nudge: { hmacKeySecret: secretIn(stack, 'Key') } });
    launcher.addOutputs();
    const own = Template.fromStack(stack);
    own.resourceCountIs('AWS::Lambda::Url', 1);
    const read = statementsOf(own).find(({ Sid }) => Sid === 'ReadTheHmacKey');
    expect(read?.Resource).toEqual({ Ref: expect.stringMatching(/^Key/) });
    expect(launcher.nudge?.url).toMatch(/Token/);
  });

  it.each([
    ['nudge.hmacKeySecret', { hmacKeySecret: 'acme/nudge-key' }, 'fromSecretNameV2'],
    ['nudge.hmacKeySecret', {}, 'fromSecretNameV2'],
    ['nudge.reservedConcurrency', 'own', 'did you mean reservedConcurrentExecutions?'],
    ['nudge.reservedConcurrentExecutions', 'own', 'integer from 1 to 100'],
  ])('is refused with a wrong %s: %o', (path, given, hint) => {
    const stack = stackIn();
    const property = path.split('.')[1] ?? '';
    const own = given === 'own' ? { hmacKeySecret: secretIn(stack, 'Key'), [property]: 0 } : given;
    const message = refusalOf(() => launcherIn(stack, { nudge: own } as Parameters<typeof launcherIn>[1]));
    expect(message).toMatch(oneWrongProperty('launcher Test/Agents', path));
    expect(message).toContain(hint);
  });
});
