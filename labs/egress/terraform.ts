/**
 * The real terraform behind the firewall: `init` and `plan` against the local HCP Terraform on the far side. The agent that
 * takes the run sits behind the same firewall, as in a deployment.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { outputOf, whyMissing } from '../../test/processes.ts';
import { cloudBlock, terraformEnvironment } from '../terraform/project.ts';
import { LAB, NAMES } from './attempts.ts';
import type { Lab } from './lab.ts';
import { signal, start, type Undo } from './machine.ts';
import { within } from './network.ts';

export interface TerraformResult {
  readonly succeeded: boolean;
  readonly output: string;
}

/** Returns why terraform can't be tried, or `undefined` if it can. */
export const whyNoTerraform = (): string | undefined => whyMissing('terraform');

/** Timeout, because a blocked terraform would retry for minutes. */
const PATIENCE_MS = 20_000;

export async function tryTerraform(undo: Undo, lab: Lab): Promise<TerraformResult> {
  const folder = mkdtempSync(join(tmpdir(), 'egress-lab-terraform-'));
  undo.add(() => rmSync(folder, { recursive: true, force: true }));
  const work = join(folder, 'work');
  mkdirSync(work);
  const { ca, organization, apiToken, agentToken } = lab.far;
  const platform = { hostname: NAMES.allowed, organization, apiToken, caFile: ca };
  writeFileSync(join(folder, 'resolv.conf'), `nameserver ${LAB.resolver}\noptions timeout:1 attempts:1\n`);
  const resource = 'resource "terraform_data" "greeting" { input = "hello" }\n';
  writeFileSync(join(work, 'main.tf'), cloudBlock(platform, 'egress') + resource);
  const environment = { ...terraformEnvironment(folder, platform), TF_IN_AUTOMATION: '1', NODE_EXTRA_CA_CERTS: ca };
  /** Runs in the task's namespace, with the VPC's resolver instead of the machine's. */
  const withResolver = `mount --bind '${folder}/resolv.conf' /etc/resolv.conf && exec "$@"`;
  const unshare = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', withResolver, 'task'];
  const asTask = (...command: readonly string[]) => within(lab.network.client, ...unshare, ...command);
  const agent = join(import.meta.dirname, '..', '..', 'local', 'tfc-agent', 'tfc-agent');
  start(undo, asTask(agent, '-single'), {
    cwd: folder,
    stdio: 'ignore',
    env: { ...environment, TFC_ADDRESS: `https://${NAMES.allowed}`, TFC_AGENT_TOKEN: agentToken },
  });
  const terraform = start(undo, asTask('sh', '-c', 'terraform init -no-color && terraform plan -no-color'), {
    cwd: work,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment,
  });
  const output = outputOf(terraform);
  const code = await new Promise<number | null>((resolve) => {
    const timer = setTimeout(() => signal(terraform, 'SIGKILL'), PATIENCE_MS);
    terraform.once('close', (exitCode) => {
      clearTimeout(timer);
      resolve(exitCode);
    });
  });
  return { succeeded: code === 0 && output().includes('1 to add'), output: output() };
}
