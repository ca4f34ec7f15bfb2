import { spawnSync } from 'node:child_process';
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { dirname, join } from 'node:path';
import { generate } from 'selfsigned';
import { test as base, describe, expect, vi } from 'vitest';
import type { PolledJob } from '../../../local/hcp-terraform/agent-protocol.ts';
import { NO_COUNTS } from '../../../local/tfc-agent/engine.ts';
import { isRunning } from '../../processes.ts';
import { newFolder } from '../../temporary-folder.ts';
import { type AgentProcess, COMMAND, type Starting, startAgent } from './agent-process.ts';
import { AgentServer, applyJob, planJob, TOKEN } from './agent-server.ts';

const terraform = spawnSync('sh', ['-c', 'command -v terraform'], { encoding: 'utf8' }).stdout.trim();
const until = <T>(check: () => T): Promise<T> => vi.waitFor(check, { timeout: 60_000, interval: 20 });

/** A terraform with a shell script for each of its commands. Other commands succeed without output. */
function fakeTerraform(commands: Readonly<Record<string, string>>): string {
  const version = `echo '{"terraform_version":"1.11.4","platform":"linux_amd64"}'`;
  const cases = Object.entries({ version, ...commands }).map(([command, text]) => `${command})\n${text}\n;;`);
  return `case $1 in\n${cases.join('\n')}\nesac\n`;
}

/** A terraform whose plan lasts until it is interrupted or killed. */
const SLOW_TERRAFORM = fakeTerraform({
  plan: `trap 'echo interrupted; exit 1' INT; echo "planning $$"; while :; do sleep 0.05; done`,
});

interface World {
  readonly server: AgentServer;
  /** Starts an agent, for which the server has these jobs. */
  readonly start: (jobs: readonly PolledJob[], settings?: Partial<Starting>) => AgentProcess;
}

/** Most of a test is waiting for processes, so the tests run in parallel, each with a separate server and agents. */
const test = base.extend<World>({
  server: async ({ task: _ }, use) => {
    const server = await new AgentServer().listen();
    await use(server);
    await server.close();
  },
  start: async ({ server }, use) => {
    const agents: AgentProcess[] = [];
    await use((jobs, settings = {}) => {
      server.jobs.push(...jobs);
      const agent = startAgent({ address: server.address, ...settings });
      agents.push(agent);
      return agent;
    });
    for (const agent of agents) await agent.cleanUp();
  },
});

/** Waits until {@link SLOW_TERRAFORM} plans. @returns its process id */
function planningPid(server: AgentServer): Promise<number> {
  return until(() => Number(/planning ([0-9]+)/.exec(server.log)?.[1] ?? expect.fail('not yet')));
}

