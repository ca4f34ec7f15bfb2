/**
 * Copies of built images, from the CDK's repository into the stack's: the whole function over HTTP, with ECR's rules, through the events
 * that CloudFormation sends in deployments, roll-backs and deletions.
 */
import type { CloudFormationCustomResourceEvent, Context } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { DIGEST_ATTRIBUTE } from '../../../functions/image-copy/contract.ts';
import { digestOf, EcrServer } from './ecr-server.ts';

const ASSETS = 'cdk-hnb659fds-container-assets-123456789012-eu-central-1';
const ecr = new EcrServer();
let handler: typeof import('../../../functions/image-copy/handler.ts').handler;
const lines: string[] = [];

beforeAll(async () => {
  await ecr.start();
  vi.stubEnv('AWS_ENDPOINT_URL', ecr.url);
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'id');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'key');
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  for (const level of ['info', 'warn', 'error'] as const) {
    vi.spyOn(console, level).mockImplementation((line) => {
      lines.push(`${line}`);
    });
  }
  // Another test file may have loaded the module, whose clients keep the address of its server.
  vi.resetModules();
  ({ handler } = await import('../../../functions/image-copy/handler.ts'));
});

beforeEach(() => {
  ecr.repositories.clear();
  ecr.operations.length = 0;
  ecr.answers.length = 0;
  ecr.layerStatus = 200;
  ecr.denied = undefined;
  lines.length = 0;
  ecr.create('copies');
});

afterAll(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await ecr.close();
});

type Properties = Readonly<
  Record<'TargetRepository' | 'TargetTag' | 'Repository' | 'Reference' | 'Architecture', string>
>;

/** Properties of the resource for a built image. Its tag begins with the hash of the image's folder. */
const propertiesOf = (hash: string, more: Partial<Properties> = {}): Properties => ({
  TargetRepository: 'copies',
  TargetTag: `amd64-${hash}`,
  Repository: ASSETS,
  Reference: hash,
  Architecture: 'amd64',
  ...more,
});

interface Resource {
  readonly properties: Properties;
  readonly physicalId: string;
  readonly digest: string;
}

async function send(
  request: 'Create' | 'Update' | 'Delete',
  logicalId: string,
  properties: Properties,
  physicalId?: string,
): Promise<{ Status: string; Reason?: string; PhysicalResourceId: string; Data?: Record<string, string> }> {
  const event = {
    RequestType: request,
    ServiceToken: 'arn',
    ResponseURL: `${ecr.url}/answer`,
    StackId: 'stack',
    RequestId: 'request',
    LogicalResourceId: logicalId,
    ResourceType: 'Custom::ImageCopy',
    ResourceProperties: { ServiceToken: 'arn', ...properties },
    ...(physicalId !== undefined && { PhysicalResourceId: physicalId }),
    ...(request === 'Update' && { OldResourceProperties: {} }),
  };
  await handler(event as CloudFormationCustomResourceEvent, { getRemainingTimeInMillis: () => 900_000 } as Context);
  return JSON.parse(ecr.answers.at(-1) ?? 'null');
}

/** A stack, as CloudFormation updates it: first all creations and updates, then, unless something failed, the deletions. */
class StackOfCopies {
  resources = new Map<string, Resource>();

  /** @param fails whether another resource of the stack fails, so that CloudFormation rolls back */
  async deploy(wanted: Readonly<Record<string, Properties>>, { fails = false } = {}): Promise<void> {
    const before = this.resources;
    const after = new Map<string, Resource>();
    const obsolete: [string, Resource][] = [];
    for (const [logicalId, properties] of Object.entries(wanted)) {
      const known = before.get(logicalId);
      if (known !== undefined && JSON.stringify(known.properties) === JSON.stringify(properties)) {
        after.set(logicalId, known);
        continue;
      }
      const resource = await this.#put(logicalId, properties, known);
      after.set(logicalId, resource);
      if (known !== undefined && known.physicalId !== resource.physicalId) obsolete.push([logicalId, known]);
    }
    for (const [logicalId, known] of before) if (!after.has(logicalId)) obsolete.push([logicalId, known]);
    if (!fails) {
      this.resources = after;
      for (const [logicalId, old] of obsolete) await this.#delete(logicalId, old);
      return;
    }
    const restored = new Map(before);
    const created: [string, Resource][] = [];
    for (const [logicalId, its] of after) {
      const known = before.get(logicalId);
      if (known === its) continue;
      if (known === undefined) {
        created.push([logicalId, its]);
        continue;
      }
      const back = await this.#put(logicalId, known.properties, its);
      restored.set(logicalId, back);
      if (back.physicalId !== its.physicalId) created.push([logicalId, its]);
    }
    this.resources = restored;
    for (const [logicalId, its] of created) await this.#delete(logicalId, its);
  }

