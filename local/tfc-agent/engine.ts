/** Executes the Terraform operation of a job, with the real CLI or (if there is none) with the built-in sample. */
import { join } from 'node:path';
import type { Job, JobResult } from '../hcp-terraform/agent-protocol.ts';
import type { Stops } from './process.ts';

export const NO_COUNTS = { resourceAdditions: 0, resourceChanges: 0, resourceDestructions: 0, resourceImports: 0 };
export type Counts = Readonly<typeof NO_COUNTS>;

/** The directories and inputs of a job. */
export interface Operation {
  readonly job: Job;
  /** Directory of the root module: Terraform's working directory. */
  readonly directory: string;
  /** The plan file, which a plan writes and an apply reads. */
  readonly planFile: string;
  /** The workspace's variables in HCL, for `-var-file`. */
  readonly variablesFile: string;
  readonly env: Readonly<Record<string, string>>;
  /** Appends to the run's log. */
  readonly write: (chunk: string | Buffer) => void;
  readonly stops: Stops;
}

/**
 * Both methods write to the run's log. If Terraform fails, they return `errored` and don't throw. The counts of a failed apply
 * contain the changes that it made before it failed.
 */
export interface Engine {
  plan(operation: Operation): Promise<JobResult>;
  apply(operation: Operation): Promise<JobResult>;
}

/** Differs from the local backend's default directory, where `init` would find a state to migrate. */
export const STATE_DIRECTORY = '.tfc-agent-state';

/**
 * Path of a named Terraform workspace's state in the local backend, inside the root module. The name matters: in
 * remote runs `terraform.workspace` is the HCP Terraform workspace's name.
 * https://developer.hashicorp.com/terraform/language/state/workspaces
 */
export function stateFile(directory: string, workspaceName: string): string {
  return join(directory, STATE_DIRECTORY, workspaceName, 'terraform.tfstate');
}
