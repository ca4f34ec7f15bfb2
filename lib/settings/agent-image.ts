import * as z from 'zod';
import { IMAGE, IMAGE_DOC } from '../agent/image-reference.ts';
import { isOlder, OLDEST_AGENT_VERSION } from '../agent/version.ts';
import { DEFAULT_AGENT_VERSION } from '../defaults.ts';
import { isUnambiguous, LOGIN_SECRET_DOC, SECRET_OR_ARN_KEY, setting } from './fields.ts';

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
      allowed: `a version such as 1.33.0, at least ${OLDEST_AGENT_VERSION}, because older agents do not hide their token from jobs`,
      absent: `${DEFAULT_AGENT_VERSION}, unless \`agentImage.registry\` is set`,
    },
  ),
  source: setting(z.enum(['official', 'release']).optional(), {
    description:
      "Source of the image: HashiCorp's image (`official`), or the release archive on a base image of your choice (`release`). The build verifies the signature of the archive.",
    absent: '`official`, unless `agentImage.registry` is set',
  }),
  digest: setting(
    z
      .string()
      .regex(/^sha256:[0-9a-f]{64}$/)
      .optional(),
    {
      description:
        'Digest that the image hashicorp/tfc-agent with the tag `agentImage.version` must have. `agent-image/print-digest.mjs` prints it.',
      allowed: 'sha256: and 64 hexadecimal digits; only with `source` official',
      absent: 'not checked: the build uses the image that has this tag at the time of the build',
    },
  ),
  base: setting(IMAGE.optional(), {
    description: 'Base image for the release archive: Debian or Ubuntu.',
    allowed: 'image reference with a tag other than latest, or with a digest; only with `source` release',
    absent: 'ubuntu:24.04',
  }),
  hideAgent: setting(z.boolean().optional(), {
    description:
      "Whether the image prevents jobs from reading the agent token. For that, the build makes the agent's program file unreadable. Turn it off only if an agent does not start.",
    absent:
      'true. If the agent does not start with an unreadable program file, the build turns this off and prints a warning',
  }),
  registry: setting(IMAGE.optional(), {
    description: 'Image to use instead of building one. The deployment then needs no Docker.',
    ...IMAGE_DOC,
    absent: 'an image is built',
  }),
  copy: setting(z.boolean().optional(), {
    description:
      'Whether the deployment copies the images into an ECR repository of the stack, with immutable tags, a scan on push and the key of `encryption`: registry images (including `pools[].image`) and the image that it builds. Agents then pull from this repository only.',
    allowed: 'true or false; true only if an image is not an existing one in ECR',
    absent:
      'true for Docker Hub, GHCR, Quay and ECR Public, false for other registries and for the image that is built',
    remedy: 'remove it: tasks pull images that are already in ECR directly',
  }),
  credentialsSecret: setting(SECRET_OR_ARN_KEY.refine(isUnambiguous).optional(), {
    description:
      'Secret with the login for the registry of `agentImage.registry`. Its value is {"username": "…", "password": "…"}. The deployment uses it to copy the image, or ECS uses it to pull the image for each task. Only for a copy, the login can be under a key of a JSON object.',
    allowed: `${LOGIN_SECRET_DOC.allowed}, which only copies support; only if the image of agentImage.registry is not in ECR`,
    explain: LOGIN_SECRET_DOC.explain,
    absent: 'anonymous access',
    remedy:
      'create the secret (aws secretsmanager create-secret --name NAME --secret-string file://login.json) and set its name here, never the login itself. If the name ends in a hyphen and six letters or digits, set the complete ARN',
  }),
});
