import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Image } from './images.ts';

/**
 * A table with the repository's agent image: `agent-image/entrypoint.sh`, with the agent emulator in place of `tfc-agent`.
 * The table is empty if the entry point doesn't exist.
 *
 * @param name the image reference that task definitions use
 */
export function agentImage(name = 'hashicorp/tfc-agent'): Readonly<Record<string, Image>> {
  const entryPoint = fileURLToPath(new URL('../../agent-image/entrypoint.sh', import.meta.url));
  const programs = fileURLToPath(new URL('../tfc-agent', import.meta.url));
  return existsSync(entryPoint) ? { [name]: { entryPoint: [entryPoint], path: [programs] } } : {};
}
