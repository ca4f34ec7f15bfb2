/**
 * An upgrade from the last release to the current code, without a change of settings. It must not end a running job, lose a log or change
 * an address, unless the CHANGELOG announces it.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { templateOf } from '../lib/synthesis.ts';
import { ALLOWED } from './allowed.ts';
import { type Baseline, readBaseline, type Snapshot, snapshotOf } from './baseline.ts';
import { CASES, NEW_CASES } from './cases.ts';
import { type Change, changesOf } from './difference.ts';

const baseline = readBaseline();
const releases = readFileSync('CHANGELOG.md', 'utf8').split(/^## /m);
const caseNames = Object.keys(baseline.cases);

const isAllowed =
  ({ action, id }: Change) =>
  (allowed: (typeof ALLOWED)[number]) =>
    allowed.action === action && allowed.id.exec(id)?.[0] === id;

function caseOf({ cases }: Baseline, name: string): Snapshot {
  const found = cases[name];
  if (found === undefined) throw new Error(`The baseline has no case ${name}. Write it with: npm run upgrade:baseline`);
  return found;
}

/** What users may lose in an upgrade of this case. */
function lossesOf(name: string): Change[] {
  const after = snapshotOf(templateOf(CASES[name]));
  return changesOf(caseOf(baseline, name), after).filter(({ loss }) => loss !== undefined);
}

describe('an upgrade from the last release', () => {
  const losses = new Map(caseNames.map((name) => [name, lossesOf(name)]));

  it.each(caseNames)('keeps running jobs, logs and addresses, or announces the loss: %s', (name) => {
    const unannounced = losses.get(name)?.filter((change) => !ALLOWED.some(isAllowed(change)));
    expect(unannounced).toEqual([]);
  });

  it('needs every entry of the list of allowed changes', () => {
    const all = [...losses.values()].flat();
    expect(ALLOWED.filter((allowed) => !all.some((change) => isAllowed(change)(allowed)))).toEqual([]);
  });

  it('announces every allowed change in the newest section of the CHANGELOG', () => {
    expect(ALLOWED.filter(({ announcement }) => releases[1]?.includes(announcement) !== true)).toEqual([]);
  });

  it('is tested for each case of the baseline', () => {
    const isNew = (name: string) => name in NEW_CASES && !(name in baseline.cases);
    expect(caseNames).toEqual(Object.keys(CASES).filter((name) => !isNew(name)));
  });
});

describe('the comparison of two templates', () => {
  const before = caseOf(baseline, 'nat-gateway with every option');
  const idsOf = (type: string) => Object.keys(before.resources).filter((id) => before.resources[id]?.Type === type);
  const oneOf = (type: string): string => {
    const [id] = idsOf(type);
    if (id === undefined) throw new Error(`The baseline has no ${type}`);
    return id;
  };
  type Resource = Snapshot['resources'][string];
  const edited = (id: string, edit: (resource: Resource) => Partial<Resource>): Snapshot => {
    const resource = before.resources[id];
    if (resource === undefined) throw new Error(`The baseline has no ${id}`);
    return { ...before, resources: { ...before.resources, [id]: { ...resource, digest: 'other', ...edit(resource) } } };
  };
  const without = (id: string): Snapshot => {
    const { [id]: _, ...resources } = before.resources;
    return { ...before, resources };
  };
  const property = (type: string, name: string, value: unknown) =>
    edited(oneOf(type), ({ Properties }) => ({ Properties: { ...Properties, [name]: value } }));
  const lossesTo = (after: Snapshot) =>
    changesOf(before, after).flatMap(({ action, type, loss }) => (loss === undefined ? [] : `${action}: ${type}`));

  it('finds nothing in an unchanged template', () => {
    expect(changesOf(before, before)).toEqual([]);
  });

  it.each([
    ['AWS::Logs::LogGroup', 'LogGroupName', '/other', 'replaced'],
    ['AWS::Logs::LogGroup', 'RetentionInDays', 1, 'changed in place'],
    ['AWS::EC2::EIP', 'Domain', 'standard', 'replaced'],
    ['AWS::EC2::SecurityGroup', 'SecurityGroupEgress', [], 'changed in place'],
    ['AWS::IAM::Role', 'AssumeRolePolicyDocument', {}, 'changed in place'],
    ['AWS::ECS::Cluster', 'ClusterName', 'other', 'replaced'],
    ['AWS::Lambda::Function', 'FunctionName', 'other', 'replaced'],
  ])('finds that a changed %s.%s harms users', (type, name, value, action) => {
    expect(lossesTo(property(type, name, value))).toContain(`${action}: ${type}`);
  });

  it('finds every resource that a replaced VPC replaces too', () => {
    const losses = lossesTo(property('AWS::EC2::VPC', 'CidrBlock', '10.1.0.0/20'));
    for (const type of ['AWS::EC2::VPC', 'AWS::EC2::Subnet', 'AWS::EC2::SecurityGroup', 'AWS::EC2::NatGateway'])
      expect(losses).toContain(`replaced: ${type}`);
  });

  it.each(['AWS::Logs::LogGroup', 'AWS::CloudWatch::Alarm', 'AWS::Lambda::Url', 'AWS::IAM::Role', 'AWS::EC2::EIP'])(
    'finds that a %s is deleted',
    (type) => {
      expect(lossesTo(without(oneOf(type)))).toContain(`deleted: ${type}`);
    },
  );

  it('finds that CloudFormation would no longer retain a resource', () => {
    const group = oneOf('AWS::Logs::LogGroup');
    const retaining = edited(group, () => ({ DeletionPolicy: 'Retain' }));
    expect(changesOf(retaining, before)).toMatchObject([{ action: 'changed in place', id: group }]);
    expect(changesOf(before, retaining)).toMatchObject([{ action: 'changed', id: group }]);
  });

  it('finds that an output is gone', () => {
    const [first, ...outputs] = before.outputs;
    expect(changesOf(before, { ...before, outputs })).toMatchObject([{ action: 'output removed', id: first }]);
  });

  it.each([
    [
      'a new revision of a task definition',
      property('AWS::ECS::TaskDefinition', 'ContainerDefinitions', 'digest'),
      'replaced',
    ],
    ['new code of a function', edited(oneOf('AWS::Lambda::Function'), () => ({})), 'changed'],
  ])('accepts %s', (_what, after, action) => {
    expect(changesOf(before, after).map((change) => [change.action, change.loss])).toEqual([[action, undefined]]);
  });

  it('accepts a new resource', () => {
    const resources = { ...before.resources, New: { Type: 'AWS::CloudWatch::Alarm', digest: 'x', Properties: {} } };
    expect(changesOf(before, { ...before, resources })).toEqual([
      { action: 'added', id: 'New', type: 'AWS::CloudWatch::Alarm' },
    ]);
  });
});
