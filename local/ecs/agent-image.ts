import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Image } from './images.ts';

/**
 * The repository's agent image as a table of images: `agent-image/entrypoint.sh`, with the agent emulator instead of
 * `tfc-agent`. Empty if the entry point doesn't exist.
 *
 * @param name image reference in task definitions
 */
export function agentImage(name = 'hashicorp/tfc-agent'): Readonly<Record<string, Image>> {
  const entryPoint = fileURLToPath(new URL('../../agent-image/entrypoint.sh', import.meta.url));
  const programs = fileURLToPath(new URL('../tfc-agent', import.meta.url));
  return existsSync(entryPoint) ? { [name]: { entryPoint: [entryPoint], path: [programs] } } : {};
}
