import { expect, it } from 'vitest';
import { stringUnderKey } from '../../../functions/connection/json-value.ts';

it.each([
  ['{"hmac":"x","other":1}', 'x'],
  ['{"other":"x"}', undefined],
  ['{"hmac":1}', undefined],
  ['["hmac"]', undefined],
  ['null', undefined],
  ['"hmac"', undefined],
  ['key', undefined],
  ['', undefined],
])('the string under the key hmac of %s is %s', (text, value) => {
  expect(stringUnderKey(text, 'hmac')).toBe(value);
});

it('a key that every object inherits is no key of the secret', () => {
  expect(stringUnderKey('{}', 'constructor')).toBeUndefined();
});
