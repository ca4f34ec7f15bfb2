/** The real terraform CLI with a `cloud` block, against the emulators of HCP Terraform and the agent. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeClientFiles } from '../../local/start/client-files.ts';
import { instructions } from '../../local/start/keep.ts';
import { at, listAt, type Platform, startPlatform, textAt } from '../../test/local/hcp-terraform/client.ts';

const hasTerraform = spawnSync('terraform', ['version'], { env: { PATH: process.env['PATH'] ?? '' } }).status === 0;
const TIMEOUT_MS = 60_000;

let platform: Platform;
let directory: string;
let environment: Record<string, string>;
let serving = true;
const agents: Promise<void>[] = [];

beforeAll(async () => {
  if (!hasTerraform) return;
  platform = await startPlatform({ agentPollMs: 50 });
  directory = mkdtempSync(join(tmpdir(), 'terraform-cli-'));
  const credentials = join(directory, 'terraform.rc');
  writeFileSync(
    credentials,
    `credentials "${platform.server.hostname}" {\n  token = "${platform.server.apiToken}"\n}\n`,
  );
  environment = {
    PATH: process.env['PATH'] ?? '',
    HOME: directory,
    TF_CLI_CONFIG_FILE: credentials,
    SSL_CERT_FILE: platform.server.caFile,
    CHECKPOINT_DISABLE: '1',
  };
  agents.push(keepOneAgentAtATime());
});

afterAll(async () => {
  if (!hasTerraform) return;
  serving = false;
  await Promise.all(agents);
  await platform.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Starts a single-mode agent whenever something is queued, one after the other, as a launcher would. */
async function keepOneAgentAtATime(): Promise<void> {
  while (serving) {
    const runs = [...platform.server.world.runs.values()];
    if (runs.some((run) => run.status === 'plan_queued' || run.status === 'apply_queued') && !paused) {
      await new Promise<void>((resolve) => {
        spawn('/bin/sh', ['-c', platform.server.agentCommand], { stdio: 'ignore', cwd: directory }).once('close', () =>
          resolve(),
        );
      });
    } else {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
let paused = false;

function workspace(name: string, more = ''): string {
  const folder = join(directory, name);
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'main.tf'),
    `terraform {
  cloud {
    hostname     = "${platform.server.hostname}"
    organization = "${platform.server.organization}"
    workspaces { name = "${name}" }
  }
}
variable "who" { default = "world" }
resource "terraform_data" "greeting" { input = "hello \${var.who}" }
output "greeting" { value = terraform_data.greeting.output }
${more}`,
  );
  return folder;
}

interface Finished {
  readonly code: number | null;
  readonly output: string;
}

function terraform(
  folder: string,
  args: readonly string[],
  { input = '', interruptAfter = '' } = {},
): Promise<Finished> {
  const child = spawn('terraform', args, { cwd: folder, env: environment, stdio: 'pipe' });
  let output = '';
  let interrupted = false;
  const collect = (chunk: Buffer) => {
    output += chunk.toString();
    if (interruptAfter !== '' && !interrupted && output.includes(interruptAfter)) {
      interrupted = true;
      child.kill('SIGINT');
    }
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  child.stdin.end(input);
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, output }));
  });
}

