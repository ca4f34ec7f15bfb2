/**
 * Tests the real terraform CLI with a `cloud` block against the emulators of HCP Terraform and the agent. Like a launcher, a loop
 * starts single-mode agents one after the other while a job is queued.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeClientFiles } from '../../local/start/client-files.ts';
import { instructions } from '../../local/start/keep.ts';
import { at, listAt, type Platform, startPlatform, textAt } from '../../test/local/hcp-terraform/client.ts';
import { outputOf, whyMissing } from '../../test/processes.ts';
import { newFolder } from '../../test/temporary-folder.ts';
import { describeUnless } from '../../test/unless.ts';
import { cloudBlock, terraformEnvironment } from './project.ts';

const directory = newFolder('terraform-cli');
let platform: Platform;
let environment: Record<string, string>;
let serving = true;
let paused = false;
let agents: Promise<void>;

async function serveQueue(): Promise<void> {
  while (serving) {
    const runs = [...platform.server.world.runs.values()];
    if (runs.some(({ status }) => status === 'plan_queued' || status === 'apply_queued') && !paused) {
      const options = { stdio: 'ignore', cwd: directory } as const;
      await once(spawn('/bin/sh', ['-c', platform.server.agentCommand], options), 'close');
    } else await delay(50);
  }
}

/** Creates a folder with a configuration for the workspace with this name. */
function folderOf(name: string, more = ''): string {
  const folder = join(directory, name);
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'main.tf'),
    `${cloudBlock(platform.server, name)}variable "who" { default = "world" }
resource "terraform_data" "greeting" { input = "hello \${var.who}" }
output "greeting" { value = terraform_data.greeting.output }
${more}`,
  );
  return folder;
}

/** Like {@link folderOf}, with an initialized configuration. */
async function initialized(name: string, more = ''): Promise<string> {
  const folder = folderOf(name, more);
  expect(await terraform(folder, 'init -no-color')).toMatchObject({ code: 0 });
  return folder;
}

async function terraform(folder: string, args: string, { input = '', interruptAfter = '', env = environment } = {}) {
  const child = spawn('terraform', args.split(' '), { cwd: folder, env, stdio: 'pipe' });
  const output = outputOf(child);
  if (interruptAfter !== '') {
    const interrupt = () => {
      if (!output().includes(interruptAfter)) return;
      child.kill('SIGINT');
      child.stdout.off('data', interrupt);
    };
    child.stdout.on('data', interrupt);
  }
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, output: output() };
}

