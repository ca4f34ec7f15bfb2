import { describe, expect, test } from 'vitest';
import { isAgentVariable, parseOptions } from '../../../local/tfc-agent/options.ts';

const token = { TFC_AGENT_TOKEN: 'secret.atlasv1.secret' };
const parse = (argv: string[], env: Record<string, string> = token) => parseOptions(argv, env, '/home/agent');
const options = (...given: Parameters<typeof parse>) => {
  const parsed = parse(...given);
  return parsed.kind === 'run' ? parsed.options : expect.fail(JSON.stringify(parsed));
};
const faults = (...given: Parameters<typeof parse>) => {
  const parsed = parse(...given);
  return parsed.kind === 'invalid' ? parsed.faults : expect.fail(JSON.stringify(parsed));
};

describe('the agent’s options', () => {
  test('have the vendor’s defaults', () => {
    expect(options([])).toEqual({
      token: 'secret.atlasv1.secret',
      address: 'https://app.terraform.io',
      single: false,
      accept: expect.arrayContaining(['plan', 'apply', 'policy', 'assessment', 'test']),
      logLevel: 'info',
      logJson: false,
      dataDir: '/home/agent/.tfc-agent',
      cacheDir: '/home/agent/.tfc-agent/cache',
      hookTimeoutMs: { 'pre-plan': 60_000, 'post-plan': 60_000, 'pre-apply': 60_000, 'post-apply': 60_000 },
    });
  });

  test('can be flags in every syntax of Go’s flag package, and a flag overrides its variable', () => {
    const address = 'https://tfe.example.com';
    const env = { ...token, TFC_AGENT_NAME: 'variable', TFC_ADDRESS: `${address}/`, TFC_AGENT_SINGLE: '1' };
    expect(options(['-name', 'a'], env)).toMatchObject({ name: 'a', single: true, address });
    const flags = ['--name=b', '-single=false', '-accept=plan'];
    expect(options(flags, env)).toMatchObject({ name: 'b', single: false, accept: ['plan'] });
    expect(options([], env).name).toBe('variable');
  });

  test('treat an empty variable as absent', () => {
    expect(options([], { ...token, TFC_AGENT_NAME: '', TFC_ADDRESS: '' })).not.toHaveProperty('name');
  });

  test('are reported with all faults together, each with the allowed values', () => {
    const found = faults(['-log-level', 'loud', '-single=maybe', '-accept=plan,aply', '-address', 'tfe.example.com'], {
      TFC_AGENT_HOOK_TIMEOUT: '601',
      TFC_AGENT_AUTO_UPDATE: 'major',
    });
    expect(found).toHaveLength(7);
    expect(found.join(' ')).toMatch(/missing.*aply.*major.*loud.*tfe\.example\.com.*maybe.*1 to 600/);
  });

  test.each([[['-token']], [['-poll', 'x']], [['stray']]])('reject %j', (argv) => {
    expect(faults(argv)[0]).toMatch(/requires a value|not defined: -poll|not a flag/);
  });

  test('are reported without arguments that may be tokens', () => {
    expect(faults(['-tokn=secret.atlasv1.x', 'secret.atlasv1.y']).join()).not.toContain('atlasv1');
  });

  test('cause warnings for unknown variables, and for features that the emulator doesn’t have', () => {
    const parsed = parse([], { ...token, TFC_AGENT_POOL_ID: 'x', TFC_AGENT_HYOK: 'true' });
    const unknown = 'Unknown variable TFC_AGENT_POOL_ID: the agent ignores it.';
    expect(parsed).toMatchObject({ warnings: [unknown, '-hyok has no effect in this emulator.'] });
  });

  test('include a timeout for all hooks, and one for each kind of hook', () => {
    const env = { ...token, TFC_AGENT_HOOK_TIMEOUT: '5', TFC_AGENT_HOOK_POST_APPLY_TIMEOUT: '600' };
    expect(options([], env).hookTimeoutMs).toMatchObject({ 'pre-plan': 5000, 'post-apply': 600_000 });
  });

  test.each([
    ['-h', 'help'],
    ['-v', 'version'],
  ])('don’t require a token with %s', (flag, kind) => {
    expect(parseOptions([flag], {}, '/').kind).toBe(kind);
  });
});

test.each([
  ['TFC_AGENT_TOKEN', true],
  ['TFC_ADDRESS', true],
  ['TF_LOG', false],
  ['AWS_REGION', false],
])('the variable %s configures the agent: %s', (name, expected) => {
  expect(isAgentVariable(name)).toBe(expected);
});
