import { describe, expect, test } from 'vitest';
import { isAgentVariable, parseOptions } from '../../../local/tfc-agent/options.ts';

const token = { TFC_AGENT_TOKEN: 'secret.atlasv1.secret' };
const options = (argv: string[], env: Record<string, string> = token) => {
  const parsed = parseOptions(argv, env, '/home/agent');
  return parsed.kind === 'run' ? parsed.options : expect.fail(JSON.stringify(parsed));
};
const faults = (argv: string[], env: Record<string, string> = token) => {
  const parsed = parseOptions(argv, env, '/home/agent');
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

  test('take every form of a flag, and a flag wins over its variable', () => {
    const env = {
      ...token,
      TFC_AGENT_NAME: 'from-variable',
      TFC_ADDRESS: 'https://tfe.example.com/',
      TFC_AGENT_SINGLE: '1',
    };
    expect(options(['-name', 'a'], env)).toMatchObject({ name: 'a', single: true, address: 'https://tfe.example.com' });
    expect(options(['--name=b', '-single=false', '-accept=plan'], env)).toMatchObject({
      name: 'b',
      single: false,
      accept: ['plan'],
    });
    expect(options([], env).name).toBe('from-variable');
  });

  test('take an empty variable for an absent one', () => {
    expect(options([], { ...token, TFC_AGENT_NAME: '', TFC_ADDRESS: '' })).not.toHaveProperty('name');
  });

  test('say every fault at once, with what is allowed', () => {
    const found = faults(['-log-level', 'loud', '-single=maybe', '-accept=plan,aply', '-address', 'tfe.example.com'], {
      TFC_AGENT_HOOK_TIMEOUT: '601',
      TFC_AGENT_AUTO_UPDATE: 'major',
    });
    expect(found).toHaveLength(7);
    expect(found.join('\n')).toMatch(
      /missing[\s\S]*aply[\s\S]*major[\s\S]*loud[\s\S]*tfe\.example\.com[\s\S]*maybe[\s\S]*1 to 600/,
    );
  });

  test.each([[['-token']], [['-poll', 'x']], [['stray']]])('refuse %j', (argv) => {
    expect(faults(argv)[0]).toMatch(/needs a value|not defined: -poll|not a flag/);
  });

  test('never repeat what may be a token', () => {
    expect(faults(['-tokn=secret.atlasv1.x', 'secret.atlasv1.y']).join()).not.toContain('atlasv1');
  });

  test('report variables that the agent does not know, and features that the emulator lacks', () => {
    const parsed = parseOptions([], { ...token, TFC_AGENT_POOL_ID: 'x', TFC_AGENT_HYOK: 'true' }, '/home/agent');
    expect(parsed).toMatchObject({
      warnings: [
        'Unknown variable TFC_AGENT_POOL_ID: the agent does not know it.',
        '-hyok has no effect in this emulator.',
      ],
    });
  });

  test('have one hook timeout for all and one for each kind', () => {
    const env = { ...token, TFC_AGENT_HOOK_TIMEOUT: '5', TFC_AGENT_HOOK_POST_APPLY_TIMEOUT: '600' };
    expect(options([], env).hookTimeoutMs).toMatchObject({ 'pre-plan': 5000, 'post-apply': 600_000 });
  });

  test.each([
    ['-h', 'help'],
    ['-v', 'version'],
  ])('%s needs no token', (flag, kind) => {
    expect(parseOptions([flag], {}, '/').kind).toBe(kind);
  });
});

test.each([
  ['TFC_AGENT_TOKEN', true],
  ['TFC_ADDRESS', true],
  ['TF_LOG', false],
  ['AWS_REGION', false],
])('%s configures the agent: %s', (name, expected) => {
  expect(isAgentVariable(name)).toBe(expected);
});
