import { Duration } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { CONNECTION_ENV } from '../../../functions/connection/contract.ts';
import { METRICS_NAMESPACE, POOL_DIMENSION } from '../../../functions/launcher/contract.ts';
import { parseConfig } from '../../../functions/token-rotation/config.ts';
import {
  ROTATION_ENV,
  ROTATION_NAMESPACE,
  ROTATION_POOL_DIMENSION,
} from '../../../functions/token-rotation/contract.ts';
import { ORPHAN_AGE_MS } from '../../../functions/token-rotation/core/rotation.ts';
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

const agentTokenRotation = { days: 30, apiTokenSecret: 'acme/rotation-api-token' };
const pools = [
  { name: 'default', agentTokenSecret: 'acme/agent-token' },
  { name: 'apart', id: 'apool-1', organization: 'other', agentTokenSecret: 'acme/other-token', phases: {} },
];
const template = templateOf({ ...REGISTRY_IMAGE, pools, agentTokenRotation });
const NAME = 'AgentLauncher-token-rotation';
const functionOf = (of: Template) =>
  propertiesOf(of, 'AWS::Lambda::Function').find(({ FunctionName }) => FunctionName === NAME);
const alarmsOf = (of: Template) =>
  propertiesOf(of, 'AWS::CloudWatch::Alarm').filter(({ AlarmName }) => /otation|too old/.test(AlarmName));

describe('without the setting', () => {
  it('a stack has no second function, no second schedule and no alarms about tokens', () => {
    const without = templateOf(REGISTRY_IMAGE);
    expect(functionOf(without)).toBeUndefined();
    expect(alarmsOf(without)).toEqual([]);
    without.resourceCountIs('AWS::Scheduler::Schedule', 1);
  });
});

