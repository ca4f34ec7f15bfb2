/** Credentials and variables that the settings refuse. The tests build each token, so that no scanner finds one in this file. */
import { describe, expect, it } from 'vitest';
import { credentialIn } from '../../../lib/credentials.ts';
import { SettingsError } from '../../../lib/settings/errors.ts';
import { faultsOf, faultsOfPool } from '../settings-faults.ts';
import { onePool } from '../synthesis.ts';

const messageOf = (settings: object) => new SettingsError(faultsOf(settings)).message;
const withVariable = (name: string, value: unknown) => onePool({ environment: { [name]: value } });
const faultsOfVariable = (name: string, value: unknown) => faultsOfPool({ environment: { [name]: value } });

const x = (length: number) => 'aB3'.repeat(length).slice(0, length);
const upper = (length: number) => 'A2Z'.repeat(length).slice(0, length);

/** Each has the form that its vendor documents. credentials.ts has the sources. */
const CREDENTIALS: readonly [string, string][] = [
  ['a token of HCP Terraform', `${x(14)}.atlasv1.${x(67)}`],
  ['an access key of AWS', `AKIA${upper(16)}`],
  ['an access key of AWS', `ASIA${upper(16)}`],
  ['a token of GitHub', `ghp_${x(36)}`],
  ['a token of GitHub', `gho_${x(36)}`],
  ['a token of GitHub', `ghu_${x(36)}`],
  ['a token of GitHub', `ghs_${x(36)}`],
  ['a token of GitHub', `ghr_${x(36)}`],
  ['a token of GitHub', `github_pat_${x(22)}_${x(59)}`],
  ['a token of GitLab', `glpat-${x(20)}`],
  ['a token of GitLab', `glpat-${x(27)}.01.${x(9)}`],
  ['a token of GitLab', `gldt-${x(20)}`],
  ['a token of GitLab', `glrt-${x(20)}`],
  ['a token of GitLab', `glcbt-${x(20)}`],
  ['a token of Slack', `xoxb-${'1'.repeat(12)}-${'2'.repeat(12)}-${x(24)}`],
  ['a token of Slack', `xapp-1-${upper(11)}-${x(24)}`],
  ['a token of Slack', `https://hooks.slack.com/services/${upper(9)}/${upper(11)}/${x(24)}`],
  ['a token of Vault', `hvs.${x(90)}`],
  ['a token of Vault', `hvb.${x(90)}`],
  ['a token of npm', `npm_${x(36)}`],
  ['an API key of Google', `AIza${x(35)}`],
  ['a JSON Web Token', `eyJ${x(30)}.eyJ${x(60)}.${x(43)}`],
  ['a private key', `-----BEGIN ${'RSA'} PRIVATE KEY-----\n${x(64)}`],
  ['a private key', `-----BEGIN PRIVATE ${'KEY'}-----\n${x(64)}`],
  ['a private key', `-----BEGIN OPENSSH ${'PRIVATE'} KEY-----\n${x(64)}`],
];

describe('a credential', () => {
  it.each(CREDENTIALS)('that is %s is refused as a variable, and never shown', (what, value) => {
    for (const text of [value, ` ${value}\n`, `https://user:${value}@git.example.com`]) {
      const faults = faultsOfVariable('SOME_SETTING', text);
      expect(faults).toMatchObject([
        {
          given: `"SOME_SETTING": it is or contains ${what}`,
          remedy: expect.stringContaining('sensitive variable of the workspace'),
        },
      ]);
      expect(messageOf(withVariable('SOME_SETTING', text))).not.toContain(value.slice(-12));
    }
  });

  it.each(CREDENTIALS)('that is %s is refused in every other setting, and never shown', (what, value) => {
    for (const settings of [
      { apiTokenSecret: value },
      { tags: { team: value } },
      onePool({ agentTokenSecret: value }),
      { network: { allowedDomains: ['a.example.com', value] } },
      { unknown: { nested: [value] } },
    ]) {
      expect(messageOf(settings)).toContain(what);
      expect(messageOf(settings)).not.toContain(value.slice(-12));
    }
  });

  it.each([
    'TF_TOKEN_app_terraform_io',
    'TF_TOKEN_gitlab_example_com',
    'GITHUB_TOKEN',
    'VAULT_TOKEN',
    'ARM_CLIENT_SECRET',
    'DD_API_KEY',
    'DATADOG_APP_KEY',
    'PGPASSWORD',
    'TF_VAR_db_password',
    'SSH_PRIVATE_KEY',
    'GOOGLE_CREDENTIALS',
    'DB_PASS',
    'MYSQL_PWD',
  ])('is refused as the value of %s because of its name, and never shown', (name) => {
    const settings = withVariable(name, 'correct horse battery');
    expect(faultsOf(settings)[0]).toMatchObject({
      path: `pools.0.environment.${name}`,
      given: expect.stringContaining('its name indicates a credential'),
    });
    expect(messageOf(settings)).not.toContain('horse');
  });

  it.each(['', '/x', 'true'])('is refused as the value of TF_TOKEN_*, whatever the value is: "%s"', (value) => {
    expect(faultsOfVariable('TF_TOKEN_app_terraform_io', value)[0]?.given).toContain('indicates a credential');
  });

  it('is refused as a password in a URL, except in the URL of a proxy, and never shown', () => {
    const database = withVariable('DATABASE_URL', 'postgres://user:horse@db.example.com/x');
    expect(faultsOf(database)[0]?.given).toContain('a URL with a password');
    expect(messageOf(database)).not.toContain('horse');
    const proxy = messageOf(withVariable('HTTPS_PROXY', 'http://user:horse@proxy.example.com:443'));
    expect(proxy).not.toContain('a URL with a password');
    expect(proxy).not.toContain('horse');
  });

  it.each([
    ['GITHUB_TOKEN_FILE', '/run/github-token'],
    ['VAULT_ADDR', 'https://vault.example.com'],
    ['GOOGLE_APPLICATION_CREDENTIALS', '/etc/google/credentials.json'],
    ['TF_VAR_uses_token', 'true'],
    ['GITHUB_TOKEN', ''],
    ['TOKENIZER', 'words'],
  ])('is not reported for the harmless variable %s=%s', (name, value) => {
    expect(faultsOfVariable(name, value)).toEqual([]);
  });

  it.each(['glproxy-a', 'https://gitlab.example.com', 'npm_config', 'hvs', 'eyJ', 'AKIA', 'agent-launcher/api-token'])(
    'is not reported for the harmless text %s',
    (value) => {
      expect(credentialIn(value)).toBeUndefined();
    },
  );
});

