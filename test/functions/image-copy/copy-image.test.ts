import { createHash } from 'node:crypto';
import {
  BatchCheckLayerAvailabilityCommand,
  CompleteLayerUploadCommand,
  ECRClient,
  InitiateLayerUploadCommand,
  LayerAlreadyExistsException,
  PutImageCommand,
  UploadLayerPartCommand,
} from '@aws-sdk/client-ecr';
import { describe, expect, it } from 'vitest';
import { EcrRepository } from '../../../functions/image-copy/adapters/ecr.ts';
import { Registry } from '../../../functions/image-copy/adapters/registry.ts';
import { copyImage } from '../../../functions/image-copy/copy-image.ts';
import { blobsOf, imageFor } from '../../../functions/image-copy/core/manifests.ts';

const digestOf = (body: string | Buffer) => `sha256:${createHash('sha256').update(body).digest('hex')}`;
const layer = Buffer.alloc(12 * 1024 * 1024, 7);
const config = '{"architecture":"amd64","os":"linux"}';
const OCI = 'application/vnd.oci.image.manifest.v1+json';
const image = JSON.stringify({
  schemaVersion: 2,
  mediaType: OCI,
  config: { digest: digestOf(config) },
  layers: [{ digest: digestOf(layer) }, { digest: digestOf(layer) }],
});
/** As `docker buildx` pushes it: with an attestation whose platform is "unknown". */
const index = JSON.stringify({
  manifests: [
    { digest: digestOf('attestation'), platform: { os: 'unknown', architecture: 'unknown' } },
    { digest: digestOf(image), platform: { os: 'linux', architecture: 'amd64' } },
  ],
});

const answer = (status: number, body = '{}', type = 'application/json') =>
  new Response(body, { status, headers: { 'content-type': type } });

/** Docker Hub: a 401 with its real challenge, a token, an index, and layers by way of a CDN. */
function dockerHub(answers: Record<string, Response | undefined> = {}) {
  const asked: { url: string; authorization: string | undefined }[] = [];
  const fake: typeof fetch = async (input, init) => {
    const url = `${input}`;
    const authorization = new Headers(init?.headers).get('authorization') ?? undefined;
    asked.push({ url, authorization });
    const given = Object.entries(answers).find(([part]) => url.includes(part))?.[1];
    if (given !== undefined) return given.clone();
    if (url.startsWith('https://auth.docker.io/token')) return Response.json({ token: 'pull-token' });
    if (authorization !== 'Bearer pull-token') {
      const challenge =
        'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:hashicorp/tfc-agent:pull"';
      return new Response('{}', { status: 401, headers: { 'www-authenticate': challenge } });
    }
    if (url.endsWith('/manifests/1.33.0')) {
      return answer(200, index, 'application/vnd.oci.image.index.v1+json; charset=utf-8');
    }
    if (url.endsWith(`/manifests/${digestOf(image)}`)) return answer(200, image, OCI);
    if (url.endsWith(digestOf(config))) return new Response(config);
    if (url.endsWith(digestOf(layer))) return new Response(new Uint8Array(layer));
    return answer(404);
  };
  return { asked, fake };
}

const source = (fake: typeof fetch, credentials?: { username: string; accessToken: string }) =>
  new Registry({
    host: 'registry-1.docker.io',
    repository: 'hashicorp/tfc-agent',
    fetch: fake,
    signal: new AbortController().signal,
    ...(credentials !== undefined && { credentials }),
  });

const failingWith =
  (cause: Error): typeof fetch =>
  async () => {
    throw new TypeError('fetch failed', { cause });
  };

/** ECR in memory, behind the SDK's own client. */
function ecr({ known = [] as string[] } = {}) {
  const stored = new Map<string, Buffer>();
  const images: PutImageCommand['input'][] = [];
  const sizes: number[] = [];
  let upload = Buffer.alloc(0);
  const client = new ECRClient({});
  client.send = async (command: object) => {
    if (command instanceof BatchCheckLayerAvailabilityCommand) {
      const [layerDigest = ''] = command.input.layerDigests ?? [];
      return { layers: known.includes(layerDigest) ? [{ layerDigest, layerAvailability: 'AVAILABLE' }] : [] };
    }
    if (command instanceof InitiateLayerUploadCommand) {
      upload = Buffer.alloc(0);
      return { uploadId: 'upload' };
    }
    if (command instanceof UploadLayerPartCommand) {
      const { partFirstByte, partLastByte, layerPartBlob = new Uint8Array() } = command.input;
      expect([partFirstByte, partLastByte]).toEqual([upload.length, upload.length + layerPartBlob.length - 1]);
      sizes.push(layerPartBlob.length);
      upload = Buffer.concat([upload, layerPartBlob]);
      return {};
    }
    if (command instanceof CompleteLayerUploadCommand) {
      const [digest = ''] = command.input.layerDigests ?? [];
      if (stored.has(digest)) throw new LayerAlreadyExistsException({ message: 'exists', $metadata: {} });
      expect(digestOf(upload)).toBe(digest);
      stored.set(digest, upload);
      return {};
    }
    if (command instanceof PutImageCommand) images.push(command.input);
    return {};
  };
  return { target: new EcrRepository(client, 'copies', new AbortController().signal), stored, images, sizes };
}

const wanted = {
  reference: '1.33.0',
  architecture: 'amd64',
  owner: { prefix: 'amd64-1', resource: '01234567' },
};