describe.concurrent('a single-mode agent', () => {
  test('executes one job, leaves the second in the queue, deregisters and exits with 0', async ({ server, start }) => {
    const agent = start([planJob(), planJob({ jobId: 'run-fedcba0987654321' })]);
    expect(await agent.exited).toBe(0);
    expect(server.registrations).toMatchObject([{ name: 'task-0001', single: true }]);
    expect(server.registrations[0]?.accept).toContain('apply');
    expect(server.results).toHaveLength(1);
    expect(server.jobs).toHaveLength(1);
    expect(server.statuses.at(-1)).toBe('exited');
    expect(server.statuses).toContain('busy');
    const output = agent.output();
    expect(output).toMatch(
      /\[INFO\] {2}core: Agent registered successfully with Terraform Cloud: agent.id=agent-\S+ agent.pool.id=apool-/,
    );
    expect(output).toMatch(/\[INFO\] {2}core: Waiting for next job\n/);
    expect(output).toMatch(/\[INFO\] {2}core: Job received: job_type=plan job_id=run-1234567890abcdef\n/);
    expect(output).toMatch(/\[INFO\] {2}terraform: Finished handling run/);
    expect(output).not.toContain(TOKEN);
    expect(readdirSync(join(agent.home, '.tfc-agent', 'component', 'terraform', 'runs'))).toEqual([]);
  });

  test('logs JSON lines if TFC_AGENT_LOG_JSON is true', async ({ start }) => {
    const agent = start([planJob()], { env: { TFC_AGENT_LOG_JSON: 'true' } });
    expect(await agent.exited).toBe(0);
    const lines = agent.output().trim().split('\n');
    const received = expect.objectContaining({
      '@level': 'info',
      '@message': 'Job received',
      '@module': 'core',
      agent_id: 'agent-1234567890abcdef',
      agent_name: 'task-0001',
      job_id: 'run-1234567890abcdef',
      job_type: 'plan',
    });
    expect(lines.map((line): unknown => JSON.parse(line))).toContainEqual(received);
  });

  test('exits with 0 if Terraform failed, because only the run has failed', async ({ server, start }) => {
    const agent = start([planJob()], { terraform: fakeTerraform({ init: 'echo no such module; exit 1' }) });
    expect(await agent.exited).toBe(0);
    expect(server.results).toEqual([{ status: 'errored' }]);
    expect(server.log).toContain('no such module');
  });

  test('reports in the run’s log that a working directory doesn’t exist', async ({ server, start }) => {
    const agent = start([planJob({ workingDirectory: '../outside' })]);
    expect(await agent.exited).toBe(0);
    expect(server.results).toEqual([{ status: 'errored' }]);
    expect(server.log).toContain('The working directory "../outside" is not in the configuration');
  });

  test('is busy during a job that isn’t a phase of a run, and then exits', async ({ server, start }) => {
    const job = {
      jobId: 'asmt-1234567890abcdef',
      jobType: 'assessment',
      organization: 'acme',
      durationMs: 50,
    } as const;
    const agent = start([{ ...job, operationId: 'internal-1234567890abcdef' }]);
    expect(await agent.exited).toBe(0);
    expect(agent.output()).toContain('Job received: job_type=assessment job_id=asmt-1234567890abcdef');
    expect(server.results).toEqual([{ status: 'finished' }]);
  });
});

describe.concurrent('variables and hooks', () => {
  test('Terraform gets the variables of the workspace, but not those of the agent', async ({ server, start }) => {
    const region = { key: 'AWS_REGION', value: 'eu-central-1', category: 'env', hcl: false } as const;
    const agent = start([planJob({ variables: [region] })], {
      env: { ECS_CONTAINER_METADATA_URI_V4: 'http://x', TF_WORKSPACE: 'other' },
      terraform: fakeTerraform({ plan: 'env; exit 1' }),
    });
    await agent.exited;
    expect(server.log).toContain('AWS_REGION=eu-central-1');
    expect(server.log).toContain('TF_IN_AUTOMATION=1');
    expect(server.log).toContain('CHECKPOINT_DISABLE=1');
    expect(server.log).toContain('TF_WORKSPACE=network-prod');
    expect(server.log).toContain('TFC_RUN_ID=run-1234567890abcdef');
    expect(server.log).toContain('ECS_CONTAINER_METADATA_URI_V4=http://x');
    for (const secret of ['TFC_AGENT_', 'TFC_ADDRESS', TOKEN]) expect(server.log).not.toContain(secret);
  });

  test('a pre-plan hook passes variables to Terraform; a post-plan hook runs even after a failure', async ({
    server,
    start,
  }) => {
    const agent = start([planJob()], {
      hooks: {
        'terraform-pre-plan': 'echo from the hook; echo "FROM_HOOK=a b=c" >> "$TFC_AGENT_ENV"',
        'terraform-post-plan': 'echo after all',
      },
      terraform: fakeTerraform({ plan: 'echo "<$FROM_HOOK>"; exit 1' }),
    });
    expect(await agent.exited).toBe(0);
    expect(server.log).toMatch(/Executing pre-plan hook\.\.\.\nfrom the hook\n[\s\S]*<a b=c>\n[\s\S]*after all/);
    expect(server.results).toEqual([{ status: 'errored' }]);
  });

  test('a hook that takes too long fails the run before Terraform starts', async ({ server, start }) => {
    const agent = start([planJob()], {
      env: { TFC_AGENT_HOOK_PRE_PLAN_TIMEOUT: '1' },
      hooks: { 'terraform-pre-plan': 'sleep 60' },
      terraform: 'echo terraform was run',
    });
    expect(await agent.exited).toBe(0);
    expect(server.log).toContain('The pre-plan hook did not end within 1 s');
    expect(server.log).not.toContain('terraform was run');
    expect(server.results).toEqual([{ status: 'errored' }]);
  });
});

