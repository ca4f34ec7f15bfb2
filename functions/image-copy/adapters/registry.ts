import * as z from 'zod';
import { jsonObject, valueUnderKey } from '../../connection/json-value.ts';
import { IMAGE_TYPES, INDEX_TYPES } from '../core/manifests.ts';
import { ImageCopyError } from '../errors.ts';
import type { Manifest, Source } from '../ports.ts';
import { layerBody, messageOf } from './layer-body.ts';

/** A login for a registry, as the secret contains it. ECS calls the second part `password`, so that one secret can serve copies and direct pulls. */
const registryCredentials = z.union([
  z.object({ username: z.string().min(1), accessToken: z.string().min(1) }),
  z
    .object({ username: z.string().min(1), password: z.string().min(1) })
    .transform(({ username, password }) => ({ username, accessToken: password })),
]);
export type RegistryCredentials = z.infer<typeof registryCredentials>;

/** The login in the string of a secret, or under a key of its JSON object; `undefined` if there is none. */
export function loginIn(text: string, jsonKey: string | undefined): RegistryCredentials | undefined {
  const login = jsonKey === undefined ? text : valueUnderKey(text, jsonKey);
  // The console's key/value editor stores only strings.
  return registryCredentials.safeParse(typeof login === 'string' ? jsonObject(login) : login).data;
}

export interface RegistryOptions {
  readonly host: string;
  readonly repository: string;
  /** Absent: the image is pulled anonymously. */
  readonly credentials?: RegistryCredentials;
  readonly fetch: typeof fetch;
  readonly signal: AbortSignal;
}

const ifText = z.string().optional().catch(undefined);
const tokenAnswer = z.object({ token: ifText, access_token: ifText });

/** Maximum size of a manifest. It is the size that the OCI distribution specification requires registries to support. */
const MOST_MANIFEST_BYTES = 4 * 1024 * 1024;

/**
 * A registry with the OCI distribution protocol and the bearer tokens that Docker Hub, GHCR, Quay and ECR Public require.
 * https://distribution.github.io/distribution/spec/auth/token/
 *
 * The registry redirects requests for layers to other hosts. `fetch` follows the redirection, and doesn't send the token to
 * the other host.
 */
export class Registry implements Source {
  readonly #options: RegistryOptions;
  #authorization: string | undefined;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  async manifest(reference: string): Promise<Manifest> {
    const response = await this.#get(`manifests/${reference}`, [...INDEX_TYPES, ...IMAGE_TYPES].join(', '));
    const body = await response.text();
    if (body.length > MOST_MANIFEST_BYTES)
      throw this.#error(
        `sent a manifest of ${body.length} bytes, but at most ${MOST_MANIFEST_BYTES} are allowed. Use a different image`,
      );
    return { mediaType: (response.headers.get('content-type') ?? '').split(';')[0]?.trim() ?? '', body };
  }

  async blob(digest: string): Promise<AsyncIterable<Uint8Array>> {
    const { body, url } = await this.#get(`blobs/${digest}`, '*/*');
    if (body === null) throw this.#error(`sent an empty response for ${digest}. Deploy again`);
    const from = url === '' ? '' : ` from ${new URL(url).host}`;
    const error = (what: string) => this.#error(`sent layer ${digest}${from}, which ${what}. Deploy again`);
    return layerBody(body, { signal: this.#options.signal, error });
  }

  async #get(path: string, accept: string): Promise<Response> {
    const first = await this.#ask(path, accept);
    if (first.status !== 401) return this.#accepted(first);
    this.#authorization = await this.#login(first.headers.get('www-authenticate') ?? '');
    return this.#accepted(await this.#ask(path, accept));
  }

  async #ask(path: string, accept: string): Promise<Response> {
    const { host, repository, signal } = this.#options;
    return this.#fetch(`https://${host}/v2/${repository}/${path}`, {
      headers: { accept, ...(this.#authorization !== undefined && { authorization: this.#authorization }) },
      signal,
    });
  }

  async #login(challenge: string): Promise<string> {
    const { credentials, repository, signal } = this.#options;
    const basic =
      credentials && `Basic ${Buffer.from(`${credentials.username}:${credentials.accessToken}`).toString('base64')}`;
    if (/^basic\b/i.test(challenge) && basic !== undefined) return basic;
    const [, realm] = /\brealm="(https:\/\/[^"]+)"/i.exec(challenge) ?? [];
    const [, service] = /\bservice="([^"]+)"/i.exec(challenge) ?? [];
    if (realm === undefined)
      throw this.#error(
        'requires a login that is not supported. If it uses basic authentication, set agentImage.credentialsSecret. Otherwise use a registry that issues bearer tokens',
      );
    const url = new URL(realm);
    if (service !== undefined) url.searchParams.set('service', service);
    url.searchParams.set('scope', `repository:${repository}:pull`);
    const response = this.#accepted(
      await this.#fetch(url.href, { headers: { ...(basic !== undefined && { authorization: basic }) }, signal }),
    );
    const { data } = tokenAnswer.safeParse(await response.json());
    const token = data?.token ?? data?.access_token;
    // If a token isn't valid in a header, the error of `fetch` would contain it, so check it here.
    if (token === undefined || !/^[\x21-\x7e]+$/.test(token))
      throw this.#error('returned no usable token. Deploy again later');
    return `Bearer ${token}`;
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    try {
      return await this.#options.fetch(url, init);
    } catch (error) {
      if (this.#options.signal.aborted)
        throw this.#error(`requires ${new URL(url).host}, which did not answer in time. Deploy again`);
      const cause = error instanceof Error ? error.cause : undefined;
      // A redirection may have led to a different host. Only the cause contains it.
      const refused =
        cause instanceof Error && 'hostname' in cause && typeof cause.hostname === 'string'
          ? cause.hostname
          : new URL(url).host;
      throw this.#error(
        `requires ${refused}, which does not answer: ${messageOf(error)}. Deploy again. If it fails again, check that the hostname resolves on the internet`,
      );
    }
  }

  #accepted(response: Response): Response {
    if (response.ok) return response;
    const { status } = response;
    if (status === 429) {
      throw this.#error(
        'answers 429: the pull limit is used up. The registry counts pulls per IP address, and Lambda functions share addresses. Deploy again later, or set agentImage.credentialsSecret to a login for the registry',
      );
    }
    if (status === 401 || status === 403) {
      throw this.#error(
        `answers ${status}. Correct the image's name, or set agentImage.credentialsSecret to a login that is allowed to pull it`,
      );
    }
    if (status === 404) throw this.#error('answers 404: the image does not exist. Correct its name, tag or digest');
    throw this.#error(`answers ${status}. Deploy again later`);
  }

  #error(what: string): ImageCopyError {
    const { host, repository } = this.#options;
    return new ImageCopyError(`The image ${repository} can't be copied into ECR: ${host} ${what}.`);
  }
}
