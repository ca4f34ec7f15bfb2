/** Reads facts about this machine and its `cdk.json`. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { dockerProgram } from '../../lib/settings/docker-note.ts';
import { SettingsError } from '../../lib/settings/errors.ts';
import { parseSettings, SETTINGS_KEY, type Settings } from '../../lib/settings/parse.ts';
import { childEnvironment } from '../child-environment.ts';
import type { Context } from '../context.ts';
import type { Identity } from '../core/doctor/account.ts';
import type { Finding, Observed } from '../core/doctor/findings.ts';
import { checkDocker, checkNode, checkSettings, type DockerState, type SettingsState } from '../core/doctor/machine.ts';
import { CommandError, UsageError } from '../io.ts';
import type { Checkup } from './doctor.ts';

export async function machineFindings({ context, settings, settingsState, deployment }: Checkup): Promise<Finding[]> {
  const deployed = deployment !== undefined;
  const { nodeVersion } = context.io;
  return [
    ...(nodeVersion === undefined ? [] : [checkNode(nodeVersion)]),
    ...checkSettings(settingsState, deployed),
    ...(settings === undefined ? [] : [checkDocker(await dockerState(settings, context.io.env), deployed)]),
  ];
}

/** Milliseconds. A first call of a stopped virtual machine of Docker takes seconds. */
const DOCKER_TIMEOUT_MS = 10_000;

async function dockerState(settings: Settings, env: Context['io']['env']): Promise<DockerState> {
  const needed = dockerProgram(settings, env);
  if (needed === undefined) return { state: 'not-needed' };
  const { program, isFound } = needed;
  if (!isFound) return { state: 'missing', program };
  try {
    // `version` fails if the program has no engine to talk to.
    await promisify(execFile)(program, ['version'], { env: childEnvironment(env), timeout: DOCKER_TIMEOUT_MS });
    return { state: 'running', program };
  } catch {
    return { state: 'not-running', program };
  }
}

const CDK_JSON = z.looseObject({ context: z.record(z.string(), z.unknown()).default({}) });

export interface ReadSettings {
  readonly state: SettingsState;
  /** Absent: there are none, or they are wrong. */
  readonly settings?: Settings;
}

/** @param overrides `name=value`, as with `cdk deploy -c` */
export function readSettings(
  { io }: Pick<Context, 'io'>,
  overrides: readonly string[],
  identity: Observed<Identity>,
): ReadSettings {
  const file = join(io.cwd, 'cdk.json');
  const context = { ...contextIn(file), ...Object.fromEntries(overrides.map(override)) };
  if (context[SETTINGS_KEY] === undefined && overrides.length === 0) return { state: { state: 'none', file } };
  const { account, region } = 'value' in identity ? identity.value : {};
  try {
    return { state: { state: 'valid', file }, settings: parseSettings(context, { account, region }) };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return { state: { state: 'invalid', file, faults: error.faults } };
  }
}

/** The context in `cdk.json`; empty if there is none. */
export function cdkContext({ io }: Pick<Context, 'io'>): Record<string, unknown> {
  return contextIn(join(io.cwd, 'cdk.json'));
}

function contextIn(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return {};
  }
  try {
    return CDK_JSON.parse(JSON.parse(text)).context;
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : error instanceof Error ? error.message : '';
    throw new CommandError(
      `${file} is not a CDK app's cdk.json: ${why}\nCorrect the file, or run doctor in the clone.`,
    );
  }
}

/** A name without a value is an error, because it would remove the setting of cdk.json. */
function override(given: string): [string, string] {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(given) ?? [];
  if (name !== undefined && value !== undefined) return [name, value];
  throw new UsageError(`-c ${given} has no value. Write -c name=value, as with cdk.`);
}
