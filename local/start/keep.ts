/** `--keep`: what a user or a program needs to connect another Terraform to this environment. */
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

/** Files that a client needs. They contain a token, so only this user can read them. */
export interface ClientFiles {
  /** For `source` in a shell. */
  readonly environment: string;
  remove(): Promise<void>;
}

/**
 * Writes `env.sh` and the CLI configuration with the token. A `TF_TOKEN_…` variable can't replace the latter: its name
 * can't contain a port. https://developer.hashicorp.com/terraform/cli/config/config-file#environment-variable-credentials
 *
 * @param folder for the files. Default: a temporary one
 */
export async function writeClientFiles({ hcpTerraform }: LocalWorld, folder?: string): Promise<ClientFiles> {
  const directory = folder ?? (await mkdtemp(join(tmpdir(), 'agent-launcher-')));
  const { hostname, apiToken } = hcpTerraform;
  const cliConfig = join(directory, 'terraform.rc');
  const environment = join(directory, 'env.sh');
  await writeFile(cliConfig, `credentials "${hostname}" {\n  token = "${apiToken}"\n}\n`, { mode: 0o600 });
  await writeFile(environment, environmentScript(hcpTerraform, cliConfig), { mode: 0o600 });
  return {
    environment,
    remove: async () => {
      if (folder === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}

/**
 * Go programs read `SSL_CERT_FILE`, except on macOS, where they trust the keychain:
 * https://pkg.go.dev/crypto/x509#SystemCertPool
 */
function environmentScript({ hostname, organization, caFile }: LocalWorld['hcpTerraform'], cliConfig: string): string {
  const file = quoted(caFile);
  return `# For the shell in which you use terraform. Written by npm start -- --keep.
export TF_CLI_CONFIG_FILE=${quoted(cliConfig)}
export TF_CLOUD_HOSTNAME=${quoted(hostname)}
export TF_CLOUD_ORGANIZATION=${quoted(organization)}
export SSL_CERT_FILE=${file}
export NODE_EXTRA_CA_CERTS=${file}
if [ "$(uname)" = Darwin ]; then
  cat >&2 <<'END'
Terraform on macOS does not read SSL_CERT_FILE. Trust the certificate in your keychain, once per certificate:
  security add-trusted-cert -r trustRoot -p ssl -k "$HOME/Library/Keychains/login.keychain-db" ${file}
Afterwards take it out again:
  security remove-trusted-cert ${file}
With --state the certificate stays the same from start to start.
END
fi
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Instructions for a directory with a Terraform configuration. */
export function instructions({ hcpTerraform }: LocalWorld, { environment }: ClientFiles): string[] {
  const { organization, url, apiToken, agentPool } = hcpTerraform;
  // JSON, because HCL can't nest blocks on one line.
  const cloud = JSON.stringify({ terraform: { cloud: { workspaces: { name: 'mine' } } } });
  return [
    '',
    `HCP Terraform ${url}, organization ${organization}`,
    `Agent pool    ${agentPool.name} (${agentPool.id})`,
    `API token     ${apiToken}`,
    '',
    'Your own Terraform, in any directory with a configuration:',
    '',
    `  . ${environment.includes(' ') ? quoted(environment) : environment}`,
    `  echo '${cloud}' > cloud.tf.json`,
    '  terraform init && terraform plan',
    '',
  ];
}