describe('copying an image from a registry into ECR', () => {
  it('copies the image for the architecture with its digest, in parts of a size that ECR accepts', async () => {
    const { fake } = dockerHub();
    const { target, stored, images, sizes } = ecr();
    expect(await copyImage(wanted, source(fake), target)).toBe(digestOf(image));
    expect([...stored.keys()]).toEqual([digestOf(config), digestOf(layer)]);
    expect(sizes).toEqual([config.length, 10 * 1024 * 1024, 2 * 1024 * 1024]);
    expect(images).toEqual([
      {
        repositoryName: 'copies',
        imageManifest: image,
        imageManifestMediaType: OCI,
        imageDigest: digestOf(image),
        imageTag: `amd64-1-01234567-${digestOf(image).slice(7, 19)}`,
      },
    ]);
  });

  it('sends no layer that ECR already has', async () => {
    const { fake, asked } = dockerHub();
    const { target, stored } = ecr({ known: [digestOf(layer), digestOf(config)] });
    await copyImage(wanted, source(fake), target);
    expect(stored.size).toBe(0);
    expect(asked.filter(({ url }) => url.includes('/blobs/'))).toEqual([]);
  });

  it('requests the token with the login, or anonymously if there is none', async () => {
    const anonymous = dockerHub();
    await source(anonymous.fake).manifest('1.33.0');
    const token = ({ url }: { url: string }) => url.startsWith('https://auth.docker.io/');
    expect(anonymous.asked.find(token)).toEqual({
      url: 'https://auth.docker.io/token?service=registry.docker.io&scope=repository%3Ahashicorp%2Ftfc-agent%3Apull',
      authorization: undefined,
    });
    const known = dockerHub();
    await source(known.fake, { username: 'acme', accessToken: 'dckr_pat_x' }).manifest('1.33.0');
    expect(known.asked.find(token)?.authorization).toBe(`Basic ${btoa('acme:dckr_pat_x')}`);
  });

  it.each([
    [
      'the pull limit is used up',
      { '/manifests/': answer(429) },
      /registry-1\.docker\.io answers 429.*agentImage\.credentialsSecret/,
    ],
    ['the image is not there', { '/manifests/': answer(404) }, /answers 404: the image does not exist/],
    ['the login is refused', { auth: answer(401) }, /answers 401.*credentialsSecret/],
    ['the registry is broken', { '/manifests/': answer(503) }, /answers 503/],
    ['the token is missing', { auth: answer(200) }, /returned no usable token/],
    ['the answer is a web page', { '/manifests/': answer(200, '<html>', 'text/html') }, /media type text\/html/],
    ['the answer is not an image', { '/manifests/': answer(200, '[]', OCI) }, /is not a container image/],
  ])('says what to do when %s', async (_, answers, message) => {
    await expect(copyImage(wanted, source(dockerHub(answers).fake), ecr().target)).rejects.toThrow(message);
  });

  it('reports the architecture that the image does not support', async () => {
    const arm64 = { ...wanted, architecture: 'arm64' };
    await expect(copyImage(arm64, source(dockerHub().fake), ecr().target)).rejects.toThrow(/no image for linux\/arm64/);
  });

  it('copies nothing if the registry answers with a different image than the pinned one', async () => {
    const pinned = { ...wanted, reference: `sha256:${'0'.repeat(64)}` };
    const { fake } = dockerHub({ '/manifests/': answer(200, image, OCI) });
    const { target, images } = ecr();
    await expect(copyImage(pinned, source(fake), target)).rejects.toThrow(/Nothing was copied/);
    expect(images).toEqual([]);
  });

  it('reports the host that does not answer', async () => {
    const unanswered = source(failingWith(new Error('getaddrinfo ENOTFOUND registry-1.docker.io')));
    const words = /registry-1\.docker\.io, which does not answer: getaddrinfo ENOTFOUND/;
    await expect(unanswered.manifest('1')).rejects.toThrow(words);
  });

  it('reports the host that the registry redirects to, if that host does not answer', async () => {
    const hostname = 'production.cloudfront.docker.com';
    const unanswered = source(failingWith(Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { hostname })));
    await expect(unanswered.blob(digestOf(layer))).rejects.toThrow(
      /image hashicorp\/tfc-agent can't be copied.*requires production\.cloudfront\.docker\.com, which does not answer: .*Deploy again/,
    );
  });

  it.each([
    ['breaks', false, /was interrupted: other side closed\. Deploy again/],
    ['takes longer than the time for the copy', true, /did not arrive in time\. Deploy again/],
  ])('reports image, layer and host when a layer %s', async (_, late, message) => {
    const time = new AbortController();
    const breaking: typeof fetch = async () => {
      const body = new ReadableStream({
        pull: (stream) => {
          if (late) time.abort();
          stream.error(new TypeError('terminated', { cause: new Error('other side closed') }));
        },
      });
      const response = new Response(body);
      Object.defineProperty(response, 'url', { value: 'https://production.cloudfront.docker.com/layer' });
      return response;
    };
    const options = { host: 'registry-1.docker.io', repository: 'hashicorp/tfc-agent', fetch: breaking };
    const registry = new Registry({ ...options, signal: time.signal });
    const copied = ecr().target.upload(digestOf(layer), await registry.blob(digestOf(layer)));
    await expect(copied).rejects.toThrow(message);
    await expect(copied).rejects.toThrow(
      /hashicorp\/tfc-agent can't be copied.*from production\.cloudfront\.docker\.com/,
    );
  });
});

describe('a manifest', () => {
  it.each([[undefined], [null], [[]], [{}], [{ config: {}, layers: [] }], [{ config: { digest: 'x' }, layers: [{}] }]])(
    '%j is not an image',
    (document) => {
      expect(blobsOf(document)).toBeUndefined();
      expect(imageFor(document, 'amd64')).toBeUndefined();
    },
  );

  it('is not an image if one layer has no digest', () => {
    const digest = digestOf('a');
    expect(blobsOf({ config: { digest }, layers: [{ digest }, {}] })).toBeUndefined();
  });
});
