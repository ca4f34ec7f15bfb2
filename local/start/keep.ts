/** `--keep`: what a person, or a program, needs to point a Terraform of its own at this world. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LocalWorld } from './world.ts';

export interface ReadyLine {
  readonly url: string;
  /** PEM file of the certificate. */
  readonly ca: string;
  readonly organization: string;
  readonly apiToken: string;
  readonly agentPool: { readonly id: string; readonly name: string };
}

export function readyLine({ hcpTerraform }: LocalWorld): ReadyLine {
  const { url, caFile, organization, apiToken, agentPool } = hcpTerraform;
  return { url, ca: caFile, organization, apiToken, agentPool: { id: agentPool.id, name: agentPool.name } };
}

export interface CliConfig {
  readonly file: string;
  remove(): Promise<void>;
}

/**
 * A CLI configuration file with the token. A `TF_TOKEN_…` variable cannot do it: it names a host, and has no place for
 * a port. https://developer.hashicorp.com/terraform/cli/config/config-file#credentials-1
 */
export async function writeCliConfig(hostname: string, token: string): Promise<CliConfig> {
  const directory = await mkdtemp(join(tmpdir(), 'terraform-cli-'));
  const file = join(directory, 'terraform.rc');
  await writeFile(file, `credentials "${hostname}" {\n  token = "${token}"\n}\n`, { mode: 0o600 });
  return { file, remove: () => rm(directory, { recursive: true, force: true }) };
}

/** The four lines, to be pasted into a shell in a directory with a Terraform configuration. */
export function instructions({ hcpTerraform }: LocalWorld, cliConfig: CliConfig): string {
  const { hostname, organization, caFile, url, apiToken, agentPool } = hcpTerraform;
  // JSON, since the language itself has no way to nest blocks on one line.
  const cloud = JSON.stringify({ terraform: { cloud: { hostname, organization, workspaces: { name: 'mine' } } } });
  return `
HCP Terraform ${url}, organization ${organization}, agent pool ${agentPool.name} (${agentPool.id})
API token     ${apiToken}

Your own Terraform in four lines, in any directory with a configuration:

  export SSL_CERT_FILE=${caFile}
  export TF_CLI_CONFIG_FILE=${cliConfig.file}
  echo '${cloud}' > cloud.tf.json
  terraform init && terraform plan
`;
}