describeUnless(whyMissing('terraform'), 'the terraform CLI', () => {
  beforeAll(async () => {
    platform = await startPlatform({ agentPollMs: 50 });
    environment = terraformEnvironment(directory, platform.server);
    agents = serveQueue();
  });
  afterAll(async () => {
    serving = false;
    await agents;
    await platform.close();
  });

  it('plans, applies after an approval, shows outputs, and then finds no changes', async () => {
    const folder = await initialized('one');
    const apply = await terraform(folder, 'apply -no-color', { input: 'yes\n' });
    expect(apply).toMatchObject({ code: 0 });
    expect(apply.output).toContain('1 to add');
    expect(apply.output).toContain('Apply complete! Resources: 1 added');
    const [outputs, resources, plan] = await Promise.all([
      terraform(folder, 'output -json'),
      terraform(folder, 'state list'),
      terraform(folder, 'plan -no-color'),
    ]);
    expect(at(JSON.parse(outputs.output), 'greeting', 'value')).toBe('hello world');
    expect(resources.output.trim()).toBe('terraform_data.greeting');
    expect(plan).toMatchObject({ code: 0 });
    expect(plan.output).toContain('No changes');
    const destroy = await terraform(folder, 'destroy -auto-approve -no-color');
    expect(destroy.output).toContain('1 destroyed');
  });

  it('shows a saved plan with outputs that are unknown, sensitive and null', async () => {
    const folder = await initialized(
      'saved',
      `output "unknown" { value = terraform_data.greeting.id }
       output "secret" {
         value     = { id = terraform_data.greeting.id, key = "value" }
         sensitive = true
       }
       output "nothing" { value = null }\n`,
    );
    expect(await terraform(folder, 'plan -no-color -out=t')).toMatchObject({ code: 0 });
    const show = await terraform(folder, 'show -no-color t');
    expect(show).toMatchObject({ code: 0 });
    expect(show.output).toMatch(/\+ unknown += \(known after apply\)/);
    expect(show.output).toMatch(/\+ secret += \(sensitive value\)/);
    expect(show.output).toContain('1 to add');
  });

  it('shows a saved plan of a configuration without providers', async () => {
    const folder = folderOf('outputs-only');
    const main = join(folder, 'main.tf');
    writeFileSync(main, `${readFileSync(main, 'utf8').split('variable')[0]}output "word" { value = "hello" }\n`);
    await terraform(folder, 'init -no-color');
    expect(await terraform(folder, 'plan -no-color -out=t')).toMatchObject({ code: 0 });
    const show = await terraform(folder, 'show -no-color t');
    expect(show).toMatchObject({ code: 0 });
    expect(show.output).toContain('+ word = "hello"');
  });

  it('needs nothing but env.sh, and prints the address of a page that shows the run', async () => {
    const folder = join(directory, 'with-env-sh');
    mkdirSync(folder);
    const files = await writeClientFiles(platform.server, folder);
    const lines = instructions(platform.server, files);
    const last = lines.findIndex((line) => line.includes('terraform plan'));
    // The lines after that are about the command agent-launcher, which runs in the clone.
    const commands = lines.slice(0, last + 1).filter((line) => line.startsWith('  '));
    writeFileSync(join(folder, 'main.tf'), 'resource "terraform_data" "it" { input = "<b>hello</b>" }\n');
    const env = { PATH: process.env['PATH'], HOME: folder, CHECKPOINT_DISABLE: '1', TF_CLI_ARGS: '-no-color' };
    const child = spawn('/bin/sh', ['-c', commands.join('\n')], { cwd: folder, env });
    const output = outputOf(child);
    const [code] = await once(child, 'close');
    expect(output()).toContain('1 to add');
    expect(code).toBe(0);
    const url = /https:\/\/localhost:\d+\/app\/\S+/.exec(output())?.[0] ?? '';
    const page = await platform.send('GET', url);
    expect(page.status).toBe(200);
    expect(page.text).toContain('<h1>mine: planned and finished</h1>');
    expect(page.text).toContain('+ input  = &quot;&lt;b&gt;hello&lt;/b&gt;&quot;');
    expect(page.text).not.toContain('\u001b');
  });

  it('shows the error of a configuration that fails', async () => {
    const folder = await initialized('failing', 'resource "terraform_data" "x" { input = file("/does/not/exist") }\n');
    const plan = await terraform(folder, 'plan -no-color');
    expect(plan.code).toBe(1);
    expect(plan.output).toContain('no file exists at');
  });

  it('cancels a run on Ctrl-C if no agent has taken it yet', async () => {
    const folder = await initialized('canceled');
    paused = true;
    const apply = await terraform(folder, 'apply -auto-approve -no-color', {
      interruptAfter: 'Waiting for the plan to start',
    });
    expect(apply.output).toContain('successfully cancelled');
    const path = `/organizations/${platform.server.organization}/runs?filter%5Bworkspace_names%5D=canceled`;
    const runs = await platform.api('GET', path);
    expect(listAt(runs.body, 'data').map((run) => textAt(run, 'attributes', 'status'))).toEqual(['canceled']);
    paused = false;
  });

  it('gets an error if its token is wrong', async () => {
    const folder = folderOf('unauthorized');
    const env = terraformEnvironment(folder, { ...platform.server, apiToken: 'wrong' });
    const init = await terraform(folder, 'init -no-color', { env });
    expect(init.code).toBe(1);
    expect(init.output).toContain('unauthorized');
  });
});