describe('the function that rotates agent tokens', () => {
  it('accepts its environment, which has exactly the variables of the contract', () => {
    const { Variables } = functionOf(template).Environment;
    const { region, ...own } = ROTATION_ENV;
    const optional: readonly string[] = [...Object.values(CONNECTION_ENV), ROTATION_ENV.apiTokenJsonKey];
    const names = Object.values(own).filter((name) => !optional.includes(name));
    expect(Object.keys(Variables).sort()).toEqual([...names, 'NODE_OPTIONS', 'POWERTOOLS_SERVICE_NAME'].sort());
    const plain = Object.fromEntries(Object.entries(Variables).map(([key, value]) => [key, text(value)]));
    expect(parseConfig({ ...plain, [region]: 'eu-central-1' })).toEqual({
      hostname: 'app.terraform.io',
      apiTokenSecret: 'acme/rotation-api-token',
      cluster: 'AgentLauncher',
      maxAgeMs: 30 * 86_400_000,
      ignoreOtherAgents: false,
      account: '<AWS::AccountId>',
      stack: 'AgentLauncher',
      region: 'eu-central-1',
      pools: [
        {
          name: 'default',
          organization: LEAST.organization,
          secret: 'acme/agent-token',
          families: ['AgentLauncher_all_default', 'AgentLauncher_plan_default', 'AgentLauncher_apply_default'],
        },
        {
          name: 'apart',
          id: 'apool-1',
          organization: 'other',
          secret: 'acme/other-token',
          families: ['AgentLauncher_all_apart', 'AgentLauncher_plan_apart', 'AgentLauncher_apply_apart'],
        },
      ],
    });
  });

  it('has the proxy and the certificates of the launcher, and can read their secrets', () => {
    const own = templateOf({
      ...REGISTRY_IMAGE,
      agentTokenRotation,
      caCertificates: { secret: 'acme/certificates' },
      launcher: {
        httpsProxy: 'http://proxy.acme.example:3128',
        noProxy: ['10.0.0.0/8', 'tfe.acme.example'],
        httpsProxyCredentialsSecret: 'acme/proxy',
      },
    });
    const { Variables } = functionOf(own).Environment;
    const plain = Object.fromEntries(Object.entries(Variables).map(([key, value]) => [key, text(value)]));
    expect(parseConfig({ ...plain, [ROTATION_ENV.region]: 'eu-central-1' })).toMatchObject({
      proxy: {
        url: 'http://proxy.acme.example:3128',
        noProxy: ['10.0.0.0/8', 'tfe.acme.example'],
        credentialsSecret: 'acme/proxy',
      },
      caCertificatesSecret: 'acme/certificates',
    });
    const read = statementsOf(own).filter(
      ({ role, Sid }) => /TokenRotationRole/.test(role) && Sid === 'ReadConnectionSecrets',
    );
    expect(read.flatMap(resourcesOf)).toEqual([
      expect.stringMatching(/:secret:acme\/certificates-\?{6}$/),
      expect.stringMatching(/:secret:acme\/proxy-\?{6}$/),
    ]);
  });

  it('ends before another invocation treats its token as abandoned', () => {
    expect(functionOf(template).Timeout * 1_000).toBeLessThanOrEqual(ORPHAN_AGE_MS / 2);
  });

  it('can read its own token, store agent tokens and list tasks of its cluster, and nothing else', () => {
    const its = statementsOf(template).filter(({ role }) => /TokenRotationRole/.test(role));
    expect(its.map(({ Sid, Action }) => [Sid, ...Action])).toEqual([
      ['ReadItsApiToken', 'secretsmanager:GetSecretValue'],
      [
        'StoreAgentTokens',
        'secretsmanager:DescribeSecret',
        'secretsmanager:ListSecretVersionIds',
        'secretsmanager:PutSecretValue',
      ],
      ['DescribeAgents', 'ecs:DescribeTasks'],
      ['ListAgents', 'ecs:ListTasks'],
      ['WriteItsLog', 'logs:CreateLogStream', 'logs:PutLogEvents'],
    ]);
    const secret = 'arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:acme';
    expect(its.flatMap(resourcesOf)).toEqual([
      `${secret}/rotation-api-token-??????`,
      `${secret}/agent-token-??????`,
      `${secret}/other-token-??????`,
      'arn:<AWS::Partition>:ecs:<AWS::Region>:<AWS::AccountId>:task/AgentLauncher/*',
      '*',
      expect.stringMatching(/^<LauncherTokenRotationLogs\w+\.Arn>$/),
    ]);
    const inCluster = { ArnEquals: { 'ecs:cluster': { 'Fn::GetAtt': [expect.stringMatching(/Cluster/), 'Arn'] } } };
    expect(its.map(({ Condition }) => Condition)).toEqual([undefined, undefined, inCluster, inCluster, undefined]);
  });

  it('leaves the launcher without any permission on its secret', () => {
    const others = statementsOf(template).filter(({ role }) => !/TokenRotation/.test(role));
    expect(others.flatMap(resourcesOf).filter((resource) => resource.includes('rotation-api-token'))).toEqual([]);
  });

  it('runs in the network of the launcher, with its security group', () => {
    expect(functionOf(template).VpcConfig).toBeUndefined();
    const inVpc = templateOf({ ...REGISTRY_IMAGE, agentTokenRotation, launcher: { vpc: true } });
    const [launcher] = propertiesOf(inVpc, 'AWS::Lambda::Function').filter(
      ({ FunctionName }) => FunctionName === 'AgentLauncher-launcher',
    );
    expect(launcher.VpcConfig).toBeDefined();
    expect(functionOf(inVpc).VpcConfig).toEqual(launcher.VpcConfig);
    const denied = statementsOf(inVpc).filter(
      ({ role, Sid }) => /TokenRotationRole/.test(role) && Sid === 'DenyThemToItsCode',
    );
    expect(JSON.stringify(denied[0]?.Condition)).toContain(`function:${NAME}`);
  });

  it('has the architecture and the code signing of the launcher', () => {
    const codeSigningConfigArn = 'arn:aws:lambda:eu-central-1:123456789012:code-signing-config:csc-0123456789abcdef0';
    const own = templateOf({
      ...REGISTRY_IMAGE,
      agentTokenRotation,
      launcher: { architecture: 'x86_64', codeSigningConfigArn },
    });
    expect(functionOf(own)).toMatchObject({ Architectures: ['x86_64'], CodeSigningConfigArn: codeSigningConfigArn });
  });

  it('is invoked every hour, and again if it fails', () => {
    template.hasResourceProperties('AWS::Scheduler::Schedule', {
      Name: NAME,
      ScheduleExpression: 'rate(1 hour)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      State: 'ENABLED',
    });
    expect(propertiesOf(template, 'AWS::Lambda::EventInvokeConfig')).toContainEqual({
      FunctionName: { Ref: expect.stringMatching(/TokenRotationFunction/) },
      MaximumRetryAttempts: 2,
      Qualifier: '$LATEST',
    });
  });

  it('writes its metrics where the launcher does', () => {
    expect(ROTATION_NAMESPACE).toBe(METRICS_NAMESPACE);
    expect(ROTATION_POOL_DIMENSION).toBe(POOL_DIMENSION);
  });
});

describe('the alarms of the rotation', () => {
  it('report lasting failures, and a token that is two days too old or not reported', () => {
    const dimensions = (pool: string) =>
      expect.arrayContaining([
        { Name: 'service', Value: 'AgentLauncher' },
        { Name: 'pool', Value: pool },
      ]);
    const tooOld = (pool: string) => ({
      AlarmName: `AgentLauncher: Agent token too old (${pool})`,
      Namespace: 'AgentLauncher',
      MetricName: 'AgentTokenAgeDays',
      Dimensions: dimensions(pool),
      Threshold: 32,
      Period: 6 * 3600,
      EvaluationPeriods: 1,
      Statistic: 'Maximum',
      TreatMissingData: 'breaching',
    });
    expect(alarmsOf(template)).toMatchObject([
      {
        AlarmName: 'AgentLauncher: Rotation of agent tokens fails',
        Namespace: 'AWS/Lambda',
        MetricName: 'Errors',
        Dimensions: [{ Name: 'FunctionName', Value: { Ref: expect.stringMatching(/TokenRotationFunction/) } }],
        Threshold: 1,
        Period: 3600,
        EvaluationPeriods: 3,
        Statistic: 'Sum',
      },
      tooOld('default'),
      tooOld('apart'),
    ]);
  });
});

