#!/usr/bin/env node
// Reports how far an agent's version is behind the newest release. Exit codes: 0 up to date, 1 behind, 2 could not find out.
//
//   node agent-image/newest-version.mjs [VERSION]     default: the version that the Dockerfile builds from
//
// RELEASES_URL sets a mirror of https://releases.hashicorp.com.
import { readFileSync } from 'node:fs';

const releases = process.env.RELEASES_URL ?? 'https://releases.hashicorp.com';
const version = process.argv[2] ?? defaultVersion();

try {
  if (!isRelease(version)) throw new Error(`'${version}' is not a version; specify one such as 1.33.0.`);
  const url = `${releases}/tfc-agent/index.json`;
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000) }).catch((error) => {
    throw new Error(`could not reach ${new URL(url).host}: ${error.cause?.message ?? error.message}.`);
  });
  if (!response.ok) throw new Error(`${url} answered with status ${response.status}.`);
  const index = await response.json();
  const known = Object.keys(index?.versions ?? {})
    .filter(isRelease)
    .sort(compare);
  const newest = known.at(-1);
  if (newest === undefined) throw new Error(`${url} lists no release.`);
  const behind = known.filter((each) => compare(each, version) > 0).length;
  if (behind === 0) console.log(`Agent ${version} is the newest release.`);
  else {
    console.log(
      `Agent ${version} is ${behind} ${behind === 1 ? 'release' : 'releases'} behind ${newest}. Set agentImage.version (or the tag of agentImage.registry) to ${newest}, and deploy.`,
    );
    console.log('What changed: https://developer.hashicorp.com/terraform/cloud-docs/agents/changelog');
    process.exitCode = 1;
  }
} catch (error) {
  console.error(`newest-version: ${error.message}`);
  process.exitCode = 2;
}

function defaultVersion() {
  return /ARG TFC_AGENT_VERSION=(\S+)/.exec(readFileSync(new URL('Dockerfile', import.meta.url), 'utf8'))?.[1];
}

/** Excludes pre-releases and editions with a suffix. */
function isRelease(text) {
  return /^\d+\.\d+\.\d+$/.test(text);
}

function compare(a, b) {
  return a.localeCompare(b, 'en', { numeric: true });
}
