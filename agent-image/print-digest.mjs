#!/usr/bin/env node
// Looks up the current digest of a tag of the agent's image in its registry, and prints the setting that pins it.
//
//   node agent-image/print-digest.mjs [REFERENCE]     default: hashicorp/tfc-agent:1.33.0
//
// It computes the digest from the registry's response and compares it with the digest that the registry reports. It pulls no image.
// https://distribution.github.io/distribution/spec/api/ and spec/auth/token/
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const MANIFESTS = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
const TIMEOUT_MS = 30_000;

class Refusal extends Error {}

try {
  const reference = process.argv[2] ?? `hashicorp/tfc-agent:${defaultVersion()}`;
  const { registry, repository, tag } = parse(reference);
  const { digest, architectures } = await look(registry, repository, tag);
  const lines = [`${reference} is ${digest}`, `for ${architectures.join(', ')}`, ''];
  if (`${registry.name}/${repository}` === 'docker.io/hashicorp/tfc-agent') {
    lines.push('To build on it, in cdk.json:', `  "agentImage": { "version": "${tag}", "digest": "${digest}" }`, '');
  }
  lines.push('To use it without a build:', `  "agentImage": { "registry": "${reference.split('@')[0]}@${digest}" }`);
  console.log(lines.join('\n'));
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.error(`print-digest: ${error.message}`);
  process.exitCode = 1;
}

function defaultVersion() {
  return /ARG TFC_AGENT_VERSION=(\S+)/.exec(readFileSync(new URL('Dockerfile', import.meta.url), 'utf8'))?.[1];
}

function parse(reference) {
  const match =
    /^(?:([a-z0-9.-]+(?:\.[a-z0-9-]+|:\d+)|localhost(?::\d+)?)\/)?([a-z0-9._/-]+):([\w.-]+)(?:@sha256:[0-9a-f]{64})?$/.exec(
      reference,
    );
  if (match === null)
    throw new Refusal(`'${reference}' is not a reference with a tag; specify one such as hashicorp/tfc-agent:1.33.0.`);
  const [, host = 'docker.io', path, tag] = match;
  // Docker Hub's registry has another hostname, and repositories without a path belong to `library`.
  const repository = host === 'docker.io' && !path.includes('/') ? `library/${path}` : path;
  const address =
    host === 'docker.io'
      ? 'https://registry-1.docker.io'
      : /^(localhost|127\.0\.0\.1)(:|$)/.test(host)
        ? `http://${host}`
        : `https://${host}`;
  return { registry: { name: host, address }, repository, tag };
}

async function look({ name, address }, repository, tag) {
  const url = `${address}/v2/${repository}/manifests/${tag}`;
  const headers = { accept: MANIFESTS.join(', ') };
  let answer = await ask(url, headers);
  if (answer.status === 401) {
    headers.authorization = `Bearer ${await token(answer.headers.get('www-authenticate') ?? '', name)}`;
    answer = await ask(url, headers);
  }
  if (answer.status === 404) throw new Refusal(`${name} has no ${repository}:${tag}.`);
  if (!answer.ok) throw new Refusal(`${name} answered ${answer.status} to GET /v2/${repository}/manifests/${tag}.`);
  const body = Buffer.from(await answer.arrayBuffer());
  const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
  const said = answer.headers.get('docker-content-digest');
  if (said !== null && said !== digest)
    throw new Refusal(`${name} reports ${said}, but its response has the digest ${digest}. Don't use either of them.`);
  const manifest = manifestIn(body, name);
  if (Array.isArray(manifest.manifests)) {
    const platforms = manifest.manifests.map(({ platform }) => platform).filter((platform) => platform?.os === 'linux');
    return { digest, architectures: platforms.map(({ architecture }) => `linux/${architecture}`) };
  }
  // For a single image, only its configuration contains the architecture.
  const config = await ask(`${address}/v2/${repository}/blobs/${manifest.config?.digest}`, {
    ...headers,
    accept: '*/*',
  });
  const { os, architecture } = config.ok ? await config.json() : {};
  return {
    digest,
    architectures: [os === undefined ? 'an architecture that the registry does not report' : `${os}/${architecture}`],
  };
}

function manifestIn(body, name) {
  try {
    const manifest = JSON.parse(body.toString());
    if (MANIFESTS.includes(manifest.mediaType) || manifest.schemaVersion === 2) return manifest;
  } catch {}
  throw new Refusal(`${name} did not return a manifest.`);
}

/** A token for anonymous reading, from the server in the registry's challenge. */
async function token(challenge, name) {
  const field = (key) => new RegExp(`${key}="([^"]*)"`).exec(challenge)?.[1];
  const realm = field('realm');
  if (!/^Bearer /i.test(challenge) || realm === undefined) {
    throw new Refusal(`${name} requires a login ("${challenge}"), but this script only reads anonymously.`);
  }
  const url = new URL(realm);
  for (const key of ['service', 'scope']) if (field(key) !== undefined) url.searchParams.set(key, field(key));
  const answer = await ask(url, {});
  if (!answer.ok) throw new Refusal(`${url.host}, the token server of ${name}, answered ${answer.status}.`);
  const { token, access_token } = await answer.json();
  return token ?? access_token;
}

async function ask(url, headers) {
  try {
    return await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    throw new Refusal(`could not reach ${new URL(url).host}: ${error.cause?.message ?? error.message}.`);
  }
}
