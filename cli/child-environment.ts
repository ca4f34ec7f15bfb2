/** The environment of programs that a command starts, such as Docker: without the tokens of HCP Terraform, which they don't need. */
import type { Io } from './io.ts';

const TOKENS = /^(TFE_TOKEN|TF_TOKEN_.*|AGENT_LAUNCHER_.*_TOKEN)$/;

export function childEnvironment(env: Io['env']): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !TOKENS.test(name)));
}
