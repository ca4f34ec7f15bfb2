/** Reads whether the images exist, and which versions of the agent HashiCorp has released. */
import { DescribeImagesCommand } from '@aws-sdk/client-ecr';
import { type Dispatcher, request } from 'undici';
import * as z from 'zod';
import { ecrImage } from '../../lib/aws/ecr-image.ts';
import { nameOfAwsError } from '../aws/errors.ts';
import type { Context } from '../context.ts';
import type { Finding } from '../core/doctor/findings.ts';
import { agentVersions, checkAgentAge, checkImage, type ImageState, pulledImages } from '../core/doctor/image.ts';
import { type Target, targetOfSettings } from '../core/doctor/target.ts';
import { CommandError } from '../io.ts';
import { outbound } from '../outbound.ts';
import type { TargetCheckup } from './doctor.ts';
import { observe } from './observe.ts';
import { registryImageState } from './registry.ts';

type ImageCheckup = Pick<TargetCheckup, 'context' | 'target' | 'settings'>;

export async function imageFindings(checkup: ImageCheckup): Promise<Finding[]> {
  const dispatcher = outbound(checkup.context.io.env);
  try {
    return await findingsBy(checkup, dispatcher);
  } finally {
    await dispatcher.close();
  }
}

async function findingsBy({ context, target, settings }: ImageCheckup, dispatcher: Dispatcher): Promise<Finding[]> {
  const [images, released] = await Promise.all([
    Promise.all(
      pulledImages(target).map(async (image) => {
        const inEcr = ecrImage(image.reference) !== undefined;
        const state = await observe(() =>
          inEcr ? ecrState(context, image.reference) : registryImageState(image.reference, dispatcher),
        );
        return checkImage(image, state, inEcr ? 'ecr:DescribeImages' : 'a connection to the registry');
      }),
    ),
    observe(() => releasedVersions(context, dispatcher)),
  ]);
  const ages = agentVersions(withVersions(target, settings)).map((one) => checkAgentAge(one, released));
  return [...images.flat(), ...ages];
}

/** The task definitions of a deployed image that was built or copied don't show the agent's version. The settings do. */
function withVersions(target: Target, settings: TargetCheckup['settings']): Target {
  if (target.from === 'settings' || settings === undefined) return target;
  const known = targetOfSettings(settings);
  return {
    ...target,
    pools: target.pools.map((pool) => ({
      ...pool,
      lanes: pool.lanes.map((lane) => {
        const { task } = lane;
        const same = known.pools.find(({ name }) => name === pool.name)?.lanes[0]?.task;
        const agentVersion = same !== undefined && 'value' in same ? same.value.image.agentVersion : undefined;
        if ('failure' in task || task.value.image.agentVersion !== undefined || agentVersion === undefined) return lane;
        return { ...lane, task: { value: { ...task.value, image: { ...task.value.image, agentVersion } } } };
      }),
    })),
  };
}

async function ecrState({ aws }: Context, reference: string): Promise<ImageState> {
  const image = ecrImage(reference);
  const [, tag, digest] = /^[^@]*?(?::([^:/@]+))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(reference) ?? [];
  const ecr = await aws.ecr();
  try {
    await ecr.send(
      new DescribeImagesCommand({
        registryId: image?.account,
        repositoryName: image?.repository ?? '',
        imageIds: [digest === undefined ? { imageTag: tag ?? 'latest' } : { imageDigest: digest }],
      }),
    );
    return 'exists';
  } catch (error) {
    if (['ImageNotFoundException', 'RepositoryNotFoundException'].includes(nameOfAwsError(error))) return 'missing';
    throw error;
  }
}

const index = z.looseObject({ versions: z.record(z.string(), z.unknown()) });
const RELEASES_TIMEOUT_MS = 10_000;

/** The versions that HashiCorp's release host lists. `RELEASES_URL` sets a mirror, as for `agent-image/newest-version.mjs`. */
async function releasedVersions({ io }: Context, dispatcher: Dispatcher): Promise<string[]> {
  const host = io.env['RELEASES_URL'] ?? 'https://releases.hashicorp.com';
  const url = `${host}/tfc-agent/index.json`;
  const { statusCode, body } = await request(url, { dispatcher, signal: AbortSignal.timeout(RELEASES_TIMEOUT_MS) });
  if (statusCode !== 200) {
    await body.dump();
    throw new CommandError(`${url} answered with status ${statusCode}`);
  }
  const { versions } = index.parse(await body.json());
  // Without pre-releases and editions with a suffix.
  return Object.keys(versions).filter((version) => /^\d+\.\d+\.\d+$/.test(version));
}
