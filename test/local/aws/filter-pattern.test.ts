import { describe, expect, it } from 'vitest';
import { filterPattern } from '../../../local/aws/core/filter-pattern.ts';

/** Examples from https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html, and edge cases. */
describe('a pattern of terms', () => {
  const line = '[ERROR 400] BAD REQUEST: "run-1/plan" (x)';
  it.each([
    ['', true],
    ['  ', true],
    ['ERROR', true],
    ['error', false],
    ['ERROR REQUEST', true],
    ['ERROR ARGUMENTS', false],
    ['"BAD REQUEST"', true],
    ['"REQUEST BAD"', false],
    ['"\\"run-1/plan\\""', true],
    ['run-1', true],
    ['ERROR -ARGUMENTS', true],
    ['ERROR -REQUEST', false],
    ['-"BAD REQUEST"', false],
    ['?ARGUMENTS ?ERROR', true],
    ['?ARGUMENTS ?WARN', false],
    ['?"BAD REQUEST"', true],
    ['?ERROR ARGUMENTS', false],
    ['%[0-9]{3}%', true],
    ['%^BAD%', false],
  ])('%s matches: %s', (pattern, isMatch) => {
    expect(filterPattern(pattern)(line)).toBe(isMatch);
  });
});

describe('a pattern for JSON', () => {
  const event = JSON.stringify({
    message: 'tick',
    durationMs: 120.5,
    failed: false,
    warning: null,
    'x-y': 'z',
    pools: [{ pool: 'production', launches: [{ job: 'run-1/plan' }] }],
    address: '10.0.0.1',
    code: '400',
  });
  it.each([
    ['{ $.message = "tick" }', true],
    ['{ $.message = tick }', true],
    ['{$.message="tick"}', true],
    ['{ $.message = "tick with errors" || $.message = "tick" }', true],
    ['{ $.message = "other" || $.durationMs = 120.5 && $.failed IS TRUE }', false],
    ['{ ($.message = "other" || $.durationMs = 120.5) && $.failed IS FALSE }', true],
    ['{ $.durationMs > 120 }', true],
    ['{ $.durationMs >= 1.205e2 }', true],
    ['{ $.durationMs < 120.5 }', false],
    ['{ $.message > 1 }', false],
    ['{ $.message != "tick" }', false],
    ['{ $.absent != "tick" }', false],
    ['{ $.absent NOT EXISTS }', true],
    ['{ $.message NOT EXISTS }', false],
    ['{ $.warning IS NULL }', true],
    ['{ $.absent IS NULL }', false],
    ['{ $.message = * }', true],
    ['{ $.absent = * }', false],
    ['{ $.pools[0].launches[0].job = "run-1/*" }', true],
    ['{ $.pools[1].pool = * }', false],
    ['{ $.address = 10.0.* }', true],
    ['{ $.address != 10.1.* }', true],
    ['{ $.code = 400 }', true],
    ['{ $.message = %^t.ck$% }', true],
    ['{ $.x-y = "z" }', true],
    ['{ $.__proto__ = * }', false],
  ])('%s matches: %s', (pattern, isMatch) => {
    expect(filterPattern(pattern)(event)).toBe(isMatch);
  });

  it.each(['text', '"text"', '[', 'null', '12'])('does not match the event %s', (message) => {
    expect(filterPattern('{ $.absent NOT EXISTS }')(message)).toBe(false);
  });
});

it.each([
  '{',
  '{ }',
  '{ $.a }',
  '{ $.a = }',
  '{ $.a = "x }',
  '{ $.a = "x" } }',
  '{ $.a = "x" && }',
  '{ a = "x" }',
  '{ ($.a = 1 }',
  '{ $.a > "1" }',
  '{ $.a IS 5 }',
  '"x',
  '%(a)%',
  '[a, b]',
])('the pattern %s is refused', (pattern) => {
  expect(() => filterPattern(pattern)).toThrow(expect.objectContaining({ code: 'InvalidParameterException' }));
});