describe.concurrent('signals', () => {
  test('the first signal makes an idle agent deregister and exit immediately', async ({ server, start }) => {
    const agent = start([], { args: [] });
    await until(() => expect(server.polls).toBeGreaterThan(0));
    agent.child.kill('SIGTERM');
    expect(await agent.exited).toBe(0);
    expect(server.statuses).toEqual(['exited']);
  });

  test('the first signal lets the agent finish its job, but take no other job', async ({ server, start }) => {
    const plan = 'echo planning; while [ ! -e "$HOME/go" ]; do sleep 0.05; done';
    const terraform = fakeTerraform({ plan, show: "echo '{}'" });
    const agent = start([planJob(), planJob()], { args: [], terraform });
    await until(() => expect(server.log).toContain('planning'));
    agent.child.kill('SIGINT');
    await until(() => expect(agent.output()).toContain('finishing the current job'));
    writeFileSync(join(agent.home, 'go'), '');
    expect(await agent.exited).toBe(0);
    expect(server.results).toMatchObject([{ status: 'finished', hasChanges: false }]);
    expect(server.jobs).toHaveLength(1);
    expect(server.statuses.at(-1)).toBe('exited');
  });

  test('the second signal ends the agent and Terraform immediately', async ({ server, start }) => {
    const agent = start([planJob()], { terraform: SLOW_TERRAFORM });
    const pid = await planningPid(server);
    agent.child.kill('SIGTERM');
    await until(() => expect(agent.output()).toContain('finishing the current job'));
    agent.child.kill('SIGTERM');
    expect(await agent.exited).toBe(143);
    await until(() => expect(isRunning(pid)).toBe(false));
    expect(server.results).toEqual([]);
  });
});

describe.concurrent('if something else kills Terraform', () => {
  test('a plan reports it in the run’s log and in the agent’s log', async ({ server, start }) => {
    const agent = start([planJob()], { terraform: SLOW_TERRAFORM });
    process.kill(await planningPid(server), 'SIGKILL');
    expect(await agent.exited).toBe(0);
    const what = 'terraform plan was killed from outside by SIGKILL (exit code 137)';
    expect(server.log).toContain(`Error: ${what}.\nNobody canceled this run.`);
    expect(agent.output()).toContain(what);
    expect(server.results).toEqual([{ status: 'errored' }]);
  });

  test.for([
    ['an unfinished', `printf '{"version":4,"ser'`],
    ['an empty', 'true'],
  ] as const)('an apply reports %s state file, and doesn’t upload it', async ([kind, writing], { server, start }) => {
    const state = '".tfc-agent-state/$TF_WORKSPACE/terraform.tfstate"';
    const killed = fakeTerraform({
      plan: 'exit 2',
      'show | providers': "echo '{}'",
      apply: `mkdir -p "$(dirname ${state})"; ${writing} >${state}; kill -9 $$`,
    });
    expect(await start([planJob()], { terraform: killed }).exited).toBe(0);
    expect(await start([applyJob()], { terraform: killed }).exited).toBe(0);
    expect(server.log).toContain('Error: terraform apply was killed from outside by SIGKILL (exit code 137).');
    expect(server.log).toContain(`Error: Terraform left ${kind} state file, which was not uploaded.`);
    expect(server.log).not.toContain('not a Terraform state file');
    expect(server.results[1]).toMatchObject({ status: 'errored' });
    expect(server.stored.state).toBeUndefined();
  });
});

