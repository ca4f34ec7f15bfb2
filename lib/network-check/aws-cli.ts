/** Sends requests with the AWS CLI (`aws`), with the user's credentials and region. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Ask } from './facts.ts';

/** The AWS CLI is missing, or a call failed. The message says what to do. */
export class AwsCliError extends Error {
  override readonly name = 'AwsCliError';
}

export interface AwsCliOptions {
  /** Options of every call, such as `--profile` and `--region`. Default: none. */
  readonly options?: readonly string[];
  /** Default: the environment of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const MAX_BYTES = 64 * 1024 * 1024;

export function askAwsCli({ options = [], env }: AwsCliOptions = {}): Ask {
  return async (service, action, input) => {
    const command = [service, action.replaceAll(/(?<!^)[A-Z]/g, '-$&').toLowerCase()];
    const json = ['--cli-input-json', JSON.stringify(input), '--output', 'json'];
    try {
      const { stdout } = await promisify(execFile)('aws', [...command, ...options, ...json], {
        encoding: 'utf8',
        maxBuffer: MAX_BYTES,
        ...(env !== undefined && { env }),
      });
      return JSON.parse(stdout) as unknown;
    } catch (error) {
      throw failure(command, error);
    }
  };
}

function failure(command: readonly string[], error: unknown): AwsCliError {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
    return new AwsCliError('The AWS CLI (`aws`) could not be started. Install it: https://docs.aws.amazon.com/cli/', {
      cause: error,
    });
  }
  const output = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
  return new AwsCliError(
    `aws ${command.join(' ')} failed: ${output}\nThe command needs read-only permissions for EC2 and Route 53 Resolver.`,
    { cause: error },
  );
}
