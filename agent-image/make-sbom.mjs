#!/usr/bin/env node
// Writes the SBOM (CycloneDX, JSON) of a finished image, by OWASP's cdxgen.
//
//   node agent-image/make-sbom.mjs IMAGE FILE      the image must be in the engine: docker, or CONTAINER_ENGINE
//   node agent-image/make-sbom.mjs --install       only installs the tool, for a later call without network
//
// sbom-tool/package-lock.json pins the tool and its dependencies by version and checksum (three optional packages for systems other
// than Linux on x86-64 are pinned by version only: README.md). The first call installs them with npm into the user's cache (about
// 340 MB), and nothing into the image. The script refuses an SBOM from a different version of the tool, without the agent or
// without any package.
// https://cdxgen.github.io/cdxgen
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const TOOL = '@cyclonedx/cdxgen';
const AGENT = '/home/tfc-agent/bin/tfc-agent';
const pinned = new URL('sbom-tool/', import.meta.url);
const version = JSON.parse(readFileSync(new URL('package.json', pinned), 'utf8')).dependencies[TOOL];

class Refusal extends Error {}

try {
  const [image, file, ...more] = process.argv.slice(2);
  if (image === '--install' && file === undefined) install();
  else if (image === undefined || file === undefined || more.length > 0 || image.startsWith('-'))
    throw new Refusal('specify an image and the file to write, or --install.');
  else make(image, resolve(file));
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.error(`make-sbom: ${error.message}`);
  process.exitCode = 1;
}

/** Installs the packages of the lock file once. @returns their folder */
function install() {
  const lock = createHash('sha256')
    .update(readFileSync(new URL('package-lock.json', pinned)))
    .digest('hex');
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'agent-launcher');
  const folder = join(cache, `cdxgen-${version}-${lock.slice(0, 12)}`);
  if (!existsSync(folder)) {
    mkdirSync(cache, { recursive: true });
    const work = mkdtempSync(join(cache, 'cdxgen-'));
    try {
      for (const name of ['package.json', 'package-lock.json']) copyFileSync(new URL(name, pinned), join(work, name));
      run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: work });
      renameSync(work, folder);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  const found = JSON.parse(readFileSync(join(folder, 'node_modules', TOOL, 'package.json'), 'utf8')).version;
  if (found !== version) {
    throw new Refusal(
      `${folder} contains ${TOOL} ${found}, but ${version} is pinned. Delete that folder, and find out who changed it.`,
    );
  }
  return folder;
}

function make(image, file) {
  const tool = join(install(), 'node_modules', TOOL, 'bin', 'cdxgen.js');
  const engine = process.env.CONTAINER_ENGINE || 'docker';
  const label = '{{index .Config.Labels "org.opencontainers.image.version"}}';
  const agent = run(engine, ['image', 'inspect', '--format', label, image]).trim();
  const work = mkdtempSync(join(tmpdir(), 'make-sbom-'));
  try {
    const archive = join(work, 'image.tar');
    const written = join(work, 'sbom.json');
    run(engine, ['save', '--output', archive, image]);
    const names = ['--project-name', image.replace(/@.*$|:[^:/]*$/, ''), '--project-version', agent];
    run(process.execPath, [tool, '--type', 'docker', '--no-recurse', ...names, '--output', written, archive]);
    const { packages } = check(written);
    copyFileSync(written, file);
    console.log(`make-sbom: ${file}: ${packages} packages and the agent ${agent}, by cdxgen ${version}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Checks that the file is the SBOM of an agent's image. */
function check(file) {
  const { metadata, components = [] } = parse(file);
  const tool = metadata?.tools?.components?.find(({ name }) => name === 'cdxgen')?.version;
  if (tool !== version) throw new Refusal(`the SBOM was made by cdxgen ${tool}, but ${version} is pinned.`);
  const packages = components.filter(
    ({ type, purl }) => type === 'library' && /^pkg:(deb|rpm|apk)\//.test(purl),
  ).length;
  if (packages === 0)
    throw new Refusal(
      "the SBOM has no package of the base image: cdxgen did not find the base image's package database.",
    );
  const isAgent = ({ type, properties }) => type === 'file' && properties?.some(({ value }) => value === AGENT);
  if (!components.some(isAgent)) throw new Refusal(`the SBOM has no ${AGENT}: the image does not contain the agent.`);
  return { packages };
}

function parse(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    throw new Refusal('cdxgen wrote no SBOM.');
  }
}

function run(command, args, options = {}) {
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    ...options,
  });
  if (error !== undefined) throw new Refusal(`${command} cannot be run: ${error.message}.`);
  if (status !== 0)
    throw new Refusal(`${command} ${args[0]} ended with ${signal ?? `exit code ${status}`}:\n${stderr}${stdout}`);
  return stdout;
}
