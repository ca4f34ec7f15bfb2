import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { runSyncOk } from '../../test/processes.ts';
import { newFolder } from '../../test/temporary-folder.ts';
import { describeUnless } from '../../test/unless.ts';
import { AgentContainers, check, IMAGE_FOLDER, inspected, NO_ENGINE } from './container-engine.ts';

interface Component {
  readonly type: string;
  readonly name: string;
  readonly version?: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
}

describeUnless(NO_ENGINE, 'the SBOM of the image', () => {
  const directory = newFolder('container-sbom');
  const containers = new AgentContainers();
  let bom: { bomFormat: string; specVersion: string; metadata: { component: Component }; components: Component[] };

  // Takes about 40 s, because the tool reads every file. There is no network here, so `make-sbom.mjs --install` ran before.
  beforeAll(() => {
    containers.build();
    const file = join(directory, 'sbom.json');
    const args = [join(IMAGE_FOLDER, 'make-sbom.mjs'), containers.image, file];
    runSyncOk(process.execPath, args, { timeout: 300_000 });
    bom = JSON.parse(readFileSync(file, 'utf8'));
  }, 400_000);
  afterAll(() => containers.release());

  check('the SBOM is in CycloneDX format, with the image’s name and the agent’s version', () => {
    const { bomFormat, specVersion, metadata } = bom;
    const version = inspected(containers.image, '.Config.Labels')['org.opencontainers.image.version'];
    expect({ bomFormat, component: metadata.component }).toMatchObject({
      bomFormat: 'CycloneDX',
      component: { type: 'container', name: 'agent-image-test', version },
    });
    return `CycloneDX ${specVersion}, agent ${version}`;
  });

  check('the SBOM lists every package of the base with its version', () => {
    const query = `dpkg-query --show --showformat '\${db:Status-Abbrev}\${Package} \${Version}\\n' | sed -n 's/^ii *//p'`;
    const installed = containers.asRoot(query).split('\n').sort();
    // The SBOM also lists source packages.
    const listed = new Set(bom.components.map(({ name, version }) => `${name} ${version}`));
    expect(installed.length).toBeGreaterThan(50);
    expect(installed.filter((one) => !listed.has(one))).toEqual([]);
    return `${installed.length} of ${installed.length} packages`;
  });

  check('the SBOM lists the agent with its checksum', () => {
    const path = '/home/tfc-agent/bin/tfc-agent';
    const file = bom.components.find(({ properties }) => properties?.some(({ value }) => value === path));
    const [sum] = containers.asRoot(`sha1sum ${path}`).split(' ');
    expect(file?.hashes).toContainEqual({ alg: 'SHA-1', content: sum });
    return 'MD5 and SHA-1 of /home/tfc-agent/bin/tfc-agent';
  });
});
