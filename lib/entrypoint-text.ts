import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Folder with the Dockerfile and the entrypoint; it has the same place in the sources and in the built package. */
export const AGENT_IMAGE_FOLDER = join(import.meta.dirname, '..', 'agent-image');

/**
 * The entrypoint as the text of a task definition, without its comment lines: a template with many pools holds it often, and
 * CloudFormation takes 1 MB at most.
 */
export function entrypointText(): string {
  return readFileSync(join(AGENT_IMAGE_FOLDER, 'entrypoint.sh'), 'utf8')
    .replaceAll('\r\n', '\n')
    .replace(/^[ \t]*#.*\n/gm, '');
}
