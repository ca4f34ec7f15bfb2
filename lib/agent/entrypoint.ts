import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../package-root.ts';

/** Folder with the Dockerfile and the entrypoint. It has the same relative path in the sources and in the built package. */
export const AGENT_IMAGE_FOLDER = join(PACKAGE_ROOT, 'agent-image');

/**
 * The entrypoint script for a task definition, without its comment lines. A template contains it once per task definition, and
 * CloudFormation accepts templates of up to 1 MB.
 */
export function entrypointText(): string {
  return readFileSync(join(AGENT_IMAGE_FOLDER, 'entrypoint.sh'), 'utf8')
    .replaceAll('\r\n', '\n')
    .replace(/^[ \t]*#.*\n/gm, '');
}