/** Variables of one remedy. */
const refused = (remedy: string, ...names: string[]) => names.map((name) => [name, remedy]);

describe('a variable', () => {
  it.each([
    ['TFC_ADDRESS', 'set hostname'],
    ['AGENT_IDLE_SECONDS', 'set idleWindowSeconds'],
    ['TFC_AGENT_ACCEPT', 'set phases'],
    ...refused('remove it', 'TFC_AGENT_TOKEN', 'TFC_AGENT_NAME', 'ECS_CONTAINER_METADATA_URI_V4'),
    ...refused('separate agent pool', 'TFC_AGENT_REQUEST_FORWARDING', 'TFC_AGENT_HYOK'),
    ...refused('assume_role', 'AWS_ROLE_ARN', 'AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_PROFILE', 'AWS_DEFAULT_PROFILE'),
    ...refused('assume_role', 'AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE', 'AWS_ACCESS_KEY_ID'),
    ...refused('assume_role', 'AWS_SECRET_ACCESS_KEY', 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'),
    ...refused('assume_role', 'AWS_CONTAINER_AUTHORIZATION_TOKEN'),
    ...refused(
      'environment variable of the workspace',
      'LD_PRELOAD',
      'LD_LIBRARY_PATH',
      'BASH_ENV',
      'ENV',
      'NODE_OPTIONS',
    ),
    ...refused("in the image's PATH", 'PATH', 'HOME'),
    ...refused('correct the name', 'A-B', '1A', ''),
  ])('%s is refused, with a remedy', (name = '', remedy = '') => {
    const faults = faultsOfVariable(name, 'secret value');
    expect(faults).toMatchObject([
      {
        path: `pools.0.environment.${name}`,
        given: expect.stringMatching(/: .{10,}/),
        remedy: expect.stringContaining(remedy),
      },
    ]);
    expect(JSON.stringify(faults)).not.toContain('secret value');
  });

  it.each([
    ['a NUL', 'a\u0000b', 'U+0000'],
    ['an escape', '\u001b[31m', 'U+001B'],
    ['a DEL', 'a\u007f', 'U+007F'],
    ['a C1 control', 'a\u0085', 'U+0085'],
  ])('that contains %s is refused', (_, value, code) => {
    expect(faultsOfVariable('GREETING', value)).toMatchObject([
      { path: 'pools.0.environment.GREETING', given: expect.stringContaining(code), remedy: 'remove the character' },
    ]);
  });

  it('may contain tabs and line breaks, for example a certificate', () => {
    const certificate = `-----BEGIN CERTIFICATE-----\r\n${x(64)}\n\t-----END CERTIFICATE-----\n`;
    expect(faultsOfVariable('EXTRA_CA', certificate)).toEqual([]);
  });

  it.each([
    ['GODEBUG', 'netdns=go,http2debug=2', 'remove http2debug'],
    ['RETRIES', 3, 'write it in double quotes: "3"'],
    ['TRACE', true, 'write it in double quotes: "true"'],
    ['LIST', ['a'], 'write it as text, in double quotes'],
  ])('%s=%j is refused with the remedy: %s', (name, value, remedy) => {
    expect(faultsOfVariable(name, value)).toMatchObject([{ remedy }]);
  });

  it('GODEBUG may have settings that do not log the agent’s token', () => {
    expect(faultsOfVariable('GODEBUG', 'netdns=go')).toEqual([]);
  });

  it('is never shown if its name is a token', () => {
    const token = `ghp_${x(36)}`;
    expect(messageOf(withVariable(token, `ghs_${x(36)}`))).not.toContain(token);
  });
});
