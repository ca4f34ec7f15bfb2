/** Tests the command that synthesizes the settings without bootstrap. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { AgentLauncherStack } from '../../lib/agent-launcher-stack.ts';
import { parseSettings } from '../../lib/settings/parse.ts';
import { LEAST, REGISTRY_IMAGE, testApp } from '../lib/synthesis.ts';
import { type ProgramResult, runProgram } from '../processes.ts';
import { newFolder } from '../temporary-folder.ts';

const root = join(import.meta.dirname, '..', '..');
const SETTINGS = {
  ...LEAST,
  ...REGISTRY_IMAGE,
  stackName: 'Acme',
  pools: [{ ...LEAST.pools[0], phases: {}, taskRolePolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'] }],
  network: { egress: 'network-firewall' },
};

/** Runs the command in a folder with this `cdk.json`. */
function run(settings: object, ...args: string[]): Promise<ProgramResult> {
  const folder = newFolder('standalone-project');
  writeFileSync(join(folder, 'cdk.json'), JSON.stringify({ context: { agentLauncher: settings } }));
  return runProgram(process.execPath, [join(root, 'bin', 'synth-standalone.ts'), ...args], { cwd: folder });
}

describe('synth:standalone', () => {
  const out = join(newFolder('standalone'), 'not-yet', 'there');
  let result: ProgramResult;
  beforeAll(async () => {
    result = await run(SETTINGS, out, '-c', 'pools.0.maxAgents=7');
  }, 60_000);

  it('prints the path of the template, and the warnings about the settings to stderr', () => {
    const file = join(out, 'Acme.template.json');
    expect(result).toMatchObject({ code: 0, stdout: `${file}\n` });
    expect(result.stderr).toContain('Warning: Agent pool default: the role of');
    expect(result.stderr).not.toContain('validation-report');
  });

  it('writes one ZIP file per function that the template uses, named after its content', () => {
    const template = readFileSync(join(out, 'Acme.template.json'), 'utf8');
    const archives = readdirSync(out).filter((name) => name.endsWith('.zip'));
    const used = archives.filter((name) => template.includes(name));
    // One per function: the launcher, the nudge, the copy of images, the rotation of tokens and the removal of gateways.
    expect(archives).toHaveLength(5);
    expect(used).toEqual([
      expect.stringMatching(/^image-copy-[0-9a-f]{16}\.zip$/),
      expect.stringMatching(/^launcher-/),
    ]);
  });

  it('writes the stack that cdk deploy creates, with the code in a bucket of the user and without bootstrap', () => {
    const { Parameters, Rules, ...written } = JSON.parse(readFileSync(join(out, 'Acme.template.json'), 'utf8'));
    expect(Object.keys(Parameters)).toEqual(['CodeBucket', 'CodePrefix']);
    expect(Rules).toBeUndefined();
    const app = testApp();
    const settings = parseSettings({ agentLauncher: SETTINGS, 'pools.0.maxAgents': '7' });
    const stack = new AgentLauncherStack(app, 'Acme', { settings });
    const { Parameters: _, Rules: __, ...expected } = app.synth().getStackArtifact(stack.artifactId).template;
    const withoutCode = (template: object) =>
      JSON.parse(JSON.stringify(template), (key, value) => (key === 'Code' ? 0 : value));
    expect(withoutCode(written)).toEqual(withoutCode(expected));
    expect(JSON.stringify(written)).not.toMatch(/cdk-hnb659fds|BootstrapVersion/);
    const { Code } =
      Object.values<{ Type: string; Properties: { Code?: unknown } }>(written.Resources).find(
        ({ Type }) => Type === 'AWS::Lambda::Function',
      )?.Properties ?? {};
    expect(Code).toEqual({
      S3Bucket: { Ref: 'CodeBucket' },
      S3Key: { 'Fn::Join': ['', [{ Ref: 'CodePrefix' }, expect.stringMatching(/\.zip$/)]] },
    });
  });
});

describe('synth:standalone refuses', () => {
  it('an image that Docker builds, and writes nothing', async () => {
    const out = join(newFolder('standalone'), 'out');
    const result = await run(LEAST, out);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toContain('Set agentImage.registry');
    expect(existsSync(out)).toBe(false);
  });

  it('wrong settings, with all faults', async () => {
    const result = await run({ ...LEAST, organization: 'a b', scheduleMinutes: 0 }, 'out');
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toMatch(/organization[\s\S]*scheduleMinutes/);
    expect(result.stderr).not.toContain('at ');
  });

  it.each([
    ['no folder', [], 'The folder to write to is missing.'],
    ['two folders', ['a', 'b'], 'more than one folder: a, b'],
    ['an override without a value', ['a', '-c', 'organization'], '-c organization has no value.'],
    ['an unknown option', ['a', '--bucket', 'b'], "Unknown option '--bucket'"],
  ])('%s', async (_, args, text) => {
    const result = await run(SETTINGS, ...args);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain(text);
    expect(result.stderr).toContain('Usage: ');
  });

  it('nothing if it is asked for help', async () => {
    const result = await run(SETTINGS, '--help');
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toContain('Example:');
  });
});
