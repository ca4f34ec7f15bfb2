import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generate } from 'selfsigned';
import { test as base, describe, expect, vi } from 'vitest';
import { type AgentProcess, AgentProcesses, type Starting } from './agent-process.ts';
import { type AgentServer, applyJob, planJob, startAgentServer, TOKEN } from './agent-server.ts';

const terraform = spawnSync('sh', ['-c', 'command -v terraform'], { encoding: 'utf8' }).stdout.trim();
const until = <T>(check: () => T): Promise<T> => vi.waitFor(check, { timeout: 60_000, interval: 20 });

/** A terraform that plans nothing, says what it sees, and takes as long as a test wants. */
const SLOW_TERRAFORM = `
case $1 in
  version) echo '{"terraform_version":"1.11.4","platform":"linux_amd64"}' ;;
  plan)
    trap 'echo interrupted; exit 1' INT
    echo "planning $$"
    while :; do sleep 0.05; done ;;
esac
`;

interface World {
  readonly server: AgentServer;
  readonly startAgent: (settings: Starting) => AgentProcess;
}

/** Most of a test is waiting for processes, so the tests run in parallel, each with a separate server and agents. */
const test = base.extend<World>({
  server: async ({ task: _ }, use) => {
    const server = await startAgentServer();
    await use(server);
    await server.close();
  },
  startAgent: async ({ task: _ }, use) => {
    const agents = new AgentProcesses();
    await use((settings) => agents.start(settings));
    await agents.cleanUp();
  },
});

