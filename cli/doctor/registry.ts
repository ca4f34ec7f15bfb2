/** Asks a registry whether an image exists, without a login: https://github.com/opencontainers/distribution-spec/blob/main/spec.md */
import { type Dispatcher, request } from 'undici';
import * as z from 'zod';
import { registryOf } from '../../lib/network/allowed-domains.ts';
import type { ImageState } from '../core/doctor/image.ts';
import { CommandError } from '../io.ts';

const TIMEOUT_MS = 15_000;
const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

export async function registryImageState(reference: string, dispatcher: Dispatcher): Promise<ImageState> {
  const url = manifestUrl(reference);
  const first = await head(url, dispatcher);
  const status = first.status === 401 ? await withToken(url, first.challenge, dispatcher) : first.status;
  if (status === 200) return 'exists';
  if (status === 404) return 'missing';
  if (status === 401 || status === 403) return 'hidden';
  throw new CommandError(`${new URL(url).host} answered with status ${status}`);
}

/** The URL of the image's manifest. Docker Hub has another host than its references. */
export function manifestUrl(reference: string): string {
  const { host, port } = registryOf(reference);
  const [, path = '', tag, digest] = /^(.*?)(?::([^:/@]+))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(reference) ?? [];
  const [first = '', ...rest] = path.split('/');
  const named = rest.length > 0 && /[.:]|^localhost$/.test(first);
  const repository = named ? rest.join('/') : path;
  const hub = ['docker.io', 'index.docker.io', 'registry.hub.docker.com'].includes(host);
  const name = hub && !repository.includes('/') ? `library/${repository}` : repository;
  const server = hub ? 'registry-1.docker.io' : port === 443 ? host : `${host}:${port}`;
  return `https://${server}/v2/${name}/manifests/${digest ?? tag ?? 'latest'}`;
}

interface Head {
  readonly status: number;
  readonly challenge: string;
}

/** HEAD requests don't count towards Docker Hub's pull limit. */
async function head(url: string, dispatcher: Dispatcher, token?: string): Promise<Head> {
  const { statusCode, headers, body } = await request(url, {
    method: 'HEAD',
    dispatcher,
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: { accept: ACCEPT, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
  });
  await body.dump();
  const challenge = headers['www-authenticate'];
  return { status: statusCode, challenge: Array.isArray(challenge) ? (challenge[0] ?? '') : (challenge ?? '') };
}

const answer = z.looseObject({ token: z.string().optional(), access_token: z.string().optional() });

/** Gets an anonymous token from the registry's token server, and asks again. https://distribution.github.io/distribution/spec/auth/token/ */
async function withToken(url: string, challenge: string, dispatcher: Dispatcher): Promise<number> {
  const parameters = Object.fromEntries(
    [...challenge.matchAll(/([a-z]+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
  );
  const { realm, service, scope } = parameters;
  if (!challenge.startsWith('Bearer ') || realm === undefined || !realm.startsWith('https://')) return 401;
  const tokenUrl = new URL(realm);
  if (service !== undefined) tokenUrl.searchParams.set('service', service);
  if (scope !== undefined) tokenUrl.searchParams.set('scope', scope);
  const { statusCode, body } = await request(tokenUrl, { dispatcher, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (statusCode !== 200) {
    await body.dump();
    return 401;
  }
  const { token, access_token: other } = answer.parse(await body.json());
  return (await head(url, dispatcher, token ?? other)).status;
}
