/** Files for the real terraform to use an HCP Terraform server: a `cloud` block, credentials and a certificate authority. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Platform {
  readonly hostname: string;
  readonly organization: string;
  readonly apiToken: string;
  /** PEM file. */
  readonly caFile: string;
}

export const cloudBlock = ({ hostname, organization }: Platform, workspace: string): string => `terraform {
  cloud {
    hostname     = "${hostname}"
    organization = "${organization}"
    workspaces { name = "${workspace}" }
  }
}
`;

/** Writes the CLI configuration to a folder. @returns the environment for terraform */
export function terraformEnvironment(folder: string, { hostname, apiToken, caFile }: Platform): Record<string, string> {
  const credentials = join(folder, 'terraform.rc');
  writeFileSync(credentials, `credentials "${hostname}" {\n  token = "${apiToken}"\n}\n`);
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    TF_CLI_CONFIG_FILE: credentials,
    SSL_CERT_FILE: caFile,
    CHECKPOINT_DISABLE: '1',
  };
}
