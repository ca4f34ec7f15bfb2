/** Executes a job's Terraform operation: the real CLI, or the built-in sample if there is no CLI. */
import { join } from 'node:path';
import type { Job } from '../hcp-terraform/agent-protocol.ts';
import type { Stops } from './process.ts';

export interface Counts {
  readonly additions: number;
  readonly changes: number;
  readonly destructions: number;
  readonly imports: number;
}

export const NO_COUNTS: Counts = { additions: 0, changes: 0, destructions: 0, imports: 0 };

/** The directories and inputs of a job. */
export interface Operation {
  readonly job: Job;
  /** Directory of the root module: Terraform's working directory. */
  readonly directory: string;
  /** The plan file. The plan writes it, and the apply reads it. */
  readonly planFile: string;
  /** The workspace's variables in HCL, for `-var-file`. */
  readonly variablesFile: string;
  readonly env: Readonly<Record<string, string>>;
  /** Appends to the run's log. */
  readonly write: (chunk: string | Buffer) => void;
  readonly stops: Stops;
}

export type PlanOutcome =
  | {
      readonly ok: true;
      readonly hasChanges: boolean;
      readonly counts: Counts;
      readonly planJson: string;
      /** `terraform providers schema -json`: the CLI needs it to show a saved plan. */
      readonly providerSchemasJson?: string;
    }
  | { readonly ok: false };

export interface ApplyOutcome {
  readonly ok: boolean;
  /** What was done, also if the apply failed halfway. */
  readonly counts: Counts;
}

/** Both write to the run's log, and don't throw if Terraform failed. */
export interface Engine {
  plan(operation: Operation): Promise<PlanOutcome>;
  apply(operation: Operation): Promise<ApplyOutcome>;
}

/** Not the local backend's default, where `init` would find a state to migrate. */
export const STATE_DIRECTORY = '.tfc-agent-state';

/**
 * Path of a named Terraform workspace's state in the local backend, inside the root module. The name matters: in
 * remote runs `terraform.workspace` is the HCP Terraform workspace's name.
 * https://developer.hashicorp.com/terraform/language/state/workspaces
 */
export function stateFile(directory: string, workspaceName: string): string {
  return join(directory, STATE_DIRECTORY, workspaceName, 'terraform.tfstate');
}