  async #put(logicalId: string, properties: Properties, known: Resource | undefined): Promise<Resource> {
    const request = known === undefined ? 'Create' : 'Update';
    const { Status, Reason, PhysicalResourceId, Data } = await send(request, logicalId, properties, known?.physicalId);
    expect([Status, Reason]).toEqual(['SUCCESS', undefined]);
    return { properties, physicalId: PhysicalResourceId, digest: Data?.[DIGEST_ATTRIBUTE] ?? '' };
  }

  async #delete(logicalId: string, { properties, physicalId }: Resource): Promise<void> {
    expect(await send('Delete', logicalId, properties, physicalId)).toMatchObject({ Status: 'SUCCESS' });
  }

  /** Digests of the task definitions that no task could start from. */
  missing(): string[] {
    return [...this.resources.values()].flatMap(({ properties, digest }) =>
      ecr.canPull(properties.TargetRepository, digest) ? [] : [digest],
    );
  }
}

const stored = (name = 'copies') => [...(ecr.repositories.get(name)?.images.keys() ?? [])];
const tags = (name = 'copies') => [...(ecr.repositories.get(name)?.tags.keys() ?? [])];

describe('a built image', () => {
  it('is copied from the repository of the CDK with its digest, under a tag with that digest', async () => {
    const digest = ecr.push(ASSETS, 'a1', 'first');
    const answer = await send('Create', 'Copy', propertiesOf('a1'));
    expect(answer).toMatchObject({
      Status: 'SUCCESS',
      PhysicalResourceId: 'copies/amd64-a1',
      Data: { Digest: digest },
    });
    expect(ecr.canPull('copies', digest)).toBe(true);
    expect(tags()).toEqual([expect.stringMatching(new RegExp(`^amd64-a1-[0-9a-f]{8}-${digest.slice(7, 19)}$`))]);
    expect(new Set(ecr.operations)).not.toContain('GetAuthorizationToken');
  });

  it('that Docker published as an index with an attestation is copied for its architecture', async () => {
    const digest = ecr.push(ASSETS, 'a1', 'first', (manifest) =>
      JSON.stringify({
        manifests: [
          { digest: digestOf('attestation'), platform: { os: 'unknown', architecture: 'unknown' } },
          { digest: digestOf(manifest), platform: { os: 'linux', architecture: 'amd64' } },
        ],
      }),
    );
    expect(await send('Create', 'Copy', propertiesOf('a1'))).toMatchObject({ Data: { Digest: digest } });
    expect(await send('Create', 'Arm', propertiesOf('a1', { Architecture: 'arm64' }))).toMatchObject({
      Status: 'FAILED',
      Reason: expect.stringContaining('no image for linux/arm64'),
    });
  });

  it.each([
    ['the CDK did not publish it', () => {}, /no image a1 there \(ImageNotFound\).*deploy again with the CDK/],
    ['the repository of the CDK is gone', () => ecr.repositories.delete(ASSETS), /does not exist/],
    [
      'a layer cannot be downloaded',
      () => {
        ecr.push(ASSETS, 'a1', 'first');
        ecr.layerStatus = 403;
      },
      /127\.0\.0\.1:\d+ answered 403 instead of layer sha256:/,
    ],
    ...['BatchGetImage', 'GetDownloadUrlForLayer'].map((operation): [string, () => void, RegExp] => [
      `a policy denies ${operation}`,
      () => {
        ecr.push(ASSETS, 'a1', 'first');
        ecr.denied = operation;
      },
      new RegExp(`into the stack's repository: ECR denies ecr:${operation} .*permissions boundary.*deploy again`),
    ]),
    [
      'a layer is broken',
      () => {
        ecr.push(ASSETS, 'a1', 'first');
        ecr.repositories.get(ASSETS)?.layers.set(digestOf('first'), Buffer.from('other'));
      },
      /the digest is wrong/,
    ],
    [
      'the repository of the stack is gone',
      () => {
        ecr.push(ASSETS, 'a1', 'first');
        ecr.repositories.delete('copies');
      },
      /'copies' does not exist/,
    ],
  ])('is not copied, and the reason has no signed URL, when %s', async (_, breakIt, reason) => {
    ecr.create(ASSETS);
    breakIt();
    const answer = await send('Create', 'Copy', propertiesOf('a1'));
    expect(answer).toMatchObject({ Status: 'FAILED', Reason: expect.stringMatching(reason) });
    expect(JSON.stringify([answer, lines])).not.toContain('Signature');
    expect(tags()).toEqual([]);
  });
});

