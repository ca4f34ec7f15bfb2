/** Files with which your own Terraform and the command line can connect to this environment. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HcpTerraformServer } from '../hcp-terraform/server.ts';

/** Files that a client needs. They contain a token, so only this user can read them. */
export interface ClientFiles {
  /** The file for `source` in a shell in which you use terraform. */
  readonly environment: string;
  /** The file for `source` in a shell in which you use agent-launcher. It is separate, because other programs also read its variables. */
  readonly commandLine: string;
  remove(): Promise<void>;
}

/**
 * Writes `env.sh` and a CLI configuration with the token. A `TF_TOKEN_…` variable can't replace the CLI configuration, because its
 * name can't contain a port. https://developer.hashicorp.com/terraform/cli/config/config-file#environment-variable-credentials
 *
 * @param folder for the files. Default: a temporary one
 * @param variables with which agent-launcher uses the local AWS and HCP Terraform
 */
export async function writeClientFiles(
  server: HcpTerraformServer,
  folder?: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<ClientFiles> {
  const directory = folder ?? (await mkdtemp(join(tmpdir(), 'agent-launcher-')));
  const cliConfig = join(directory, 'terraform.rc');
  const environment = join(directory, 'env.sh');
  const commandLine = join(directory, 'aws.sh');
  const credentials = `credentials "${server.hostname}" {\n  token = "${server.apiToken}"\n}\n`;
  await writeFile(cliConfig, credentials, { mode: 0o600 });
  await writeFile(environment, environmentScript(server, cliConfig), { mode: 0o600 });
  await writeFile(commandLine, commandLineScript(variables), { mode: 0o600 });
  return {
    environment,
    commandLine,
    async remove() {
      if (folder === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}

/**
 * Go programs read `SSL_CERT_FILE`, except on macOS, where they trust the keychain:
 * https://pkg.go.dev/crypto/x509#SystemCertPool
 */
function environmentScript({ hostname, organization, caFile }: HcpTerraformServer, cliConfig: string): string {
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
To remove it again:
  security remove-trusted-cert ${file}
With --state, the certificate stays the same from start to start.
END
fi
`;
}

/** Variables of the user's own account that the SDK and the AWS CLI prefer to the keys, or add to them. */
const OTHER_ACCOUNT = ['AWS_PROFILE', 'AWS_DEFAULT_PROFILE', 'AWS_SESSION_TOKEN'];

function commandLineScript(variables: Readonly<Record<string, string>>): string {
  const exports = Object.entries(variables).map(([name, value]) => `export ${name}=${quoted(value)}\n`);
  return `# For the shell in which you use agent-launcher. Written by npm start -- --keep.\nunset ${OTHER_ACCOUNT.join(' ')}\n${exports.join('')}`;
}

/** Quotes the text as one word for a shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
