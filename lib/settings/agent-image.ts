import * as z from 'zod';
import { IMAGE, IMAGE_DOC } from '../agent/image-reference.ts';
import { isOlder, OLDEST_AGENT_VERSION } from '../agent/version.ts';
import { DEFAULT_AGENT_VERSION } from '../defaults.ts';
import { isUnambiguous, SECRET, SECRET_DOC, setting } from './fields.ts';

export const agentImage = z.strictObject({
  version: setting(
    z
      .string()
      .regex(/^\d+\.\d+\.\d+$/)
      .refine((version) => !isOlder(version, OLDEST_AGENT_VERSION))
      .optional(),
    {
      description: 'Version of the agent. Docker builds the image at deployment.',
      explain: (value) =>
        /^v\d+\.\d+\.\d+$/.test(`${value}`) ? { remedy: `remove the v: ${`${value}`.slice(1)}` } : undefined,
      allowed: `a version such as 1.33.0, at least ${OLDEST_AGENT_VERSION}; older agents do not hide their token from jobs`,
      absent: `${DEFAULT_AGENT_VERSION}, unless \`agentImage.registry\` is set`,
    },
  ),
  source: setting(z.enum(['official', 'release']).optional(), {
    description:
      "Source of the image: HashiCorp's image, or the release archive with its signature verified, on a base of your choice.",
    allowed: 'official or release',
    absent: '`official`, unless `agentImage.registry` is set',
  }),
  digest: setting(
    z
      .string()
      .regex(/^sha256:[0-9a-f]{64}$/)
      .optional(),
    {
      description:
        'Digest that hashicorp/tfc-agent of this version must have; `agent-image/print-digest.mjs` prints it.',
      allowed: 'sha256: and 64 hexadecimal digits; only with the source official',
      absent: 'the image that the tag of the version has at build',
    },
  ),
  base: setting(IMAGE.optional(), {
    description: 'Base image for the release: Debian or Ubuntu.',
    allowed: 'image reference with a tag other than latest, or with a digest; only with the source release',
    absent: 'ubuntu:24.04',
  }),
  hideAgent: setting(z.boolean().optional(), {
    description:
      'Whether the image prevents jobs from reading the agent token. Turn it off only if an agent does not start.',
    allowed: 'true or false',
    absent: 'true; the build turns it off with a warning if the agent must read its own program',
  }),
  registry: setting(IMAGE.optional(), {
    description: 'Image to use instead of building one. The deployment then needs no Docker.',
    ...IMAGE_DOC,
    absent: 'an image is built',
  }),
  copy: setting(z.boolean().optional(), {
    description:
      'Whether the deployment copies registry images (including `pools[].image`) into an ECR repository of the stack. Agents then pull from ECR only.',
    allowed: 'true or false; with a registry image that is not in ECR',
    absent: 'true for Docker Hub, GHCR, Quay and ECR Public, false for other registries',
    remedy: 'remove it: images that are built are already in ECR',
  }),
  credentialsSecret: setting(SECRET.refine(isUnambiguous).optional(), {
    description:
      'Secret with the login for copying the image of `agentImage.registry`: {"username": "…", "accessToken": "…"}.',
    allowed: `${SECRET_DOC.allowed}; only where that image is copied`,
    absent: 'anonymous access',
    remedy:
      'create the secret (aws secretsmanager create-secret --name NAME --secret-string file://login.json) and set its name here, never the login itself. If the name ends in a hyphen and six letters or digits, set the complete ARN',
  }),
});
