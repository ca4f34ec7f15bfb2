/** The rule for a reference to the agents' image. The settings and the construct both use it. */
import * as z from 'zod';
import { shown } from '../credentials.ts';
import { DEFAULT_AGENT_VERSION } from '../defaults.ts';
import { isOlder, OLDEST_AGENT_VERSION, versionFault, versionOfImage } from './version.ts';

/** `host/path:tag`, `host/path@sha256:…`. Without a tag, or with `latest`, the image could change between two jobs. */
export const IMAGE = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._:/-]*(?::(?!latest$)[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|@sha256:[0-9a-f]{64})$/)
  .refine((reference) => !isOlder(versionOfImage(reference) ?? OLDEST_AGENT_VERSION, OLDEST_AGENT_VERSION));
export const IMAGE_DOC = {
  allowed:
    'image reference with a tag other than latest, or with a digest: hashicorp/tfc-agent:1.33.0, …@sha256:…; the agent must be at least 1.21.1, because older agents do not hide their token from jobs',
  remedy: 'pin the image: an unpinned one can change between two jobs',
  explain: (value: unknown) => (typeof value === 'string' ? imageExplanation(value) : undefined),
};

function imageExplanation(value: string) {
  const fault = versionFault(versionOfImage(value) ?? OLDEST_AGENT_VERSION);
  return schemeExplanation(value) ?? (fault === undefined ? undefined : { remedy: `use a newer version. ${fault}` });
}

/** The error for a reference that begins like a URL, such as the address of an image's page on Docker Hub. */
export function schemeExplanation(image: string) {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*:\/\/)(.*)$/i.exec(image) ?? [];
  if (scheme === undefined) return undefined;
  const page = /^hub\.docker\.com\/(?:r|layers)\/([a-z0-9._-]+\/[a-z0-9._-]+)/.exec(rest ?? '')?.[1];
  return {
    given: `${shown(image)}, which begins with ${scheme}`,
    allowed: 'an image reference without a scheme',
    remedy:
      page === undefined
        ? `remove ${scheme}: ${rest}`
        : `set the image's reference, with a tag: ${page}:${DEFAULT_AGENT_VERSION}`,
  };
}
