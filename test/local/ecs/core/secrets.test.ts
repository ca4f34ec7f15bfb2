import { describe, expect, it } from 'vitest';
import { containerSecret } from '../../../../local/ecs/core/container-secrets.ts';
import { Secrets } from '../../../../local/ecs/core/secrets.ts';
import { errorOf } from './virtual-ecs.ts';

const DAY = 86_400_000;
const TOKEN = (digit: number) => `${digit}`.repeat(32);
const ROLE = 'arn:aws:iam::000000000000:role/execution';

function world() {
  let now = Date.parse('2026-11-24T06:00:00Z');
  let counter = 0;
  const secrets = new Secrets(
    { region: 'eu-central-1', accountId: '000000000000' },
    () => now,
    (digits) => {
      counter += 1;
      return counter.toString(16).padStart(digits, '0');
    },
  );
  const call = (action: string, input: object = {}): Record<string, unknown> => {
    const run = secrets.actions[action];
    if (run === undefined) throw new Error(`No action ${action}`);
    return JSON.parse(JSON.stringify(run(input)));
  };
  return { secrets, call, pass: (ms: number) => (now += ms) };
}

describe('versions of a secret', () => {
  it('move through the stages: the current version becomes the previous one, and the previous one loses its stage', () => {
    const { call } = world();
    call('CreateSecret', { Name: 's', SecretString: 'one', ClientRequestToken: TOKEN(1) });
    call('PutSecretValue', { SecretId: 's', SecretString: 'two', ClientRequestToken: TOKEN(2) });
    call('UpdateSecret', { SecretId: 's', SecretString: 'three', ClientRequestToken: TOKEN(3) });
    expect(call('GetSecretValue', { SecretId: 's' })).toMatchObject({
      SecretString: 'three',
      VersionId: TOKEN(3),
      VersionStages: ['AWSCURRENT'],
    });
    expect(call('GetSecretValue', { SecretId: 's', VersionStage: 'AWSPREVIOUS' })).toMatchObject({
      SecretString: 'two',
    });
    expect(call('GetSecretValue', { SecretId: 's', VersionId: TOKEN(1) })).toMatchObject({
      SecretString: 'one',
      VersionStages: [],
    });
    expect(call('DescribeSecret', { SecretId: 's' })['VersionIdsToStages']).toEqual({
      [TOKEN(2)]: ['AWSPREVIOUS'],
      [TOKEN(3)]: ['AWSCURRENT'],
    });
    expect(call('ListSecretVersionIds', { SecretId: 's' })['Versions']).toHaveLength(2);
    expect(call('ListSecretVersionIds', { SecretId: 's', IncludeDeprecated: true })['Versions']).toHaveLength(3);
  });

  it('keep their stages if a new version has another stage, until the stage is moved', () => {
    const { call } = world();
    call('CreateSecret', { Name: 's', SecretString: 'one', ClientRequestToken: TOKEN(1) });
    call('PutSecretValue', {
      SecretId: 's',
      SecretString: 'two',
      ClientRequestToken: TOKEN(2),
      VersionStages: ['AWSPENDING'],
    });
    expect(call('GetSecretValue', { SecretId: 's' })).toMatchObject({ SecretString: 'one' });
    const move = { SecretId: 's', VersionStage: 'AWSCURRENT', MoveToVersionId: TOKEN(2) };
    expect(errorOf(() => call('UpdateSecretVersionStage', move))).toMatchObject({ code: 'InvalidParameterException' });
    call('UpdateSecretVersionStage', { ...move, RemoveFromVersionId: TOKEN(1) });
    expect(call('GetSecretValue', { SecretId: 's' })).toMatchObject({ SecretString: 'two' });
    expect(call('GetSecretValue', { SecretId: 's', VersionStage: 'AWSPREVIOUS' })).toMatchObject({
      SecretString: 'one',
    });
  });

  it('never lose AWSCURRENT: the label only moves to another version, while other labels can be removed', () => {
    const { call } = world();
    call('CreateSecret', { Name: 's', SecretString: 'one', ClientRequestToken: TOKEN(1) });
    const remove = { SecretId: 's', VersionStage: 'AWSCURRENT', RemoveFromVersionId: TOKEN(1) };
    expect(errorOf(() => call('UpdateSecretVersionStage', remove))).toMatchObject({
      code: 'InvalidParameterException',
      message: expect.stringContaining('You can only move staging label AWSCURRENT to a different secret version.'),
    });
    expect(call('GetSecretValue', { SecretId: 's' })).toMatchObject({ SecretString: 'one' });
    call('PutSecretValue', { SecretId: 's', SecretString: 'two', ClientRequestToken: TOKEN(2) });
    call('UpdateSecretVersionStage', { ...remove, VersionStage: 'AWSPREVIOUS' });
    expect(call('DescribeSecret', { SecretId: 's' })['VersionIdsToStages']).toEqual({ [TOKEN(2)]: ['AWSCURRENT'] });
  });

  it('are created once per request token, and never change', () => {
    const { call } = world();
    call('CreateSecret', { Name: 's', SecretString: 'one', ClientRequestToken: TOKEN(1) });
    expect(call('CreateSecret', { Name: 's', SecretString: 'one', ClientRequestToken: TOKEN(1) })['VersionId']).toBe(
      TOKEN(1),
    );
    expect(
      call('PutSecretValue', { SecretId: 's', SecretString: 'one', ClientRequestToken: TOKEN(1) })['VersionId'],
    ).toBe(TOKEN(1));
    for (const [action, name] of [
      ['CreateSecret', 'Name'],
      ['PutSecretValue', 'SecretId'],
      ['UpdateSecret', 'SecretId'],
    ] as const) {
      const input = { [name]: 's', SecretString: 'other', ClientRequestToken: TOKEN(1) };
      expect(errorOf(() => call(action, input))).toMatchObject({ code: 'ResourceExistsException' });
    }
  });
});

