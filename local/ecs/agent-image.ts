import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Image } from './images.ts';

/**
 * The repository's agent image as a table of images: `agent-image/entrypoint.sh`, with the agent stand-in in the
 * place of `tfc-agent`. Empty where there is no such entry point.
 *
 * @param name reference by which task definitions name it
 */
export function agentImage(name = 'hashicorp/tfc-agent'): Readonly<Record<string, Image>> {
  const entryPoint = fileURLToPath(new URL('../../agent-image/entrypoint.sh', import.meta.url));
  const programs = fileURLToPath(new URL('../tfc-agent', import.meta.url));
  return existsSync(entryPoint) ? { [name]: { entryPoint: [entryPoint], path: [programs] } } : {};
}
