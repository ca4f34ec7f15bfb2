import { describe, expect, it } from 'vitest';
import type { Choice } from '../../../bin/release/choices.ts';
import type { CfnTemplate, JsonObject } from '../../../bin/release/json.ts';
import { mergeVariants } from '../../../bin/release/merge.ts';
import { overlay } from '../../../bin/release/overlay.ts';

const SIZE: Choice = {
  name: 'Size',
  parameter: 'Size',
  conditions: Object.fromEntries(
    ['1', '2', '3'].map((size) => [size, { name: `SizeIs${size}`, is: { 'Fn::Equals': [{ Ref: 'Size' }, size] } }]),
  ),
};
const ON = { 'Fn::Equals': [{ Ref: 'Flag' }, 'on'] };
const FLAG: Choice = {
  name: 'On',
  conditions: {
    true: { name: 'On', is: ON },
    false: { name: 'NotOn', is: { 'Fn::Not': [{ Condition: 'On' }] } },
  },
};

const template = (Resources: CfnTemplate['Resources']): CfnTemplate => ({ Resources, Outputs: {} });
const one = (Properties: JsonObject): CfnTemplate => template({ One: { Type: 'A', Properties } });
const variants = (choice: Choice, templates: readonly CfnTemplate[]) =>
  Object.keys(choice.conditions).flatMap((value, index) => {
    const own = templates[index];
    return own === undefined ? [] : [{ of: { [choice.name]: value }, template: own }];
  });
const merged = (choice: Choice, ...templates: CfnTemplate[]) => mergeVariants([choice], variants(choice, templates));

describe('a merged template', () => {
  it('keeps what its variants have in common', () => {
    const same = one({ Name: 'a', Tags: [{ Key: 'b' }] });
    expect(merged(FLAG, same, same).Resources).toEqual(same.Resources);
  });

  it('chooses a value where its variants differ, and nothing where a variant has none', () => {
    const { Resources, Conditions } = merged(FLAG, one({ Name: 'a', Size: 1 }), one({ Name: 'b' }));
    expect(Resources['One']?.['Properties']).toEqual({
      Name: { 'Fn::If': ['On', 'a', 'b'] },
      Size: { 'Fn::If': ['On', 1, { Ref: 'AWS::NoValue' }] },
    });
    expect(Conditions).toMatchObject({ On: ON });
  });

  it('looks a short text up if a parameter has many values', () => {
    const { Resources, Mappings } = merged(SIZE, one({ A: 1, B: 1 }), one({ A: 2, B: 2 }), one({ A: 3, B: 3 }));
    const found = { 'Fn::FindInMap': ['SizeValues', { Ref: 'Size' }, 'Value1'] };
    expect(Resources['One']?.['Properties']).toEqual({ A: found, B: found });
    expect(Mappings?.['SizeValues']).toEqual({ 1: { Value1: '1' }, 2: { Value1: '2' }, 3: { Value1: '3' } });
  });

  it('repeats only the different part of a long text', () => {
    const [start, end] = ['s'.repeat(100), 'e'.repeat(100)];
    const joined = (middle: string) => ({ 'Fn::Join': ['', [{ Ref: 'One' }, `${start}${middle}${end}`]] });
    const { Resources } = merged(FLAG, one({ Text: joined('yes') }), one({ Text: joined('no') }));
    expect(Resources['One']?.['Properties']).toEqual({
      Text: { 'Fn::Join': ['', [{ Ref: 'One' }, start, { 'Fn::If': ['On', 'yes', 'no'] }, end]] },
    });
  });

  it('has a condition for a resource that some variants lack', () => {
    const both = { One: { Type: 'A' }, Two: { Type: 'B' } };
    const { Resources, Conditions } = merged(SIZE, template({ One: { Type: 'A' } }), template(both), template(both));
    expect(Resources).toEqual({ One: { Type: 'A' }, Two: { Type: 'B', Condition: 'NotSizeIs1' } });
    expect(Conditions).toMatchObject({ NotSizeIs1: { 'Fn::Not': [{ Condition: 'SizeIs1' }] } });
  });

  it('combines the conditions of two choices', () => {
    const without = template({});
    const withIt = template({ One: { Type: 'A' } });
    const all = ['1', '2', '3'].flatMap((size) =>
      ['true', 'false'].map((on) => ({
        of: { Size: size, On: on },
        template: size === '2' || on === 'true' ? withIt : without,
      })),
    );
    const { Resources, Conditions } = mergeVariants([FLAG, SIZE], all);
    expect(Resources).toEqual({ One: { Type: 'A', Condition: 'OnOrSizeIs2' } });
    expect(Conditions?.['OnOrSizeIs2']).toEqual({ 'Fn::Or': [{ Condition: 'On' }, { Condition: 'SizeIs2' }] });
  });

  it('refers in metadata to a dependency that does not always exist', () => {
    const { Resources } = merged(
      FLAG,
      template({ One: { Type: 'A', DependsOn: ['Two', 'Three'] }, Two: { Type: 'B' }, Three: { Type: 'C' } }),
      template({ One: { Type: 'A', DependsOn: 'Three' }, Three: { Type: 'C' } }),
    );
    expect(Resources['One']).toEqual({
      Type: 'A',
      DependsOn: ['Three'],
      Metadata: { CreateAfter: [{ 'Fn::If': ['On', { Ref: 'Two' }, ''] }] },
    });
  });

  it('keeps a dependency on a resource with the same condition', () => {
    const { Resources } = merged(
      FLAG,
      template({ One: { Type: 'A', DependsOn: ['Two'] }, Two: { Type: 'B' } }),
      template({}),
    );
    expect(Resources['One']).toEqual({ Type: 'A', DependsOn: ['Two'], Condition: 'On' });
  });

  it('is refused if the variants differ without a choice that explains it', () => {
    const same = { of: { On: 'true' } };
    const differing = [
      { ...same, template: one({ A: 'a' }) },
      { ...same, template: one({ A: 'b' }) },
    ];
    expect(() => mergeVariants([FLAG], differing)).toThrow('No choice explains the difference');
  });
});

describe('two templates that were changed independently', () => {
  const base = one({ A: 'a', B: 'b', List: [1, 2] });

  it('are combined', () => {
    const combined = overlay(base, one({ A: 'x', B: 'b', List: [1, 3] }), one({ A: 'a', B: 'y', List: [4, 2] }));
    expect(combined).toEqual(one({ A: 'x', B: 'y', List: [4, 3] }));
  });

  it('are combined if one of them adds or removes a value', () => {
    const added = template({ ...base.Resources, Two: { Type: 'B' } });
    expect(overlay(base, added, one({ A: 'a', List: [1, 2] }))).toEqual(
      template({ ...one({ A: 'a', List: [1, 2] }).Resources, Two: { Type: 'B' } }),
    );
  });

  it('are refused if both change the same value', () => {
    expect(() => overlay(base, one({ ...base.Resources, A: 'x' }), one({ ...base.Resources, A: 'y' }))).toThrow(
      'Two choices change the same value, .Resources.One.Properties.A.',
    );
  });
});
