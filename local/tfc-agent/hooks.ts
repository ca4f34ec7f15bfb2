/**
 * The real agent's hooks: an executable such as `terraform-pre-plan` in `<data-dir>/hooks` runs in the job, and its output is in
 * the run's log. https://developer.hashicorp.com/terraform/cloud-docs/agents/hooks
 */
import { access, constants, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Operation } from './engine.ts';
import type { HookKind } from './options.ts';
import { runProgram } from './process.ts';

export interface HookOutcome {
  /** False if the hook failed, timed out or couldn't be started. The run has then failed. */
  readonly ok: boolean;
  /** Variables that the hook passes to Terraform, for this operation only. */
  readonly env: Readonly<Record<string, string>>;
}

export interface HookSettings {
  readonly directory: string;
  readonly timeoutMs: Readonly<Record<HookKind, number>>;
  /** See `runProgram`. */
  readonly ownGroup: boolean;
}

/** Runs the hook of that kind, if there is one. @param envFile path for `$TFC_AGENT_ENV` */
export async function runHook(
  kind: HookKind,
  settings: HookSettings,
  operation: Operation,
  envFile: string,
): Promise<HookOutcome> {
  const file = join(settings.directory, `terraform-${kind}`);
  try {
    await access(file, constants.X_OK);
  } catch {
    return { ok: true, env: {} };
  }
  operation.write(`Executing ${kind} hook...\n`);
  await writeFile(envFile, '');
  try {
    const { code, timedOut } = await runProgram(
      {
        command: file,
        args: [],
        cwd: operation.directory,
        env: { ...operation.env, TFC_AGENT_ENV: envFile },
        onStdout: operation.write,
        onStderr: operation.write,
        timeoutMs: settings.timeoutMs[kind],
      },
      operation.stops,
      settings.ownGroup,
    );
    if (code === 0 && !timedOut) return { ok: true, env: parseEnvFile(await readFile(envFile, 'utf8')) };
    const how = timedOut ? `did not end within ${settings.timeoutMs[kind] / 1000} s` : `ended with exit code ${code}`;
    operation.write(`\nThe ${kind} hook ${how}: the run has failed.\n`);
  } catch (error) {
    operation.write(`\nThe ${kind} hook could not be started: ${error instanceof Error ? error.message : error}\n`);
  }
  return { ok: false, env: {} };
}

/** `KEY=value` lines; the value is everything after the first `=`. Other lines are ignored. */
export function parseEnvFile(text: string): Record<string, string> {
  const pairs = text.split('\n').flatMap((line): [string, string][] => {
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*?)\r?$/.exec(line);
    return match?.[1] === undefined ? [] : [[match[1], match[2] ?? '']];
  });
  return Object.fromEntries(pairs);
}
