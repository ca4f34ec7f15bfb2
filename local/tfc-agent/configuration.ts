/** The files of a job: the unpacked configuration, added files, and the files that a plan packs for its apply. */
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { create, extract } from 'tar';
import type { Job } from '../hcp-terraform/agent-protocol.ts';
import { STATE_DIRECTORY } from './engine.ts';

/**
 * The backend in an override file replaces the configuration's own backend or `cloud` block. Override files are read in the order
 * of their names. https://developer.hashicorp.com/terraform/language/files/override
 */
const BACKEND_OVERRIDE = 'zzz_backend_override.tf';

/** Creates `directory` and unpacks a gzipped tar into it, without entries that point outside of it. */
export async function unpack(file: string, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await extract({ file, cwd: directory });
}

/**
 * Packs `names` of `directory` for the apply. It excludes the state, which the apply downloads, and the providers, which `init`
 * installs according to the lock file.
 */
export async function pack(file: string, directory: string, names: readonly string[]): Promise<void> {
  const filter = (path: string): boolean => {
    const [last, above] = path.split('/').filter(Boolean).reverse();
    return last !== STATE_DIRECTORY && !(last === 'providers' && above === '.terraform');
  };
  await create({ file, cwd: directory, gzip: true, portable: true, filter }, [...names]);
}

/** Directory of the root module. If the configuration doesn't have it, throws an error for the run's log. */
export async function rootModule(configurationDirectory: string, workingDirectory: string): Promise<string> {
  const directory = resolve(configurationDirectory, workingDirectory);
  const inside = relative(configurationDirectory, directory);
  const found = await stat(directory).catch(() => undefined);
  if (inside.split(sep)[0] === '..' || found?.isDirectory() !== true) {
    const given = JSON.stringify(workingDirectory);
    throw new Error(
      `The working directory ${given} is not in the configuration: correct it in the workspace's settings.`,
    );
  }
  return directory;
}

/**
 * Replaces the `cloud` block with a local backend, so that Terraform runs in the agent. The path of the state is relative, because the
 * plan file contains it and the apply runs in another directory. Also removes state files from the configuration. A remote run
 * ignores them, but `init` would try to migrate them.
 */
export async function overrideBackend(directory: string): Promise<void> {
  for (const left of ['terraform.tfstate', 'terraform.tfstate.d']) {
    await rm(join(directory, left), { recursive: true, force: true });
  }
  const backend = `terraform {\n  backend "local" {\n    workspace_dir = "${STATE_DIRECTORY}"\n  }\n}\n`;
  await writeFile(join(directory, BACKEND_OVERRIDE), backend);
}

/** The workspace's Terraform variables as a `-var-file`: HCL values are unchanged, and other values are strings. */
export function variablesText(variables: Job['variables']): string {
  return variables
    .filter(({ category }) => category === 'terraform')
    .map(({ key, value, hcl }) => `${key} = ${hcl ? value : hclString(value)}\n`)
    .join('');
}

/** Environment of Terraform and hooks: variables of the container, then of the workspace, then those that a remote run sets. */
export function operationEnvironment(job: Job, base: Readonly<Record<string, string>>): Record<string, string> {
  const fromWorkspace = job.variables.filter(({ category }) => category === 'env');
  return {
    ...base,
    ...Object.fromEntries(fromWorkspace.map(({ key, value }) => [key, value])),
    TF_IN_AUTOMATION: '1',
    TF_INPUT: '0',
    TF_WORKSPACE: job.workspaceName,
    CHECKPOINT_DISABLE: '1',
    // https://developer.hashicorp.com/terraform/cloud-docs/workspaces/run/run-environment
    TFC_RUN_ID: job.jobId,
    TFC_WORKSPACE_NAME: job.workspaceName,
    TFC_WORKSPACE_SLUG: `${job.organization}/${job.workspaceName}`,
  };
}

function hclString(value: string): string {
  // HCL has the same escapes as JSON, except \b and \f. It also has templates, so escape the beginning of a template.
  return JSON.stringify(value)
    .replaceAll(/\\(.)/g, (match, letter) => (letter === 'b' ? '\\u0008' : letter === 'f' ? '\\u000c' : match))
    .replaceAll('${', '$$${')
    .replaceAll('%{', '%%{');
}
