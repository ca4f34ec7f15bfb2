import { expect, it } from 'vitest';
import { isExcepted } from '../../../functions/connection/no-proxy.ts';

/** The rules of Go: https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config */
it.each([
  ['example.com', 'example.com', true],
  ['example.com', 'tfe.example.com', true],
  ['example.com', 'notexample.com', false],
  ['.example.com', 'tfe.example.com', true],
  ['.example.com', 'example.com', false],
  ['*.example.com', 'tfe.example.com', true],
  ['*.example.com', 'example.com', false],
  ['EXAMPLE.com', 'tfe.Example.COM.', true],
  ['example.com:8443', 'example.com', false],
  ['example.com:443', 'tfe.example.com', true],
  [' sqs.eu-central-1.amazonaws.com ', 'sqs.eu-central-1.amazonaws.com', true],
  ['*', 'anything.example', true],
  ['', 'example.com', false],
  ['10.0.0.0/8', '10.1.2.3', true],
  ['10.0.0.0/8', '11.1.2.3', false],
  ['10.0.0.0/8', 'ten.example.com', false],
  ['10.0.0.0/99', '10.1.2.3', false],
  ['10.1.2.3', '10.1.2.3', true],
  ['10.1.2.3:8443', '10.1.2.3', false],
  ['2.3', '10.1.2.3', false],
  ['fd00::/8', 'fd00::1', true],
  ['fd00::1', '[fd00::1]', true],
  ['[fd00::1]:443', 'fd00::1', true],
])('an exception %j with the destination %s on port 443: %s', (entry, host, expected) => {
  expect(isExcepted(host, 443, ['other.example', entry])).toBe(expected);
});

it.each(['localhost', '127.0.0.1', '127.9.9.9', '::1', '[::1]'])('%s never uses the proxy', (host) => {
  expect(isExcepted(host, 443, [])).toBe(true);
});

it('without exceptions, every other destination uses the proxy', () => {
  expect(isExcepted('app.terraform.io', 443, [])).toBe(false);
});
