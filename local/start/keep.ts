/** `--keep`: serves until a signal, and explains how to connect your own Terraform. */
import type { HcpTerraformServer } from '../hcp-terraform/server.ts';
import { type ClientFiles, quoted, writeClientFiles } from './client-files.ts';
import type { Session } from './session.ts';
import { SETTINGS_HOSTNAME } from './settings-hostname.ts';
import type { StateFolder } from './state-folder.ts';
import { createDisplay, type DisplaySettings } from './terminal/display.ts';
import type { LocalWorld } from './world.ts';

export interface KeepSettings {
  readonly session: Session;
  readonly display: DisplaySettings;
  readonly json: boolean;
  readonly folder: StateFolder | undefined;
  /** Resolves when a signal ends the session. */
  readonly stopped: Promise<unknown>;
}

/** Serves until a signal. Rejects if the launcher can't run. */
export async function runKeep({ session, display: settings, json, folder, stopped }: KeepSettings): Promise<void> {
  const { hcpTerraform: server, clientEnvironment, gateway } = session.world;
  const files = await writeClientFiles(server, folder?.directory, clientEnvironment);
  try {
    await folder?.save(server.port, server.world.seeds);
    if (json) process.stdout.write(`${readyLine(server, clientEnvironment, gateway)}\n`);
    const display = createDisplay({ ...settings, preamble: instructions(server, files) });
    await session.watch(display, stopped).finally(() => display.end());
  } finally {
    await files.remove();
  }
}

/** The line that `--keep --json` prints. */
function readyLine(
  { url, caFile, organization, apiToken, agentPool: { id, name } }: HcpTerraformServer,
  environment: LocalWorld['clientEnvironment'],
  gateway: LocalWorld['gateway'],
): string {
  return JSON.stringify({
    url,
    ca: caFile,
    organization,
    apiToken,
    agentPool: { id, name },
    environment,
    ...(gateway !== undefined && { gateway: { name: gateway.environment.name, instance: gateway.instanceId } }),
  });
}

/** Instructions for a directory with a Terraform configuration. */
export function instructions(server: HcpTerraformServer, { environment, commandLine }: ClientFiles): string[] {
  const { organization, url, apiToken, agentPool } = server;
  // Use Terraform's JSON syntax, because HCL can't nest blocks on one line.
  const cloud = JSON.stringify({ terraform: { cloud: { workspaces: { name: 'mine' } } } });
  return [
    '',
    `HCP Terraform ${url}, organization ${organization}`,
    `Agent pool    ${agentPool.name} (${agentPool.id})`,
    `API token     ${apiToken}`,
    '',
    'Your own Terraform, in any directory with a configuration:',
    '',
    `  . ${word(environment)}`,
    `  echo '${cloud}' > cloud.tf.json`,
    '  terraform init && terraform plan',
    '',
    'The command line, in this clone and in another shell:',
    '',
    `  . ${word(commandLine)}`,
    '  npm run --silent agent-launcher -- status',
    '  npm run --silent agent-launcher -- doctor',
    `  npm run --silent agent-launcher -- setup --hostname ${SETTINGS_HOSTNAME}`,
    '',
  ];
}

/** Quotes the path only if it needs quotes, so that the line stays short. */
function word(path: string): string {
  return path.includes(' ') ? quoted(path) : path;
}