describe.concurrent('a single-mode agent', () => {
  test('executes one job, leaves the second in the queue, deregisters and ends with 0', async ({
    server,
    startAgent,
  }) => {
    server.jobs.push(planJob(), planJob({ jobId: 'run-fedcba0987654321' }));
    const agent = startAgent({ address: server.address });
    expect(await agent.exited()).toBe(0);
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

  test('logs JSON lines when it is asked to', async ({ server, startAgent }) => {
    server.jobs.push(planJob());
    const agent = startAgent({ address: server.address, env: { TFC_AGENT_LOG_JSON: 'true' } });
    expect(await agent.exited()).toBe(0);
    const lines = agent
      .output()
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(lines).toContainEqual(
      expect.objectContaining({
        '@level': 'info',
        '@message': 'Job received',
        '@module': 'core',
        agent_id: 'agent-1234567890abcdef',
        agent_name: 'task-0001',
        job_id: 'run-1234567890abcdef',
        job_type: 'plan',
      }),
    );
  });

  test('ends with 0 when Terraform failed: the failure is the run’s', async ({ server, startAgent }) => {
    server.jobs.push(planJob());
    const agent = startAgent({
      address: server.address,
      terraform:
        'case $1 in version) echo \'{"terraform_version":"1","platform":"p"}\';; init) echo no such module; exit 1;; esac',
    });
    expect(await agent.exited()).toBe(0);
    expect(server.results).toEqual([{ status: 'errored' }]);
    expect(server.logText()).toContain('no such module');
  });

  test('says in the run that a working directory is not there', async ({ server, startAgent }) => {
    server.jobs.push(planJob({ workingDirectory: '../outside' }));
    const agent = startAgent({ address: server.address });
    expect(await agent.exited()).toBe(0);
    expect(server.results).toEqual([{ status: 'errored' }]);
    expect(server.logText()).toContain('The working directory "../outside" is not in the configuration');
  });
});

describe.concurrent('a job that is no phase of a run', () => {
  test('keeps the agent busy for its time, and counts as its one job', async ({ server, startAgent }) => {
    server.jobs.push({
      jobId: 'asmt-1234567890abcdef',
      jobType: 'assessment',
      operationId: 'internal-1234567890abcdef',
      organization: 'acme',
      durationMs: 50,
    });
    const agent = startAgent({ address: server.address });
    expect(await agent.exited()).toBe(0);
    expect(agent.output()).toContain('Job received: job_type=assessment job_id=asmt-1234567890abcdef');
    expect(server.results).toEqual([{ status: 'finished' }]);
  });
});

describe.concurrent('what Terraform sees', () => {
  test('is the workspace’s variables and no part of the agent’s own settings', async ({ server, startAgent }) => {
    server.jobs.push(
      planJob({ variables: [{ key: 'AWS_REGION', value: 'eu-central-1', category: 'env', hcl: false }] }),
    );
    const agent = startAgent({
      address: server.address,
      env: { ECS_CONTAINER_METADATA_URI_V4: 'http://x', TF_WORKSPACE: 'other' },
      terraform: 'case $1 in version) echo \'{"terraform_version":"1","platform":"p"}\';; plan) env; exit 1;; esac',
    });
    await agent.exited();
    const seen = server.logText();
    expect(seen).toContain('AWS_REGION=eu-central-1');
    expect(seen).toContain('TF_IN_AUTOMATION=1');
    expect(seen).toContain('CHECKPOINT_DISABLE=1');
    expect(seen).toContain('TF_WORKSPACE=network-prod');
    expect(seen).toContain('TFC_RUN_ID=run-1234567890abcdef');
    expect(seen).toContain('ECS_CONTAINER_METADATA_URI_V4=http://x');
    expect(seen).not.toContain('TFC_AGENT_');
    expect(seen).not.toContain('TFC_ADDRESS');
    expect(seen).not.toContain(TOKEN);
  });

  test('includes what a pre-plan hook passes on, and a post-plan hook runs even after a failure', async ({
    server,
    startAgent,
  }) => {
    server.jobs.push(planJob());
    const agent = startAgent({
      address: server.address,
      hooks: {
        'terraform-pre-plan': 'echo from the hook; echo "FROM_HOOK=a b=c" >> "$TFC_AGENT_ENV"',
        'terraform-post-plan': 'echo after all',
      },
      terraform:
        'case $1 in version) echo \'{"terraform_version":"1","platform":"p"}\';; plan) echo "<$FROM_HOOK>"; exit 1;; esac',
    });
    expect(await agent.exited()).toBe(0);
    expect(server.logText()).toMatch(/Executing pre-plan hook\.\.\.\nfrom the hook\n[\s\S]*<a b=c>\n[\s\S]*after all/);
    expect(server.results).toEqual([{ status: 'errored' }]);
  });

  test('is nothing at all when a hook fails or takes too long', async ({ server, startAgent }) => {
    server.jobs.push(planJob());
    const agent = startAgent({
      address: server.address,
      env: { TFC_AGENT_HOOK_PRE_PLAN_TIMEOUT: '1' },
      hooks: { 'terraform-pre-plan': 'sleep 60' },
      terraform: 'echo terraform was run',
    });
    expect(await agent.exited()).toBe(0);
    expect(server.logText()).toContain('The pre-plan hook did not end within 1 s');
    expect(server.logText()).not.toContain('terraform was run');
    expect(server.results).toEqual([{ status: 'errored' }]);
  });
});

describe.concurrent('signals', () => {
  test('the first one ends an idle agent at once, in order', async ({ server, startAgent }) => {
    const agent = startAgent({ address: server.address, args: [] });
    await until(() => expect(server.polls).toBeGreaterThan(0));
    agent.child.kill('SIGTERM');
    expect(await agent.exited()).toBe(0);
    expect(server.statuses).toEqual(['exited']);
  });

  test('the first one lets a job end, and the agent takes no other', async ({ server, startAgent }) => {
    server.jobs.push(planJob(), planJob());
    const agent = startAgent({
      address: server.address,
      args: [],
      terraform: `case $1 in version) echo '{"terraform_version":"1","platform":"p"}';; plan) echo planning; while [ ! -e "$HOME/go" ]; do sleep 0.05; done;; show) echo '{}';; esac`,
    });
    await until(() => expect(server.logText()).toContain('planning'));
    agent.child.kill('SIGINT');
    await until(() => expect(agent.output()).toContain('finishing the current job'));
    writeFileSync(join(agent.home, 'go'), '');
    expect(await agent.exited()).toBe(0);
    expect(server.results).toMatchObject([{ status: 'finished', hasChanges: false }]);
    expect(server.jobs).toHaveLength(1);
    expect(server.statuses.at(-1)).toBe('exited');
  });

  test('the second one ends the agent at once, and Terraform with it', async ({ server, startAgent }) => {
    server.jobs.push(planJob());
    const agent = startAgent({ address: server.address, terraform: SLOW_TERRAFORM });
    const pid = await until(() => Number(/planning ([0-9]+)/.exec(server.logText())?.[1] ?? expect.fail('not yet')));
    agent.child.kill('SIGTERM');
    await until(() => expect(agent.output()).toContain('finishing the current job'));
    agent.child.kill('SIGTERM');
    expect(await agent.exited()).toBe(143);
    await until(() => expect(isRunning(pid)).toBe(false));
    expect(server.results).toEqual([]);
  });
});

describe.concurrent('a Terraform that is killed under its agent', () => {
  test('in a plan is reported as that, in the run and in the agent’s log', async ({ server, startAgent }) => {
    server.jobs.push(planJob());
    const agent = startAgent({ address: server.address, terraform: SLOW_TERRAFORM });
    const pid = await until(() => Number(/planning ([0-9]+)/.exec(server.logText())?.[1] ?? expect.fail('not yet')));
    process.kill(pid, 'SIGKILL');
    expect(await agent.exited()).toBe(0);
    const what = 'terraform plan was killed from outside by SIGKILL (exit code 137)';
    expect(server.logText()).toContain(`Error: ${what}.\nNobody canceled this run.`);
    expect(agent.output()).toContain(what);
    expect(server.results).toEqual([{ status: 'errored' }]);
  });

  test.each([
    ['an unfinished', `printf '{"version":4,"ser'`],
    ['an empty', 'true'],
  ])('in an apply leaves %s state file, which is reported and not uploaded', async (kind, writing) => {
    const server = await startAgentServer();
    const agents = new AgentProcesses();
    try {
      const terraform = `
case $1 in
  version) echo '{"terraform_version":"1.11.4","platform":"linux_amd64"}' ;;
  plan) exit 2 ;;
  show | providers) echo '{}' ;;
  apply)
    mkdir -p ".tfc-agent-state/$TF_WORKSPACE"
    ${writing} >".tfc-agent-state/$TF_WORKSPACE/terraform.tfstate"
    kill -9 $$ ;;
esac
`;
      server.jobs.push(planJob());
      expect(await agents.start({ address: server.address, terraform }).exited()).toBe(0);
      server.jobs.push(applyJob());
      expect(await agents.start({ address: server.address, terraform }).exited()).toBe(0);
      expect(server.logText()).toContain('Error: terraform apply was killed from outside by SIGKILL (exit code 137).');
      expect(server.logText()).toContain(`Error: Terraform left ${kind} state file, which was not uploaded.`);
      expect(server.logText()).not.toContain('not a Terraform state file');
      expect(server.results[1]).toMatchObject({ status: 'errored' });
      expect(server.stored.state).toBeUndefined();
    } finally {
      await agents.cleanUp();
      await server.close();
    }
  });
});

describe.concurrent('HCP Terraform’s word', () => {
  test('cancel interrupts Terraform', async ({ server, startAgent }) => {
    server.jobs.push(planJob());
    const agent = startAgent({ address: server.address, terraform: SLOW_TERRAFORM });
    await until(() => expect(server.logText()).toContain('planning'));
    server.instruction = 'cancel';
    expect(await agent.exited()).toBe(0);
    expect(server.logText()).toContain('interrupted');
    expect(server.results).toEqual([{ status: 'canceled' }]);
  });

  test('force-cancel kills Terraform', async ({ server, startAgent }) => {
    server.jobs.push(planJob());
    const agent = startAgent({ address: server.address, terraform: SLOW_TERRAFORM });
    const pid = await until(() => Number(/planning ([0-9]+)/.exec(server.logText())?.[1] ?? expect.fail('not yet')));
    server.instruction = 'force-cancel';
    expect(await agent.exited()).toBe(0);
    expect(server.results).toEqual([{ status: 'canceled' }]);
    expect(isRunning(pid)).toBe(false);
  });

  test('a revoked token ends the agent at once, in mid-job', async ({ server, startAgent }) => {
    server.jobs.push(planJob());
    const agent = startAgent({ address: server.address, terraform: SLOW_TERRAFORM });
    const pid = await until(() => Number(/planning ([0-9]+)/.exec(server.logText())?.[1] ?? expect.fail('not yet')));
    server.tokenRevoked = true;
    expect(await agent.exited()).toBe(1);
    expect(isRunning(pid)).toBe(false);
    expect(server.results).toEqual([]);
    expect(agent.output()).toMatch(/\[ERROR\] core: .* rejected the agent token \(401\)/);
    expect(agent.output()).not.toContain(TOKEN);
  });
});

describe.concurrent('starting', () => {
  test('fails with a wrong token, and does not repeat it', async ({ server, startAgent }) => {
    const agent = startAgent({ address: server.address, env: { TFC_AGENT_TOKEN: 'wrong.atlasv1.token' } });
    expect(await agent.exited()).toBe(1);
    expect(agent.output()).toContain('rejected the agent token (401)');
    expect(agent.output()).not.toContain('wrong.atlasv1.token');
  });

  test('fails without a token', async ({ server, startAgent }) => {
    const agent = startAgent({ address: server.address, env: { TFC_AGENT_TOKEN: '' } });
    expect(await agent.exited()).toBe(1);
    expect(agent.output()).toContain('The agent token is missing');
    expect(server.registrations).toEqual([]);
  });

  test('reports unknown variables, and goes on', async ({ server, startAgent }) => {
    server.jobs.push(planJob());
    const agent = startAgent({ address: server.address, env: { TFC_AGENT_POOL_ID: 'apool-x' } });
    expect(await agent.exited()).toBe(0);
    expect(agent.output()).toContain('[WARN]  agent: Unknown variable TFC_AGENT_POOL_ID');
  });

  test('fails when it is refused, and says why', async ({ server, startAgent }) => {
    server.refusal = { status: 403, detail: 'The organization acme may have 1 agents and has 1.' };
    const agent = startAgent({ address: server.address });
    expect(await agent.exited()).toBe(1);
    expect(agent.output()).toContain('The organization acme may have 1 agents and has 1.');
  });

  test('fails when HCP Terraform cannot be reached, and says where it tried', async ({ startAgent }) => {
    const agent = startAgent({ address: 'http://127.0.0.1:1' });
    expect(await agent.exited()).toBe(1);
    expect(agent.output()).toMatch(/\[ERROR\] core: POST \/agents at http:\/\/127\.0\.0\.1:1: no answer/);
  });

  test('works through a symbolic link, over TLS, with either variable for the certificate', async ({ startAgent }) => {
    const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
    });
    const secure = await startAgentServer({ key, cert });
    const directory = mkdtempSync(join(tmpdir(), 'agent-tls-'));
    try {
      writeFileSync(join(directory, 'ca.pem'), cert);
      const link = join(directory, 'tfc-agent');
      symlinkSync(fileURLToPath(new URL('../../../local/tfc-agent/tfc-agent', import.meta.url)), link);
      const run = (env: Record<string, string>) => {
        secure.jobs.push(planJob());
        return startAgent({ address: secure.address, command: link, env }).exited();
      };
      const ca = join(directory, 'ca.pem');
      expect(await Promise.all([run({ SSL_CERT_FILE: ca }), run({ NODE_EXTRA_CA_CERTS: ca })])).toEqual([0, 0]);
    } finally {
      rmSync(directory, { recursive: true });
      await secure.close();
    }
  });
});

