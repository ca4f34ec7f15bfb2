import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';
import { runSync } from '../processes.ts';
import { newFolder } from '../temporary-folder.ts';

const SCRIPT = fileURLToPath(new URL('../../agent-image/make-sbom.mjs', import.meta.url));
const TOOL = fileURLToPath(new URL('../../agent-image/sbom-tool/', import.meta.url));
const pinned: string = JSON.parse(readFileSync(join(TOOL, 'package.json'), 'utf8')).dependencies['@cyclonedx/cdxgen'];

const agent = {
  type: 'file',
  name: 'tfc-agent',
  properties: [{ name: 'SrcFile', value: '/home/tfc-agent/bin/tfc-agent' }],
};
const curl = { type: 'library', name: 'curl', purl: 'pkg:deb/debian/curl@7.88.1' };
const bom = (overrides: object = {}) => ({
  bomFormat: 'CycloneDX',
  metadata: {
    tools: {
      components: [
        { name: 'trivy', version: 'v0' },
        { name: 'cdxgen', version: pinned },
      ],
    },
  },
  components: [agent, curl],
  ...overrides,
});

describe('make-sbom', () => {
  let directory: string;
  beforeEach(() => {
    directory = newFolder('make-sbom-test');
    mkdirSync(join(directory, 'bin'));
    // npm, the engine, and the tool that npm installs. Each records its arguments.
    program(
      'npm',
      `
      echo "npm $*" >>"$CALLS"; mkdir -p node_modules/@cyclonedx/cdxgen/bin
      echo "{\\"version\\":\\"$TOOL_VERSION\\"}" >node_modules/@cyclonedx/cdxgen/package.json
      cat >node_modules/@cyclonedx/cdxgen/bin/cdxgen.js <<'END'
      const { appendFileSync, writeFileSync } = require('node:fs');
      const args = process.argv.slice(2);
      appendFileSync(process.env.CALLS, 'cdxgen ' + args.map((one) => one.replace(/^.*make-sbom-[^/]*./, '')).join(' ') + '\\n');
      if (process.env.BOM) writeFileSync(args[args.indexOf('--output') + 1], process.env.BOM);
END`,
    );
    program(
      'engine',
      `
      echo "engine $1 $2" >>"$CALLS"
      case $1 in image) [ "$5" = agent:1 ] || { echo "No such image: $5" >&2; exit 1; }; echo 1.33.0 ;; esac`,
    );
  });

  function program(name: string, script: string): void {
    writeFileSync(join(directory, 'bin', name), `#!/bin/sh${script}\n`, { mode: 0o755 });
  }

  function make(args: readonly string[], { version = pinned, written = bom() as object | null } = {}) {
    return runSync(process.execPath, [SCRIPT, ...args], {
      env: {
        PATH: `${join(directory, 'bin')}:${process.env['PATH']}`,
        HOME: directory,
        CONTAINER_ENGINE: 'engine',
        CALLS: join(directory, 'calls'),
        TOOL_VERSION: version,
        BOM: written === null ? '' : JSON.stringify(written),
      },
    });
  }
  const file = () => join(directory, 'sbom.json');
  const calls = () => readFileSync(join(directory, 'calls'), 'utf8').trimEnd().split('\n');

  test('the script runs the pinned tool on the image’s archive, with its name and the agent’s version, and keeps the SBOM', () => {
    const { code, stdout, stderr } = make(['agent:1', file()]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`1 packages and the agent 1.33.0, by cdxgen ${pinned}`);
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toEqual(bom());
    expect(calls()).toEqual([
      'npm install --ignore-scripts --no-audit --no-fund --loglevel=error',
      'engine image inspect',
      'engine save --output',
      'cdxgen --type docker --no-recurse --project-name agent --project-version 1.33.0 --output sbom.json image.tar',
    ]);
  });

  test('installs the tool once from the repository’s lock file, and nothing in the image’s folder', () => {
    expect(make(['--install']).code).toBe(0);
    expect(make(['agent:1', file()]).code).toBe(0);
    expect(calls().filter((call) => call.startsWith('npm'))).toHaveLength(1);
    const cache = join(directory, '.cache', 'agent-launcher');
    const [folder = '', ...others] = readdirSync(cache);
    expect(others).toEqual([]);
    expect(readFileSync(join(cache, folder, 'package-lock.json'), 'utf8')).toBe(
      readFileSync(join(TOOL, 'package-lock.json'), 'utf8'),
    );
    expect(readdirSync(TOOL).sort()).toEqual(['package-lock.json', 'package.json']);
  });

  test('installs only pinned packages: the lock file has one exact version of the tool, and a checksum of each package', () => {
    expect(pinned).toMatch(/^\d+\.\d+\.\d+$/);
    const { packages } = JSON.parse(readFileSync(join(TOOL, 'package-lock.json'), 'utf8'));
    const { '': root, ...installed } = packages;
    expect(root.dependencies).toEqual({ '@cyclonedx/cdxgen': pinned });
    expect(Object.keys(installed).length).toBeGreaterThan(100);
    for (const [name, { integrity }] of Object.entries<{ integrity?: string }>(installed))
      expect(integrity, name).toMatch(/^sha512-/);
  });

  test.each([
    ['another version of the tool', { version: '12.8.3' }, /contains @cyclonedx\/cdxgen 12\.8\.3, but .+ is pinned/],
    ['an SBOM by another version', { written: bom({ metadata: {} }) }, /by cdxgen undefined, but .+ is pinned/],
    ['an SBOM without the agent', { written: bom({ components: [curl] }) }, /no \/home\/tfc-agent\/bin\/tfc-agent/],
    ['an SBOM without packages', { written: bom({ components: [agent] }) }, /no package of the base/],
    ['no SBOM', { written: null }, /cdxgen wrote no SBOM/],
  ])('refuses %s, and writes no file', (_, given, says) => {
    const { code, stderr } = make(['agent:1', file()], given);
    expect(code).toBe(1);
    expect(stderr).toMatch(says);
    expect(readdirSync(directory)).not.toContain('sbom.json');
  });

  test('forwards the engine’s message about an image that doesn’t exist', () => {
    const { code, stderr } = make(['agent:2', file()]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('No such image: agent:2') });
  });

  test.each([[[]], [['agent:1']], [['agent:1', 'a', 'b']], [['--help', 'a']]])(
    'reports its usage, given %j',
    (args) => {
      expect(make(args)).toMatchObject({
        code: 1,
        stderr: 'make-sbom: specify an image and the file to write, or --install.\n',
      });
    },
  );
});
