/**
 * The whole path of a nudge with the real terraform CLI: the commands of docs/nudge.md create the run task, terraform starts runs, HCP
 * Terraform's emulator sends the requests to the nudge's bundle, and each message in the queue starts one agent. Nothing polls for queued
 * runs, so a job without a nudge would never run.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { writeBundle } from '../../lib/bundle/lambda-bundle.ts';
import { type FunctionUrl, startFunctionUrl } from '../../local/lambda/function-url.ts';
import { startAws } from '../../test/functions/nudge/aws.ts';
import { listAt, type Platform, startPlatform, textAt } from '../../test/local/hcp-terraform/client.ts';
import { outputOf, whyMissing } from '../../test/processes.ts';
import { newFolder } from '../../test/temporary-folder.ts';
import { describeUnless } from '../../test/unless.ts';
import { cloudBlock, terraformEnvironment } from './project.ts';

const directory = newFolder('nudge-lab');
let platform: Platform;
let aws: Awaited<ReturnType<typeof startAws>>;
let nudge: FunctionUrl;
let environment: Record<string, string>;
let serving = true;
let launcher: Promise<void>;

const nudgeMessage = z.object({ kind: z.literal('nudge'), runId: z.string() });

/** In place of the launcher: for each message, follows the run until it is queued, and then starts one agent. */
async function serveMessages(): Promise<void> {
  for (let handled = 0; serving; ) {
    const message = nudgeMessage.safeParse(aws.messages[handled]).data;
    if (message === undefined) {
      await delay(20);
      continue;
    }
    handled += 1;
    while (!/_queued$/.test(platform.server.world.runs.get(message.runId)?.status ?? '_queued')) await delay(20);
    const options = { stdio: 'ignore', cwd: directory } as const;
    await once(spawn('/bin/sh', ['-c', platform.server.agentCommand], options), 'close');
  }
}

/** The shell commands of docs/nudge.md that create the run task, with this machine's host, organization and URL. */
function documentedCommands(): string {
  const blocks = [...readFileSync('docs/nudge.md', 'utf8').matchAll(/```sh\n([\s\S]*?)```/g)];
  expect(blocks).toHaveLength(1);
  const { hostname, organization } = platform.server;
  return `${blocks[0]?.[1]}`
    .replace('host=app.terraform.io', `host=${hostname}`)
    .replace('organization=acme', `organization=${organization}`)
    .replace(/url=\S+/, `url=${nudge.url}`);
}

async function terraform(folder: string, args: string, input = '') {
  const child = spawn('terraform', args.split(' '), { cwd: folder, env: environment, stdio: 'pipe' });
  const output = outputOf(child);
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, output: output() };
}

const missing = whyMissing('terraform', 'jq', 'curl');

describeUnless(missing, 'a nudge with the terraform CLI', () => {
  beforeAll(async () => {
    const key = 'a-key-of-more-than-32-characters-1';
    platform = await startPlatform({ agentPollMs: 50 });
    aws = await startAws(key);
    writeBundle('nudge', directory);
    nudge = await startFunctionUrl({
      module: join(directory, 'index.mjs'),
      environment: aws.environment(platform.server.hostname, platform.server.caFile),
      concurrency: 5,
      timeoutMs: 10_000,
    });
    environment = terraformEnvironment(directory, platform.server);
    writeFileSync(join(directory, 'key.txt'), `${key}\n`);
    writeFileSync(join(directory, 'token.txt'), `${platform.server.apiToken}\n`);
    const env = { ...environment, CURL_CA_BUNDLE: platform.server.caFile };
    await promisify(execFile)('/bin/sh', ['-ec', documentedCommands()], { cwd: directory, env, timeout: 30_000 });
    launcher = serveMessages();
  }, 60_000);
  afterAll(async () => {
    serving = false;
    await launcher;
    await nudge.close();
    aws.close();
    await platform.close();
  });

  it('starts an agent for a speculative plan, a plan, and an apply that a person confirms', async () => {
    const folder = join(directory, 'one');
    mkdirSync(folder);
    writeFileSync(
      join(folder, 'main.tf'),
      `${cloudBlock(platform.server, 'one')}resource "terraform_data" "it" { input = "hello" }\n`,
    );
    expect(await terraform(folder, 'init -no-color')).toMatchObject({ code: 0 });
    const plan = await terraform(folder, 'plan -no-color');
    expect(plan.output).toContain('1 to add');
    expect(plan.code).toBe(0);
    const apply = await terraform(folder, 'apply -no-color', 'yes\n');
    expect(apply.output).toContain('Apply complete! Resources: 1 added');
    expect(apply.code).toBe(0);
    expect(apply.output).toMatch(/agent-launcher\s.*Passed/);

    const path = `/organizations/${platform.server.organization}/runs?filter%5Bworkspace_names%5D=one`;
    const runs = listAt((await platform.api('GET', path)).body, 'data').map((run) => [
      textAt(run, 'id'),
      textAt(run, 'attributes', 'status'),
    ]);
    const [[applied, status], [planned]] = z.tuple([z.array(z.string()), z.array(z.string())]).parse(runs);
    expect(status).toBe('applied');
    expect(aws.messages).toEqual([planned, applied, applied].map((runId) => ({ kind: 'nudge', runId })));
  });
});
