import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AgentContainers, ENGINE, engineOk, IMAGE_FOLDER } from './container-engine.ts';

interface Component {
  readonly type: string;
  readonly name: string;
  readonly version?: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
}

describe.skipIf(ENGINE === undefined)(
  `the SBOM of the image${ENGINE === undefined ? ' (skipped: see labs/containers/with-docker.sh)' : ''}`,
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'container-sbom-'));
    const containers = new AgentContainers();
    let bom: { bomFormat: string; specVersion: string; metadata: { component: Component }; components: Component[] };

    // Some 40 s: the tool looks into every file. It was installed by `make-sbom.mjs --install`; here is no network.
    beforeAll(() => {
      containers.build();
      const file = join(directory, 'sbom.json');
      const args = [join(IMAGE_FOLDER, 'make-sbom.mjs'), containers.image, file];
      const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 300_000 });
      if (status !== 0) throw new Error(stderr);
      bom = JSON.parse(readFileSync(file, 'utf8'));
    }, 400_000);
    afterAll(() => {
      containers.release();
      rmSync(directory, { recursive: true });
    });

    const inImage = (command: string) => containers.asRoot(command);

    test('is CycloneDX, and names the image and the agent’s version', async ({ annotate }) => {
      const { bomFormat, specVersion, metadata } = bom;
      const version = engineOk([
        ...['image', 'inspect', '--format', '{{index .Config.Labels "org.opencontainers.image.version"}}'],
        containers.image,
      ]);
      expect({ bomFormat, component: metadata.component }).toMatchObject({
        bomFormat: 'CycloneDX',
        component: { type: 'container', name: 'agent-image-test', version },
      });
      await annotate(`CycloneDX ${specVersion}, agent ${version}`);
    });

    test('lists every package of the base with its version', async ({ annotate }) => {
      const query = `dpkg-query --show --showformat '\${db:Status-Abbrev}\${Package} \${Version}\\n' | sed -n 's/^ii *//p'`;
      const installed = inImage(query).split('\n').sort();
      // Packages of the source that they are made from are in it too.
      const listed = new Set(bom.components.map(({ name, version }) => `${name} ${version}`));
      expect(installed.length).toBeGreaterThan(50);
      expect(installed.filter((one) => !listed.has(one))).toEqual([]);
      await annotate(`${installed.length} of ${installed.length} packages`);
    });

    test('lists the agent by its sum', async ({ annotate }) => {
      const path = '/home/tfc-agent/bin/tfc-agent';
      const file = bom.components.find(({ properties }) => properties?.some(({ value }) => value === path));
      const [sum] = inImage(`sha1sum ${path}`).split(' ');
      expect(file?.hashes).toContainEqual({ alg: 'SHA-1', content: sum });
      await annotate('MD5 and SHA-1 of /home/tfc-agent/bin/tfc-agent');
    });
  },
);