describe.concurrent('during a job', () => {
  test('the instruction `cancel` interrupts Terraform', async ({ server, start }) => {
    const agent = start([planJob()], { terraform: SLOW_TERRAFORM });
    await planningPid(server);
    server.instruction = 'cancel';
    expect(await agent.exited).toBe(0);
    expect(server.log).toContain('interrupted');
    expect(server.results).toEqual([{ status: 'canceled' }]);
  });

  test('the instruction `force-cancel` kills Terraform', async ({ server, start }) => {
    const agent = start([planJob()], { terraform: SLOW_TERRAFORM });
    const pid = await planningPid(server);
    server.instruction = 'force-cancel';
    expect(await agent.exited).toBe(0);
    expect(server.results).toEqual([{ status: 'canceled' }]);
    expect(isRunning(pid)).toBe(false);
  });

  test('a revoked agent token ends the agent and Terraform immediately', async ({ server, start }) => {
    const agent = start([planJob()], { terraform: SLOW_TERRAFORM });
    const pid = await planningPid(server);
    server.tokenRevoked = true;
    expect(await agent.exited).toBe(1);
    expect(isRunning(pid)).toBe(false);
    expect(server.results).toEqual([]);
    expect(agent.output()).toMatch(/\[ERROR\] core: .* rejected the agent token \(401\)/);
    expect(agent.output()).not.toContain(TOKEN);
  });
});

describe.concurrent('the agent', () => {
  test('doesn’t start with a wrong token, and doesn’t write the token to its output', async ({ start }) => {
    const agent = start([], { env: { TFC_AGENT_TOKEN: 'wrong.atlasv1.token' } });
    expect(await agent.exited).toBe(1);
    expect(agent.output()).toContain('rejected the agent token (401)');
    expect(agent.output()).not.toContain('wrong.atlasv1.token');
  });

  test('doesn’t start without a token', async ({ server, start }) => {
    const agent = start([], { env: { TFC_AGENT_TOKEN: '' } });
    expect(await agent.exited).toBe(1);
    expect(agent.output()).toContain('The agent token is missing');
    expect(server.registrations).toEqual([]);
  });

  test('starts with unknown variables, and logs a warning', async ({ start }) => {
    const agent = start([planJob()], { env: { TFC_AGENT_POOL_ID: 'apool-x' } });
    expect(await agent.exited).toBe(0);
    expect(agent.output()).toContain('[WARN]  agent: Unknown variable TFC_AGENT_POOL_ID');
  });

  test('doesn’t start if its registration is refused, and logs the reason', async ({ server, start }) => {
    server.refusal = { status: 403, detail: 'The organization acme may have 1 agents and has 1.' };
    const agent = start([]);
    expect(await agent.exited).toBe(1);
    expect(agent.output()).toContain('The organization acme may have 1 agents and has 1.');
  });

  test('doesn’t start if HCP Terraform doesn’t respond, and logs the address', async ({ start }) => {
    const agent = start([], { address: 'http://127.0.0.1:1' });
    expect(await agent.exited).toBe(1);
    expect(agent.output()).toMatch(/\[ERROR\] core: POST \/agents at http:\/\/127\.0\.0\.1:1: no response/);
  });

  test('starts through a symbolic link and uses TLS, with either of the two variables for the certificate', async ({
    start,
    onTestFinished,
  }) => {
    const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
    });
    const secure = await new AgentServer(createServer({ key, cert })).listen();
    onTestFinished(() => secure.close());
    const directory = newFolder('agent-tls');
    const ca = join(directory, 'ca.pem');
    const link = join(directory, 'tfc-agent');
    writeFileSync(ca, cert);
    symlinkSync(COMMAND, link);
    secure.jobs.push(planJob(), planJob());
    const run = (env: Record<string, string>) => start([], { address: secure.address, command: link, env }).exited;
    expect(await Promise.all([run({ SSL_CERT_FILE: ca }), run({ NODE_EXTRA_CA_CERTS: ca })])).toEqual([0, 0]);
  });

  test('plans, applies and destroys a built-in sample without Terraform, and logs that', async ({ server, start }) => {
    expect(await start([planJob()]).exited).toBe(0);
    expect(server.log).toContain('There is no terraform on the PATH of this agent');
    expect(server.results[0]).toMatchObject({ status: 'finished', hasChanges: true, resourceAdditions: 1 });

    expect(await start([applyJob()]).exited).toBe(0);
    expect(server.results[1]).toMatchObject({ status: 'finished', resourceAdditions: 1 });
    expect(JSON.parse(String(server.stored.state))).toMatchObject({ version: 4, serial: 1 });

    expect(await start([planJob({ isDestroy: true })]).exited).toBe(0);
    expect(server.results[2]).toMatchObject({ hasChanges: true, resourceDestructions: 1 });
  });
});

