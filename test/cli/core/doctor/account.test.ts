import { describe, expect, it } from 'vitest';
import {
  BOOTSTRAP_VERSION,
  bootstrapParameter,
  checkBootstrap,
  checkIdentity,
  checkServiceLinkedRole,
} from '../../../../cli/core/doctor/account.ts';
import { DENIED, shown } from './builders.ts';

it('the identity shows the account, the region and the role', () => {
  const value = {
    account: '123456789012',
    arn: 'arn:aws:sts::123456789012:assumed-role/dev/me',
    region: 'eu-central-1',
  };
  expect(shown(checkIdentity({ value }))[0]).toBe(
    'ok account.identity: AWS account 123456789012 in eu-central-1, as arn:aws:sts::123456789012:assumed-role/dev/me.',
  );
});

it('missing credentials are an error that says how to sign in', () => {
  const [text] = shown(
    checkIdentity({ failure: { reason: 'Could not load credentials from any providers', kind: 'failed' } }),
  );
  expect(text).toMatch(/^error .*Could not load credentials.*aws sso login/);
});

it('no connection to AWS is an error about the network, not about credentials', () => {
  const reason = 'getaddrinfo ENOTFOUND sts.eu-central-1.amazonaws.com';
  const [text = ''] = shown(checkIdentity({ failure: { reason, kind: 'failed' } }));
  expect(text).toMatch(/Check the region, the network and the proxy/);
  expect(text).not.toContain('Sign in');
});

describe('the bootstrap stack', () => {
  it.each<[string, string | undefined, boolean, string]>([
    ['is missing before the deployment', undefined, false, 'error'],
    ['is missing after a deployment without the CDK', undefined, true, 'note'],
    ['has the required version', String(BOOTSTRAP_VERSION), false, 'ok'],
    ['is newer', '32', false, 'ok'],
    ['is too old', '5', false, 'error'],
    ['is too old after the deployment', '5', true, 'error'],
  ])('that %s is reported as it matters', (_, value, deployed, severity) => {
    expect(checkBootstrap({ value }, deployed).severity).toBe(severity);
  });

  it('that can’t be read is a warning that names the permission, never ok', () => {
    expect(shown(checkBootstrap(DENIED, false))[0]).toMatch(
      /^warning account\.bootstrap: Could not check .*not authorized to perform.*Allow ssm:GetParameter/,
    );
  });

  it('has its version in a parameter that depends on the qualifier', () => {
    expect(bootstrapParameter('hnb659fds')).toBe('/cdk-bootstrap/hnb659fds/version');
  });
});

it.each([
  [{ value: true }, 'ok'],
  [{ value: false }, 'error'],
  [DENIED, 'warning'],
] as const)('the service-linked role %o is reported as %s', (exists, severity) => {
  expect(checkServiceLinkedRole(exists).severity).toBe(severity);
});
