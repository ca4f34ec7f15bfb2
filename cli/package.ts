/** What the command knows about the package and the folder it runs in. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

/** Default of the setting `stackName`. */
const STACK_NAME = 'AgentLauncher';

/** The build replaces it with the package's version. */
declare const AGENT_LAUNCHER_VERSION: string | undefined;

/** The package's version. */
export function version(): string {
  if (typeof AGENT_LAUNCHER_VERSION === 'string') return AGENT_LAUNCHER_VERSION;
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return z.looseObject({ version: z.string() }).parse(manifest).version;
}

const CDK_JSON = z.looseObject({
  context: z.looseObject({ agentLauncher: z.looseObject({ stackName: z.string().optional() }).optional() }).optional(),
});

/** Name of the stack that the settings in this folder describe; the default name if there are none. */
export function defaultStackName(folder: string): string {
  try {
    const parsed = CDK_JSON.safeParse(JSON.parse(readFileSync(join(folder, 'cdk.json'), 'utf8')));
    return parsed.data?.context?.agentLauncher?.stackName ?? STACK_NAME;
  } catch {
    return STACK_NAME;
  }
}