describe.skipIf(terraform === '')(
  `with the real Terraform${terraform === '' ? ' (skipped: no terraform on the PATH)' : ''}`,
  { concurrent: true },
  () => {
    const real = { path: [dirname(terraform)] };

    test('a plan, its apply and a second plan have a consistent state', async ({ server, start }) => {
      server.mainFile = `
        terraform {
          cloud {
            organization = "acme"
            workspaces { name = "network-prod" }
          }
        }
        variable "greeting" {}
        variable "names" { type = list(string) }
        resource "terraform_data" "one" {
          for_each = toset(var.names)
          input    = "\${var.greeting} \${each.key} in \${terraform.workspace}"
        }
        output "greeted" { value = [for one in terraform_data.one : one.input] }`;
      const variables: ReturnType<typeof planJob>['variables'] = [
        { key: 'greeting', value: `a "quoted" \${literal} %{ text\b`, category: 'terraform', hcl: false },
        { key: 'names', value: '["a", "b"]', category: 'terraform', hcl: true },
      ];

      expect(await start([planJob({ variables })], real).exited).toBe(0);
      expect(server.log).toMatch(/^Terraform v1\.[0-9.]+\non \S+\nInitializing plugins and modules\.\.\.\n/);
      expect(server.results[0]).toMatchObject({ status: 'finished', hasChanges: true, resourceAdditions: 2 });
      expect(JSON.parse(server.results[0]?.planJson ?? '')).toHaveProperty('resource_changes');
      expect(server.log).toContain('\u001b[');

      expect(await start([applyJob({ variables })], real).exited).toBe(0);
      expect(server.results[1]).toEqual({ status: 'finished', ...NO_COUNTS, resourceAdditions: 2 });
      expect(JSON.parse(String(server.stored.state))).toMatchObject({
        outputs: { greeted: { value: expect.arrayContaining([`a "quoted" \${literal} %{ text\b a in network-prod`]) } },
      });

      expect(await start([planJob({ variables, planOnly: true })], real).exited).toBe(0);
      expect(server.results[2], server.log).toMatchObject({ status: 'finished', hasChanges: false });
    });

    test('a failed apply uploads the state with the resources that it created', async ({ server, start }) => {
      server.mainFile = `
        resource "terraform_data" "made" {}
        resource "terraform_data" "fails" {
          depends_on = [terraform_data.made]
          provisioner "local-exec" { command = "exit 3" }
        }`;
      await start([planJob()], real).exited;
      expect(await start([applyJob()], real).exited).toBe(0);
      expect(server.results[1]).toMatchObject({ status: 'errored', resourceAdditions: 1 });
      const made = expect.objectContaining({ name: 'made' });
      expect(JSON.parse(String(server.stored.state)).resources).toContainEqual(made);
    });
  },
);
