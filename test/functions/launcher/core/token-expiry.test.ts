import { describe, expect, it } from 'vitest';
import { daysUntil, expiryIn, tokenRecordPath } from '../../../../functions/launcher/core/token-expiry.ts';

describe('the record of a token', () => {
  it('is where the link of the account points', () => {
    expect(tokenRecordPath('/api/v2/authentication-tokens/at-6yEmxNAhaoQLH1Da')).toBe(
      '/api/v2/authentication-tokens/at-6yEmxNAhaoQLH1Da',
    );
  });

  it.each([
    undefined,
    '',
    'https://elsewhere.example/api/v2/authentication-tokens/at-1',
    '/api/v2/authentication-tokens/',
    '/api/v2/authentication-tokens/at-1/../../organizations/acme',
    '/api/v2/authentication-tokens/at-1?x=/',
    `/api/v2/authentication-tokens/${'a'.repeat(101)}`,
  ])('is unknown if the link is %s', (link) => {
    expect(tokenRecordPath(link)).toBeUndefined();
  });
});

it.each([
  ['2027-01-01T00:00:00.000Z', Date.UTC(2027, 0, 1)],
  [null, 'never'],
  [undefined, 'never'],
  ['', 'never'],
  ['soon', 'hidden'],
])('expired-at %s means %s', (expiredAt, expiry) => {
  expect(expiryIn(expiredAt)).toBe(expiry);
});

it.each([
  [86_400_000, 1],
  [86_399_999, 0],
  [0, 0],
  [-1, -1],
])('%i ms are %i whole days', (ms, days) => {
  expect(daysUntil(1_000 + ms, 1_000)).toBe(days);
});
