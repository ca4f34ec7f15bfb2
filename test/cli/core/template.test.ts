import { describe, expect, it, test } from 'vitest';
import { type Parameters, propertyOf, template } from '../../../cli/core/template.ts';

const NO_VALUE = { Ref: 'AWS::NoValue' };
const equals = (name: string, value: unknown) => ({ 'Fn::Equals': [{ Ref: name }, value] });

/** The property `P` of a resource `R`. */
function evaluate(value: unknown, parameters: Record<string, string> = {}, sections: object = {}) {
  const parsed = template.parse({ ...sections, Resources: { R: { Type: 'X', Properties: { P: value } } } });
  return propertyOf(parsed, new Map(Object.entries(parameters)) satisfies Parameters, 'R', 'P');
}

/** Whether the condition holds; `undefined` if it is unknown. */
function holds(condition: unknown, parameters: Record<string, string> = {}): boolean | undefined {
  const Conditions = { C: condition, Yes: equals('Yes', 'yes'), Loop: { Condition: 'Loop' } };
  const found = evaluate({ 'Fn::If': ['C', true, false] }, { Yes: 'yes', ...parameters }, { Conditions });
  return found.is === 'value' ? found.value === true : undefined;
}

/** The launcher's property in the release template (`bin/release/template.ts`). */
const RELEASE = {
  value: { 'Fn::If': ['HasReservedConcurrency', { Ref: 'ReservedConcurrency' }, NO_VALUE] },
  sections: {
    Parameters: { ReservedConcurrency: { Type: 'String', Default: '' } },
    Conditions: { HasReservedConcurrency: { 'Fn::Not': [equals('ReservedConcurrency', '')] } },
  },
};

describe('the reserved concurrency of the release template', () => {
  it.each([
    ['the value of its parameter', { ReservedConcurrency: '5' }, { is: 'value', value: '5' }],
    ['absent if the parameter is empty', { ReservedConcurrency: '' }, { is: 'none' }],
    ['that of the parameter’s default if the stack has no value', {}, { is: 'none' }],
  ])('is %s', (_, parameters, expected) => {
    expect(evaluate(RELEASE.value, parameters, RELEASE.sections)).toEqual(expected);
  });
});

describe('a value', () => {
  it.each<[string, unknown, object]>([
    ['is itself if it is a number', 7, { is: 'value', value: 7 }],
    ['is none if the property is absent', undefined, { is: 'none' }],
    ['is unknown if it refers to a resource', { Ref: 'Other' }, { is: 'unknown' }],
    ['is unknown if it needs another function', { 'Fn::GetAtt': ['A', 'B'] }, { is: 'unknown' }],
    ['is unknown if it depends on a condition that does not exist', { 'Fn::If': ['No', 1, 2] }, { is: 'unknown' }],
    ['is unknown if a function has the wrong arguments', { 'Fn::If': ['No'] }, { is: 'unknown' }],
    ['is unknown if it is an object', { a: 1, b: 2 }, { is: 'unknown' }],
  ])('%s', (_, value, expected) => {
    expect(evaluate(value)).toEqual(expected);
  });

  test('is unknown if the resource is not in the template', () => {
    expect(propertyOf({ Resources: {} }, new Map(), 'R', 'P')).toEqual({ is: 'unknown' });
  });
});

describe('a condition', () => {
  const yes = { Condition: 'Yes' };
  const no = { 'Fn::Not': [yes] };
  const unknown = equals('Other', 'x');
  it.each<[string, unknown, boolean | undefined]>([
    ['of another condition', yes, true],
    ['of Fn::Not', no, false],
    ['of a number and its string', { 'Fn::Equals': ['1', 1] }, true],
    ['of Fn::And', { 'Fn::And': [yes, yes] }, true],
    ['of Fn::And with one false part', { 'Fn::And': [yes, no] }, false],
    ['of Fn::And with a false and an unknown part', { 'Fn::And': [unknown, no] }, false],
    ['of Fn::And with an unknown part', { 'Fn::And': [yes, unknown] }, undefined],
    ['of Fn::Or', { 'Fn::Or': [no, no] }, false],
    ['of Fn::Or with one true part', { 'Fn::Or': [unknown, yes] }, true],
    ['of Fn::Or with an unknown part', { 'Fn::Or': [no, unknown] }, undefined],
    ['of Fn::Not with an unknown part', { 'Fn::Not': [unknown] }, undefined],
    ['that refers to itself', { Condition: 'Loop' }, undefined],
    ['with an unknown function', { 'Fn::Contains': [['a'], 'a'] }, undefined],
    ['without arguments', { 'Fn::Equals': [] }, undefined],
  ])('%s is evaluated', (_, condition, expected) => {
    expect(holds(condition)).toBe(expected);
  });
});