describe.concurrent('without Terraform', () => {
  test('the built-in sample is planned, applied and destroyed, and says what it is', async ({ server, startAgent }) => {
    server.jobs.push(planJob());
    expect(await startAgent({ address: server.address }).exited()).toBe(0);
    expect(server.logText()).toContain('There is no terraform on the PATH of this agent');
    expect(server.results[0]).toMatchObject({ status: 'finished', hasChanges: true, resourceAdditions: 1 });

    server.jobs.push(applyJob());
    expect(await startAgent({ address: server.address }).exited()).toBe(0);
    expect(server.results[1]).toMatchObject({ status: 'finished', resourceAdditions: 1 });
    expect(JSON.parse(String(server.stored.state))).toMatchObject({ version: 4, serial: 1 });

    server.jobs.push(planJob({ isDestroy: true }));
    expect(await startAgent({ address: server.address }).exited()).toBe(0);
    expect(server.results[2]).toMatchObject({ hasChanges: true, resourceDestructions: 1 });
  });
});

describe.skipIf(terraform === '')(
  `with the real Terraform${terraform === '' ? ' (skipped: no terraform on the PATH)' : ''}`,
  { concurrent: true },
  () => {
    const real = { path: [dirname(terraform)] };

    test('a plan, its apply and a second plan agree about the state', async ({ server, startAgent }) => {
      server.configuration.files = {
        'main.tf': `
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
        output "greeted" { value = [for one in terraform_data.one : one.input] }
      `,
      };
      const variables = [
        { key: 'greeting', value: `a "quoted" \${literal} %{ text\b`, category: 'terraform', hcl: false },
        { key: 'names', value: '["a", "b"]', category: 'terraform', hcl: true },
      ] as const;

      server.jobs.push(planJob({ variables: [...variables] }));
      expect(await startAgent({ address: server.address, ...real }).exited()).toBe(0);
      expect(server.logText()).toMatch(/^Terraform v1\.[0-9.]+\non \S+\nInitializing plugins and modules\.\.\.\n/);
      expect(server.results[0]).toMatchObject({ status: 'finished', hasChanges: true, resourceAdditions: 2 });
      expect(JSON.parse(server.results[0]?.planJson ?? '')).toHaveProperty('resource_changes');
      expect(server.logText()).toContain('\u001b[');

      server.jobs.push(applyJob({ variables: [...variables] }));
      expect(await startAgent({ address: server.address, ...real }).exited()).toBe(0);
      expect(server.results[1]).toEqual({
        status: 'finished',
        resourceAdditions: 2,
        resourceChanges: 0,
        resourceDestructions: 0,
        resourceImports: 0,
      });
      expect(JSON.parse(String(server.stored.state))).toMatchObject({
        outputs: { greeted: { value: expect.arrayContaining([`a "quoted" \${literal} %{ text\b a in network-prod`]) } },
      });

      server.jobs.push(planJob({ variables: [...variables], planOnly: true }));
      expect(await startAgent({ address: server.address, ...real }).exited()).toBe(0);
      expect(server.results[2], server.logText()).toMatchObject({ status: 'finished', hasChanges: false });
    });

    test('a failed apply still uploads the state of what it made', async ({ server, startAgent }) => {
      server.configuration.files = {
        'main.tf': `
        resource "terraform_data" "made" {}
        resource "terraform_data" "fails" {
          depends_on = [terraform_data.made]
          provisioner "local-exec" { command = "exit 3" }
        }
      `,
      };
      server.jobs.push(planJob());
      await startAgent({ address: server.address, ...real }).exited();
      server.jobs.push(applyJob());
      expect(await startAgent({ address: server.address, ...real }).exited()).toBe(0);
      expect(server.results[1]).toMatchObject({ status: 'errored', resourceAdditions: 1 });
      const { resources } = JSON.parse(String(server.stored.state));
      expect(resources).toContainEqual(expect.objectContaining({ name: 'made' }));
    });
  },
);

function isRunning(pid: number): boolean {
  // A zombie that nobody has waited for yet has no executable any more.
  return existsSync(`/proc/${pid}/exe`);
}
