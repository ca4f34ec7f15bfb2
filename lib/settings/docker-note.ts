import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import type { Settings } from './parse.ts';

/**
 * Tells users during synthesis that Docker is missing. `cdk deploy` needs it to build the agent's image, but fails only after
 * synthesis. This is a note, not an error, because `cdk synth` and `cdk diff` work without Docker.
 */
export function dockerNote(
  settings: Pick<Settings, 'agentImage' | 'pools'>,
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const needed = dockerProgram(settings, environment);
  if (needed === undefined || needed.isFound) return undefined;
  const { program } = needed;
  return `Note: "cdk deploy" builds the agent's image with ${program}, which is not on your PATH. Start Docker, set CDK_DOCKER to another engine such as podman or finch, or deploy a registry image: see "Without Docker" in README.md.`;
}

/** The program that builds the agent's image, and whether it is on the PATH; `undefined` if no image is built. */
export function dockerProgram(
  { agentImage, pools }: Pick<Settings, 'agentImage' | 'pools'>,
  environment: Readonly<Record<string, string | undefined>>,
): { readonly program: string; readonly isFound: boolean } | undefined {
  const isBuilt = agentImage.registry === undefined && pools.some(({ image }) => image === undefined);
  if (!isBuilt) return undefined;
  // https://github.com/aws/aws-cdk/tree/main/packages/aws-cdk-lib#docker: the CLI uses the same variable and default.
  const program = environment['CDK_DOCKER'] ?? 'docker';
  return { program, isFound: isFound(program, environment['PATH'] ?? '') };
}

function isFound(program: string, path: string): boolean {
  const candidates = isAbsolute(program) ? [program] : path.split(delimiter).map((folder) => join(folder, program));
  return candidates.some(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