describe('a secret', () => {
  it('is found by its name, its ARN, and its ARN without the random suffix', () => {
    const { call } = world();
    const { ARN } = call('CreateSecret', { Name: 'path/to/s', SecretString: 'x' });
    expect(ARN).toMatch(/^arn:aws:secretsmanager:eu-central-1:000000000000:secret:path\/to\/s-[A-Za-z0-9]{6}$/);
    for (const SecretId of ['path/to/s', String(ARN), String(ARN).slice(0, -7)]) {
      expect(call('GetSecretValue', { SecretId })).toMatchObject({ SecretString: 'x', ARN });
    }
    expect(errorOf(() => call('GetSecretValue', { SecretId: `${String(ARN).slice(0, -6)}AAAAAA` }))).toMatchObject({
      code: 'ResourceNotFoundException',
    });
  });

  it('can’t be read if it has no value', () => {
    const { call } = world();
    call('CreateSecret', { Name: 's' });
    expect(errorOf(() => call('GetSecretValue', { SecretId: 's' }))).toMatchObject({
      code: 'ResourceNotFoundException',
    });
  });

  it('can’t be read while it is scheduled for deletion, can be restored, and is gone after its recovery window', () => {
    const { call, pass } = world();
    call('CreateSecret', { Name: 's', SecretString: 'x' });
    call('DeleteSecret', { SecretId: 's', RecoveryWindowInDays: 7 });
    expect(errorOf(() => call('GetSecretValue', { SecretId: 's' }))).toMatchObject({ code: 'InvalidRequestException' });
    expect(errorOf(() => call('CreateSecret', { Name: 's' }))).toMatchObject({ code: 'InvalidRequestException' });
    expect(call('ListSecrets')['SecretList']).toEqual([]);
    expect(call('ListSecrets', { IncludePlannedDeletion: true })['SecretList']).toHaveLength(1);
    call('RestoreSecret', { SecretId: 's' });
    expect(call('GetSecretValue', { SecretId: 's' })).toMatchObject({ SecretString: 'x' });
    call('DeleteSecret', { SecretId: 's', RecoveryWindowInDays: 7 });
    pass(7 * DAY);
    expect(errorOf(() => call('RestoreSecret', { SecretId: 's' }))).toMatchObject({
      code: 'ResourceNotFoundException',
    });
    expect(call('CreateSecret', { Name: 's', SecretString: 'new' })['Name']).toBe('s');
  });

  it('is deleted immediately without a recovery window if the request forces that', () => {
    const { call } = world();
    call('CreateSecret', { Name: 's', SecretString: 'x' });
    call('DeleteSecret', { SecretId: 's', ForceDeleteWithoutRecovery: true });
    expect(errorOf(() => call('DescribeSecret', { SecretId: 's' }))).toMatchObject({
      code: 'ResourceNotFoundException',
    });
  });

  it('is listed in pages, with filters by name and tag', () => {
    const { call } = world();
    for (const Name of ['a/1', 'a/2', 'b/1']) call('CreateSecret', { Name, Tags: [{ Key: 'pool', Value: Name }] });
    const first = call('ListSecrets', { MaxResults: 2 });
    expect(first['SecretList']).toHaveLength(2);
    expect(call('ListSecrets', { MaxResults: 2, NextToken: first['NextToken'] })['SecretList']).toMatchObject([
      { Name: 'b/1' },
    ]);
    expect(call('ListSecrets', { Filters: [{ Key: 'name', Values: ['a/'] }] })['SecretList']).toHaveLength(2);
    expect(call('ListSecrets', { Filters: [{ Key: 'tag-value', Values: ['b'] }] })['SecretList']).toMatchObject([
      { Name: 'b/1' },
    ]);
    expect(call('ListSecrets', { Filters: [{ Key: 'name', Values: ['!a'] }] })['SecretList']).toMatchObject([
      { Name: 'b/1' },
    ]);
  });

  it.each([
    ['CreateSecret', { Name: 'bad name' }, 'InvalidParameterException'],
    ['CreateSecret', { Name: 's', SecretString: 'x', SecretBinary: 'eA==' }, 'InvalidParameterException'],
    ['CreateSecret', { Name: 's', ClientRequestToken: 'short' }, 'InvalidParameterException'],
    ['PutSecretValue', { SecretId: 'nothing', SecretString: 'x' }, 'ResourceNotFoundException'],
    ['GetSecretValue', { SecretId: 'nothing' }, 'ResourceNotFoundException'],
    ['GetSecretValue', {}, 'InvalidParameterException'],
    ['ListSecrets', { MaxResults: 101 }, 'InvalidParameterException'],
    ['ListSecrets', { NextToken: 'nothing' }, 'InvalidNextTokenException'],
    ['DeleteSecret', { SecretId: 'nothing', RecoveryWindowInDays: 1 }, 'InvalidParameterException'],
  ])('%s refuses %j', (action, input, code) => {
    expect(errorOf(() => world().call(action, input))).toMatchObject({ code });
  });
});

