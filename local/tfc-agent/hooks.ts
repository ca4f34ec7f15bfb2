/**
 * Hooks as in the real agent. An executable such as `terraform-pre-plan` in `<data-dir>/hooks` runs in the job, and its output
 * appears in the run's log. https://developer.hashicorp.com/terraform/cloud-docs/agents/hooks
 */
import { access, constants, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Operation } from './engine.ts';
import { messageOf } from './log.ts';
import type { HookKind } from './options.ts';
import { runProgram } from './process.ts';

export interface HookSettings {
  readonly directory: string;
  readonly timeoutMs: Readonly<Record<HookKind, number>>;
  /** See `runProgram`. */
  readonly ownGroup: boolean;
}

/**
 * Runs the hook of this kind, if it exists.
 *
 * @param envFile path for `$TFC_AGENT_ENV`
 * @returns the variables that the hook passes to Terraform for this operation, or `undefined` if the hook (and so the run) failed
 */
export async function runHook(
  kind: HookKind,
  { directory, timeoutMs, ownGroup }: HookSettings,
  operation: Operation,
  envFile: string,
): Promise<Readonly<Record<string, string>> | undefined> {
  const command = join(directory, `terraform-${kind}`);
  const exists = await access(command, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!exists) return {};
  operation.write(`Executing ${kind} hook...\n`);
  await writeFile(envFile, '');
  try {
    const { code, timedOut } = await runProgram(
      {
        command,
        args: [],
        cwd: operation.directory,
        env: { ...operation.env, TFC_AGENT_ENV: envFile },
        onStdout: operation.write,
        onStderr: operation.write,
        timeoutMs: timeoutMs[kind],
      },
      operation.stops,
      ownGroup,
    );
    if (code === 0 && !timedOut) return parseEnvFile(await readFile(envFile, 'utf8'));
    const how = timedOut ? `did not end within ${timeoutMs[kind] / 1000} s` : `ended with exit code ${code}`;
    operation.write(`\nThe ${kind} hook ${how}: the run has failed.\n`);
  } catch (error) {
    operation.write(`\nThe ${kind} hook could not be started: ${messageOf(error)}\n`);
  }
  return undefined;
}

/** `KEY=value` lines; the value is everything after the first `=`. Other lines are ignored. */
export function parseEnvFile(text: string): Record<string, string> {
  const matches = text.split('\n').map((line) => /^([A-Za-z_][A-Za-z0-9_]*)=(.*?)\r?$/.exec(line));
  return Object.fromEntries(matches.flatMap((match) => (match === null ? [] : [[match[1], match[2]]])));
}
