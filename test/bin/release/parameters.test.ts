import { describe, expect, it } from 'vitest';
import { COVERED_PATHS, coverageOf } from '../../../bin/release/coverage.ts';
import { METADATA, PARAMETERS, RULES } from '../../../bin/release/parameters.ts';
import { settingPaths } from '../../docs/settings-reference.ts';

const patternOf = (name: string) => new RegExp(String(PARAMETERS[name]?.['AllowedPattern']));
const secrets = ['ApiTokenSecret', 'AgentTokenSecret', 'ImageCredentialsSecret', 'NudgeHmacKeySecret'];

describe('every setting', () => {
  it.each(settingPaths())('%s is a parameter, a property of the stack, or has a reason why not', (path) => {
    expect(coverageOf(path)).toBeDefined();
  });

  it('in the list exists', () => {
    const paths = new Set(settingPaths());
    expect(COVERED_PATHS.filter((path) => !paths.has(path))).toEqual([]);
  });
});

describe('every parameter', () => {
  it.each(Object.entries(PARAMETERS))('%s has a description, and a constraint with its explanation', (_, parameter) => {
    expect(String(parameter['Description']).length).toBeGreaterThan(10);
    expect(String(parameter['Description']).length).toBeLessThan(4000);
    const bounded = ['AllowedPattern', 'AllowedValues', 'MinValue'].filter((key) => parameter[key] !== undefined);
    expect(bounded).toHaveLength(1);
    if (bounded[0] === 'AllowedPattern') expect(parameter['ConstraintDescription']).toBeTypeOf('string');
  });

  it('has a title and a group in the console', () => {
    const { ParameterGroups, ParameterLabels } = METADATA['AWS::CloudFormation::Interface'] as {
      ParameterGroups: { Parameters: string[] }[];
      ParameterLabels: object;
    };
    const names = Object.keys(PARAMETERS).sort();
    expect(ParameterGroups.flatMap(({ Parameters }) => Parameters).sort()).toEqual(names);
    expect(Object.keys(ParameterLabels).sort()).toEqual(names);
  });

  it('has a default that its constraint allows, unless a value is required', () => {
    const required = Object.keys(PARAMETERS).filter((name) => PARAMETERS[name]?.['Default'] === undefined);
    expect(required).toEqual(['Organization', 'ApiTokenSecret', 'PoolName', 'AgentTokenSecret', 'CodeBucket']);
    for (const [name, { Default, AllowedPattern, AllowedValues, MinValue, MaxValue }] of Object.entries(PARAMETERS)) {
      if (Default === undefined) continue;
      if (AllowedPattern !== undefined) expect(String(Default), name).toMatch(patternOf(name));
      if (AllowedValues !== undefined) expect(AllowedValues, name).toContain(Default);
      if (MinValue !== undefined) expect(Default, name).toBeGreaterThanOrEqual(Number(MinValue));
      if (MaxValue !== undefined) expect(Default, name).toBeLessThanOrEqual(Number(MaxValue));
    }
  });

  it('is accepted by CloudFormation: at most 200, with names of letters and digits', () => {
    expect(Object.keys(PARAMETERS).length).toBeLessThanOrEqual(200);
    for (const name of [...Object.keys(PARAMETERS), ...Object.keys(RULES)])
      expect(name).toMatch(/^[A-Za-z0-9]{1,255}$/);
  });
});

describe('the parameter of a secret', () => {
  it.each(secrets)('%s accepts a name, and refuses an ARN, a token and an ambiguous name', (name) => {
    const pattern = patternOf(name);
    expect('agent-launcher/aws/agent-token').toMatch(pattern);
    const arn = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:token-AbCdEf';
    for (const wrong of [arn, 'x.atlasv1.y', 'two words', 'agent-secret']) expect(wrong).not.toMatch(pattern);
  });
});

it.each([
  [
    'Hostname',
    ['app.terraform.io', 'tfe.acme.example'],
    ['https://app.terraform.io', 'APP.terraform.io', 'tfe', 'a.b:8443'],
  ],
  ['PoolId', ['', 'apool-abc123'], ['abc123', 'apool-']],
  ['EphemeralStorageGiB', ['', '21', '99', '100', '200'], ['20', '201', '0']],
  ['ActivePollSeconds', ['0', '5', '60'], ['4', '61', '']],
  ['AgentsCeiling', ['', '1', '10000'], ['0', '10001']],
  ['ReservedConcurrency', ['', '1', '10'], ['0', '11']],
  ['ImageReference', ['1.33.0', `sha256:${'a'.repeat(64)}`], ['latest', 'sha256:abc', '']],
  [
    'EcrImage',
    ['', '123456789012.dkr.ecr.eu-central-1.amazonaws.com/a/b:7'],
    ['hashicorp/tfc-agent:1.33.0', '123456789012.dkr.ecr.eu-central-1.amazonaws.com/a'],
  ],
  [
    'SubnetIds',
    ['', 'subnet-01234567', 'subnet-01234567,subnet-89abcdef'],
    ['subnet-01234567, subnet-89abcdef', 'vpc-01234567'],
  ],
  ['AllowedDomains', ['a.example', '*.a.example,b.example'], ['', 'a.example, b.example', '*', 'https://a.example']],
  ['TaskRolePolicyArns', ['', 'arn:aws:iam::aws:policy/job-function/Billing'], ['Billing']],
  ['AlarmTopicArn', ['', 'arn:aws:sns:eu-central-1:123456789012:alarms'], ['alarms']],
  ['AlarmEmail', ['', 'ops@acme.example'], ['ops', 'ops@acme', 'a@acme.example,b@acme.example']],
  [
    'PermissionsBoundary',
    ['', 'arn:aws:iam::123456789012:policy/x/acme'],
    ['acme', 'arn:aws:iam::123456789012:role/a'],
  ],
  ['CodePrefix', ['', 'agent-launcher/0.1.0/'], ['agent-launcher', 's3://a/']],
])('%s has a pattern that accepts and refuses the right values', (name, accepted, refused) => {
  for (const value of accepted) expect(value).toMatch(patternOf(name));
  for (const value of refused) expect(value).not.toMatch(patternOf(name));
});
