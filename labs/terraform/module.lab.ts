/**
 * Checks the Terraform module and the examples that use it with the real terraform: their format, their values against the schema
 * of the real AWS provider, and the module's own tests, in which the provider calls no API.
 *
 * The checks with the provider need a copy of it: from the registry, or from a folder that is laid out as a filesystem mirror
 * (TERRAFORM_PLUGINS, or one of terraform's implied mirrors).
 */
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runSync, whyMissing } from '../../test/processes.ts';
import { newFolder } from '../../test/temporary-folder.ts';
import { describeUnless } from '../../test/unless.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = newFolder('terraform-module');
const release = join(folder, 'release');
const CONFIGURATIONS = ['terraform', 'examples/terraform/module', 'examples/terraform/standalone'];
const env = { PATH: process.env['PATH'], HOME: folder, CHECKPOINT_DISABLE: '1', TF_CLI_CONFIG_FILE: '/dev/null' };

/** Folders that terraform searches for providers, and others that are commonly used. */
const MIRRORS = [
  process.env['TERRAFORM_PLUGINS'] ?? '',
  join(homedir(), '.terraform.d', 'plugins'),
  '/usr/local/share/terraform/plugins',
  '/usr/share/terraform/plugins',
  ...globSync('/opt/*'),
].filter((mirror) => mirror !== '' && globSync(`${mirror}/registry.terraform.io/hashicorp/aws/*/*`).length > 0);

function terraform(configuration: string, ...args: string[]) {
  return runSync('terraform', args, { cwd: join(folder, configuration), env });
}

function init(configuration: string) {
  mkdirSync(dirname(join(folder, configuration)), { recursive: true });
  cpSync(join(root, configuration), join(folder, configuration), { recursive: true });
  const [mirror] = MIRRORS;
  const from = mirror === undefined ? [] : [`-plugin-dir=${mirror}`];
  return terraform(configuration, 'init', '-backend=false', '-input=false', '-no-color', ...from);
}

/** Gets the provider for all configurations. @returns why this isn't possible */
function whyNoProvider(): string | undefined {
  const missing = whyMissing('terraform');
  if (missing !== undefined) return missing;
  const failed = CONFIGURATIONS.map(init).find(({ code }) => code !== 0);
  return (
    failed && `terraform can't get the AWS provider: ${`${failed.stdout}${failed.stderr}`.trim().split('\n').at(-1)}`
  );
}

describeUnless(whyMissing('terraform'), 'the Terraform files', () => {
  it.each(CONFIGURATIONS)('%s have the format that terraform writes', (configuration) => {
    const options = { cwd: join(root, configuration), env };
    expect(runSync('terraform', ['fmt', '-check', '-recursive', '-diff'], options)).toMatchObject({
      code: 0,
      stdout: '',
    });
  });
});

it.each(['terraform', 'examples/terraform/standalone'])(
  '%s deletes the old code only after the stack is updated, so that a failed update can roll back',
  (configuration) => {
    const main = readFileSync(join(root, configuration, 'main.tf'), 'utf8');
    const [code] = /^resource "aws_s3_object" "(?:function_)?code" \{$[\s\S]*?^\}$/m.exec(main) ?? [];
    expect(code).toMatch(/^ {2}lifecycle \{\n {4}create_before_destroy = true\n {2}\}$/m);
  },
);

describeUnless(whyMissing('terraform'), 'the first upgrade of the module from 0.1.0', () => {
  it('deletes no code of a function before the stack is updated', () => {
    const main = readFileSync(join(root, 'terraform', 'main.tf'), 'utf8');
    const [removed = ''] = /^removed \{$[\s\S]*?^\}$/m.exec(main) ?? [];
    // Terraform handles every resource type in the same way. This one needs no provider.
    const inPlace = removed.replaceAll('aws_s3_object', 'terraform_data');
    const upgrade = newFolder('first-upgrade');
    const apply = (configuration: string): string => {
      writeFileSync(join(upgrade, 'main.tf'), configuration);
      const options = { cwd: upgrade, env };
      const { code, stdout, stderr } = runSync('terraform', ['apply', '-auto-approve', '-no-color'], options);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return stdout;
    };
    expect(apply('resource "terraform_data" "code" {}\n')).toContain('1 added');
    const upgraded = apply(`resource "terraform_data" "function_code" {}\n${inPlace}\n`);
    expect(upgraded).toContain('1 added, 0 changed, 0 destroyed');
  });
});

describe('the Terraform module', () => {
  const main = readFileSync(join(root, 'terraform', 'main.tf'), 'utf8');
  const variables = readFileSync(join(root, 'terraform', 'variables.tf'), 'utf8');
  let template: { Parameters: Record<string, { AllowedValues?: unknown[] }>; Outputs: object };
  beforeAll(() => {
    const build = ['bin/build-release.ts', release];
    execFileSync(process.execPath, build, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
    template = JSON.parse(readFileSync(join(release, 'agent-launcher.template.json'), 'utf8'));
  }, 240_000);

  it('passes every parameter of the template, and no other', () => {
    const passed = [...main.matchAll(/^ {6}([A-Z]\w+) += /gm)].map(([, name]) => name);
    expect(passed.sort()).toEqual(Object.keys(template.Parameters).sort());
  });

  it('has an input for every value that it passes, and uses every input', () => {
    const declared = [...variables.matchAll(/^variable "(\w+)"/gm)].map(([, name]) => name);
    const used = new Set([...main.matchAll(/var\.(\w+)/g)].map(([, name]) => name));
    expect([...used].sort()).toEqual(declared.sort());
  });

  it('has an output for every output of the template', () => {
    const outputs = readFileSync(join(root, 'terraform', 'outputs.tf'), 'utf8');
    const read = [...outputs.matchAll(/outputs, "(\w+)"/g)].map(([, name]) => name);
    expect(read.sort()).toEqual(Object.keys(template.Outputs).sort());
  });

  it('allows the same values as the template', () => {
    const lists = Object.values(template.Parameters).flatMap(({ AllowedValues = [] }) => [
      AllowedValues.map(String).sort().join(),
    ]);
    const allowed = [...variables.matchAll(/contains\(\[([^\]]+)\]/g)].map(([, list = '']) =>
      list.replaceAll('"', '').split(', ').sort().join(),
    );
    expect(allowed.length).toBeGreaterThan(5);
    expect(allowed.filter((list) => !lists.includes(list))).toEqual([]);
  });

  describeUnless(whyNoProvider(), 'with the AWS provider', () => {
    it.each(CONFIGURATIONS)(
      '%s is valid',
      (configuration) => {
        expect(terraform(configuration, 'validate', '-no-color')).toMatchObject({ code: 0 });
      },
      60_000,
    );

    it('passes its own tests', () => {
      const { code, stdout, stderr } = terraform('terraform', 'test', '-no-color', '-var', `release_dir=${release}`);
      expect(`${stdout}${code === 0 ? '' : stderr}`).toContain('Success! 8 passed, 0 failed.');
    }, 120_000);
  });
});