describe('the setting agentTokenRotation', () => {
  it.each([
    [{ days: undefined }, 'agentTokenRotation.days'],
    [{ days: 0 }, 'agentTokenRotation.days'],
    [{ days: 366 }, 'agentTokenRotation.days'],
    [{ days: 1.5 }, 'agentTokenRotation.days'],
    [{ apiTokenSecret: undefined }, 'agentTokenRotation.apiTokenSecret'],
    [{ apiTokenSecret: 'two words' }, 'agentTokenRotation.apiTokenSecret'],
    [{ ignoreOtherAgents: 'yes' }, 'agentTokenRotation.ignoreOtherAgents'],
    [{ hours: 1 }, 'agentTokenRotation.hours'],
  ])('is refused with %o', (wrong, path) => {
    expect(faultsOf({ agentTokenRotation: { ...agentTokenRotation, ...wrong } }).map((fault) => fault.path)).toEqual([
      path,
    ]);
  });

  it.each(['acme/api-token', 'acme/agent-token'])(
    'is refused with the secret of another token: %s',
    (apiTokenSecret) => {
      expect(faultsOf({ agentTokenRotation: { days: 1, apiTokenSecret } })).toMatchObject([
        {
          path: 'agentTokenRotation.apiTokenSecret',
          given: expect.stringContaining('also the secret of'),
        },
      ]);
    },
  );

  it('is refused if the nudge has the same secret', () => {
    const nudge = { hmacKeySecret: agentTokenRotation.apiTokenSecret };
    expect(faultsOf({ agentTokenRotation, nudge })).toMatchObject([{ path: 'nudge.hmacKeySecret' }]);
  });

  it('is refused with a secret of another region or account', () => {
    const apiTokenSecret = 'arn:aws:secretsmanager:us-east-1:999999999999:secret:acme/key-a1B2c3';
    const faults = (target: object) =>
      faultsIn({ agentLauncher: { ...LEAST, agentTokenRotation: { days: 1, apiTokenSecret } } }, target);
    expect(faults({ region: 'eu-central-1' })).toMatchObject([{ path: 'agentTokenRotation.apiTokenSecret' }]);
    expect(faults({ account: '123456789012' })).toMatchObject([{ path: 'agentTokenRotation.apiTokenSecret' }]);
    expect(faults({ account: '999999999999', region: 'us-east-1' })).toEqual([]);
  });
});

describe('the property agentTokenRotation', () => {
  it('creates the function for a secret of the app', () => {
    const stack = emptyStack();
    const launcher = launcherIn(stack, {
      agentTokenRotation: {
        maxAge: Duration.days(7),
        apiTokenSecret: secretIn(stack, 'Rotation'),
        ignoreOtherAgents: true,
      },
    });
    expect(launcher.tokenRotation?.function).toBeDefined();
    const own = Template.fromStack(stack);
    const [its] = propertiesOf(own, 'AWS::Lambda::Function').filter(({ FunctionName }) =>
      /-token-rotation$/.test(FunctionName),
    );
    expect(its.Environment.Variables).toMatchObject({
      [ROTATION_ENV.days]: '7',
      [ROTATION_ENV.ignoreOtherAgents]: 'true',
    });
    const read = statementsOf(own).find(({ Sid }) => Sid === 'ReadItsApiToken');
    expect(read?.Resource).toEqual({ Ref: expect.stringMatching(/^Rotation/) });
  });

  it.each([
    ['agentTokenRotation.apiTokenSecret', { apiTokenSecret: 'acme/token' }, 'fromSecretNameV2'],
    ['agentTokenRotation.maxAge', { maxAge: 7 }, 'Duration'],
    ['agentTokenRotation.maxAge', { maxAge: Duration.days(400) }, 'in days: integer from 1 to 365'],
    ['agentTokenRotation.maxAge', { maxAge: Duration.hours(25) }, 'in days: integer from 1 to 365'],
  ])('is refused with a wrong %s: %o', (path, wrong, hint) => {
    const stack = stackIn();
    const given = { maxAge: Duration.days(7), apiTokenSecret: secretIn(stack, 'Rotation'), ...wrong };
    const message = refusalOf(() =>
      launcherIn(stack, { agentTokenRotation: given } as Parameters<typeof launcherIn>[1]),
    );
    expect(message).toMatch(oneWrongProperty('launcher Test/Agents', path));
    expect(message).toContain(hint);
  });
});