describe('the repository of the stack', () => {
  it('keeps exactly the images of the current deployment', async () => {
    const [first, second] = [ecr.push(ASSETS, 'a1', 'first'), ecr.push(ASSETS, 'a2', 'second')];
    const stack = new StackOfCopies();
    await stack.deploy({ A1: propertiesOf('a1') });
    expect(stored()).toEqual([first]);
    await stack.deploy({ A2: propertiesOf('a2') });
    expect(stored()).toEqual([second]);
    expect(stack.missing()).toEqual([]);
    // A return to the earlier version copies it again.
    await stack.deploy({ A1: propertiesOf('a1') });
    expect([stored(), stack.missing()]).toEqual([[first], []]);
    await stack.deploy({});
    expect(stored()).toEqual([]);
  });

  it.each([
    ['other resources', { A1: propertiesOf('a1') }, { A2: propertiesOf('a2') }],
    ['the same resource with other properties', { Copy: propertiesOf('a1') }, { Copy: propertiesOf('a2') }],
  ])('keeps the images of the earlier deployment when an update to %s is rolled back', async (_, old, next) => {
    const first = ecr.push(ASSETS, 'a1', 'first');
    ecr.push(ASSETS, 'a2', 'second');
    const stack = new StackOfCopies();
    await stack.deploy(old);
    await stack.deploy(next, { fails: true });
    expect([stored(), stack.missing()]).toEqual([[first], []]);
    await stack.deploy(next);
    expect(stack.missing()).toEqual([]);
    expect(stored()).not.toContain(first);
  });

  it('keeps an image that another resource needs, also if the resource only has another name', async () => {
    const digest = ecr.push(ASSETS, 'a1', 'first');
    const stack = new StackOfCopies();
    await stack.deploy({ Old: propertiesOf('a1'), Other: propertiesOf('a1', { TargetTag: 'amd64-other' }) });
    await stack.deploy({ New: propertiesOf('a1'), Other: propertiesOf('a1', { TargetTag: 'amd64-other' }) });
    expect([stored(), stack.missing(), tags().length]).toEqual([[digest], [], 2]);
    await stack.deploy({ New: propertiesOf('a1') });
    expect([stored(), stack.missing(), tags().length]).toEqual([[digest], [], 1]);
  });

  it('gets another tag, and never a moved one, when the same tag of the source has another image', async () => {
    const first = ecr.push(ASSETS, 'a1', 'first');
    const stack = new StackOfCopies();
    await stack.deploy({ Copy: propertiesOf('a1') });
    const second = ecr.push(ASSETS, 'a1', 'second');
    const again = propertiesOf('a1', { Repository: ASSETS, Architecture: 'amd64', Reference: 'a1' });
    // CloudFormation updates a resource only if a property changes, such as the name of a secret.
    await stack.deploy({ Copy: { ...again, CredentialsSecret: 'x' } as Properties });
    expect([stored(), stack.missing()]).toEqual([[first, second], []]);
    await stack.deploy({});
    expect(stored()).toEqual([]);
  });

  it('keeps what an earlier version of the function copied, and the image of its update', async () => {
    const first = ecr.push('copies', 'amd64-a1', 'first');
    const second = ecr.push(ASSETS, 'a1', 'second');
    const stack = new StackOfCopies();
    stack.resources.set('Copy', { properties: propertiesOf('a1'), physicalId: 'Copy', digest: first });
    // An update changes the ID, so CloudFormation deletes the resource with the earlier ID and the same tag.
    await stack.deploy({ Copy: { ...propertiesOf('a1'), CredentialsSecret: 'x' } as Properties });
    expect([stored(), stack.missing()]).toEqual([[first, second], []]);
  });

  it('is copied into again after a replacement, although the role may no longer clean up the earlier one', async () => {
    const digest = ecr.push(ASSETS, 'a1', 'first');
    const stack = new StackOfCopies();
    await stack.deploy({ Copy: propertiesOf('a1') });
    ecr.create('encrypted');
    ecr.repositories.delete('copies');
    await stack.deploy({ Copy: propertiesOf('a1', { TargetRepository: 'encrypted' }) });
    expect([stored('encrypted'), stack.missing()]).toEqual([[digest], []]);
    expect(lines.join()).toContain('The copy was not removed');
  });

  it('has tags of at most 128 characters, and removes only those of the same reference', async () => {
    const [first, second] = [ecr.push(ASSETS, 'a1', 'first'), ecr.push(ASSETS, 'a2', 'second')];
    const long = (hash: string) => propertiesOf(hash, { TargetTag: `amd64-${'x'.repeat(126)}${hash}` });
    const stack = new StackOfCopies();
    await stack.deploy({ Copy: long('a1') });
    expect(stored()).toEqual([first]);
    await stack.deploy({ Copy: long('a2') });
    expect([stored(), stack.missing()]).toEqual([[second], []]);
    expect(Math.max(...tags().map((tag) => tag.length))).toBeLessThanOrEqual(128);
  });

  it('has every image of the current resources after any series of deployments', async () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    const hashes = ['a1', 'a2', 'a3'];
    for (const hash of hashes) ecr.push(ASSETS, hash, hash);
    const stack = new StackOfCopies();
    for (let step = 0; step < 150; step += 1) {
      const wanted: Record<string, Properties> = {};
      for (const logicalId of ['X', 'Y', 'Z']) {
        const hash = hashes[random(4)];
        if (hash !== undefined) wanted[logicalId] = propertiesOf(hash);
      }
      await stack.deploy(wanted, { fails: random(3) === 0 });
      expect([step, stack.missing()]).toEqual([step, []]);
      expect(new Set(stored())).toEqual(new Set([...stack.resources.values()].map(({ digest }) => digest)));
    }
  });
});
