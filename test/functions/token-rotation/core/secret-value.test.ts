import { expect, test } from 'vitest';
import { textWithToken } from '../../../../functions/token-rotation/core/secret-value.ts';

test.each<[string, string | undefined, string | undefined, string | undefined]>([
  ['is the token if the secret has no keys', 'old', undefined, 'new'],
  ['keeps the other keys', '{"a":"1","token":"old","b":{"c":[2]}}', 'token', '{"a":"1","token":"new","b":{"c":[2]}}'],
  ['gets the key if it is missing', '{"a":"1"}', 'token', '{"a":"1","token":"new"}'],
  ['is an object if the secret is empty', undefined, 'token', '{"token":"new"}'],
  [
    'keeps numbers that JavaScript cannot represent',
    '{"id":12345678901234567890,"rate":1.10,"all":[-0,1e400,{"n":9007199254740993}]}',
    'token',
    '{"id":12345678901234567890,"rate":1.10,"all":[-0,1e400,{"n":9007199254740993}],"token":"new"}',
  ],
  [
    'keeps a key that JavaScript treats in a special way',
    '{"__proto__":{"a":1}}',
    'token',
    '{"__proto__":{"a":1},"token":"new"}',
  ],
  ['has no place for the token if the secret is text', 'old', 'token', undefined],
  ['has no place for the token if the secret is a list', '["old"]', 'token', undefined],
  ['has no place for the token if the secret is a number', '5', 'token', undefined],
  ['has a place for the token after white space', ' \n{}', 'token', '{"token":"new"}'],
  ['has no place for the token if the secret is null', 'null', 'token', undefined],
])('the text of a secret %s', (_, before, key, after) => {
  expect(textWithToken(before, key, 'new')).toBe(after);
});