describe('a container’s secret', () => {
  function json() {
    const { secrets, call } = world();
    const { ARN } = call('CreateSecret', {
      Name: 's',
      SecretString: '{"token":"t1","n":1}',
      ClientRequestToken: TOKEN(1),
    });
    call('PutSecretValue', { SecretId: 's', SecretString: '{"token":"t2"}', ClientRequestToken: TOKEN(2) });
    return {
      arn: String(ARN),
      read: (valueFrom: string, allowed = true) => containerSecret(secrets, valueFrom, ROLE, () => allowed),
    };
  }

  it('is read by name or ARN: the complete value or a JSON key, of any stage or version', () => {
    const { arn, read } = json();
    expect(read('s')).toEqual({ value: '{"token":"t2"}' });
    expect(read(arn)).toEqual({ value: '{"token":"t2"}' });
    expect(read(`${arn}:token::`)).toEqual({ value: 't2' });
    expect(read(`${arn}:token:AWSPREVIOUS:`)).toEqual({ value: 't1' });
    expect(read(`${arn}:n::${TOKEN(1)}`)).toEqual({ value: '1' });
  });

  it('that can’t be read causes an error with AWS’s message and without the secret’s value', () => {
    const { arn, read } = json();
    expect(read('nothing')).toEqual({
      failure: expect.stringMatching(
        /^ResourceInitializationError: unable to pull secrets .*nothing.*ResourceNotFoundException/,
      ),
    });
    expect(read(`${arn}:other::`)).toEqual({ failure: expect.stringMatching(/did not contain json key other/) });
    const denied = read(arn, false);
    expect(denied).toEqual({
      failure: expect.stringMatching(
        /AccessDeniedException: User: arn:aws:sts::000000000000:assumed-role\/execution\/\S+ is not authorized/,
      ),
    });
    expect(JSON.stringify(denied)).not.toContain('t2');
  });
});