describe.skipIf(!hasTerraform)('the terraform CLI (skipped when there is none on the PATH)', () => {
  it('plans, applies when a person says yes, shows outputs, and sees next time what was applied', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const folder = workspace('one');
    expect(await terraform(folder, ['init', '-no-color'])).toMatchObject({ code: 0 });
    const apply = await terraform(folder, ['apply', '-no-color'], { input: 'yes\n' });
    expect(apply).toMatchObject({ code: 0 });
    expect(apply.output).toContain('1 to add');
    expect(apply.output).toContain('Apply complete! Resources: 1 added');
    const [outputs, resources, plan] = await Promise.all([
      terraform(folder, ['output', '-json']),
      terraform(folder, ['state', 'list']),
      terraform(folder, ['plan', '-no-color']),
    ]);
    expect(at(JSON.parse(outputs.output), 'greeting', 'value')).toBe('hello world');
    expect(resources.output.trim()).toBe('terraform_data.greeting');
    expect(plan).toMatchObject({ code: 0 });
    expect(plan.output).toContain('No changes');
    const destroy = await terraform(folder, ['destroy', '-auto-approve', '-no-color']);
    expect(destroy.output).toContain('1 destroyed');
  });

  it('shows a saved plan with outputs that are unknown, sensitive and null', { timeout: TIMEOUT_MS }, async () => {
    const folder = workspace(
      'saved',
      `output "unknown" { value = terraform_data.greeting.id }
       output "secret" {
         value     = { id = terraform_data.greeting.id, key = "value" }
         sensitive = true
       }
       output "nothing" { value = null }\n`,
    );
    await terraform(folder, ['init', '-no-color']);
    expect(await terraform(folder, ['plan', '-no-color', '-out=t'])).toMatchObject({ code: 0 });
    const show = await terraform(folder, ['show', '-no-color', 't']);
    expect(show).toMatchObject({ code: 0 });
    expect(show.output).toMatch(/\+ unknown += \(known after apply\)/);
    expect(show.output).toMatch(/\+ secret += \(sensitive value\)/);
    expect(show.output).toContain('1 to add');
  });

  it('shows a saved plan of a configuration without providers', { timeout: TIMEOUT_MS }, async () => {
    const folder = workspace('outputs-only');
    const main = join(folder, 'main.tf');
    writeFileSync(main, `${readFileSync(main, 'utf8').split('variable')[0]}output "word" { value = "hello" }\n`);
    await terraform(folder, ['init', '-no-color']);
    expect(await terraform(folder, ['plan', '-no-color', '-out=t'])).toMatchObject({ code: 0 });
    const show = await terraform(folder, ['show', '-no-color', 't']);
    expect(show).toMatchObject({ code: 0 });
    expect(show.output).toContain('+ word = "hello"');
  });

  it('needs nothing but env.sh, and prints the address of a page that shows the run', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const folder = join(directory, 'with-env-sh');
    mkdirSync(folder);
    const files = await writeClientFiles(platform.server, folder);
    const commands = instructions(platform.server, files).filter((line) => line.startsWith('  '));
    writeFileSync(join(folder, 'main.tf'), 'resource "terraform_data" "it" { input = "<b>hello</b>" }\n');
    const child = spawn('/bin/sh', ['-c', commands.join('\n')], {
      cwd: folder,
      env: { PATH: environment['PATH'], HOME: folder, CHECKPOINT_DISABLE: '1', TF_CLI_ARGS: '-no-color' },
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += String(chunk)));
    child.stderr.on('data', (chunk: Buffer) => (output += String(chunk)));
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(output).toContain('1 to add');
    expect(code).toBe(0);
    const url = /https:\/\/localhost:\d+\/app\/\S+/.exec(output)?.[0] ?? '';
    const page = await platform.send('GET', url);
    expect(page.status).toBe(200);
    expect(page.text).toContain('<h1>mine: planned and finished</h1>');
    expect(page.text).toContain('+ input  = &quot;&lt;b&gt;hello&lt;/b&gt;&quot;');
    expect(page.text).not.toContain('\u001b');
  });

  it('shows the error of a configuration that fails', { timeout: TIMEOUT_MS }, async () => {
    const folder = workspace('failing', 'resource "terraform_data" "x" { input = file("/does/not/exist") }\n');
    await terraform(folder, ['init', '-no-color']);
    const plan = await terraform(folder, ['plan', '-no-color']);
    expect(plan.code).toBe(1);
    expect(plan.output).toContain('no file exists at');
  });

  it('cancels on Ctrl-C what no agent has taken yet', { timeout: TIMEOUT_MS }, async () => {
    const folder = workspace('canceled');
    await terraform(folder, ['init', '-no-color']);
    paused = true;
    const apply = await terraform(folder, ['apply', '-auto-approve', '-no-color'], {
      interruptAfter: 'Waiting for the plan to start',
    });
    expect(apply.output).toContain('successfully cancelled');
    const runs = await platform.api(
      'GET',
      `/organizations/${platform.server.organization}/runs?filter%5Bworkspace_names%5D=canceled`,
    );
    expect(listAt(runs.body, 'data').map((run) => textAt(run, 'attributes', 'status'))).toEqual(['canceled']);
    paused = false;
  });

  it('gets an error if its token is wrong', { timeout: TIMEOUT_MS }, async () => {
    const folder = workspace('unauthorized');
    const credentials = join(dirname(folder), 'wrong.rc');
    writeFileSync(
      credentials,
      readFileSync(join(directory, 'terraform.rc'), 'utf8').replace(/token = ".*"/, 'token = "wrong"'),
    );
    const right = environment;
    environment = { ...right, TF_CLI_CONFIG_FILE: credentials };
    const init = await terraform(folder, ['init', '-no-color']);
    environment = right;
    expect(init.code).toBe(1);
    expect(init.output).toContain('unauthorized');
  });
});
