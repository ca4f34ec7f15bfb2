import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AgentContainers, ENGINE, engine, engineOk } from './container-engine.ts';

const base = process.env['BASE_IMAGE'];
const missing = ENGINE === undefined || base === undefined;
const RUNS = 5;

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
/** The median, and the least and the most. The engine's two clocks may differ by a hair. */
const spread = (values: readonly number[]) => {
  const seconds = values.map((value) => Math.max(0, value)).sort((a, b) => a - b);
  const [least, median, most] = [0, Math.floor(seconds.length / 2), -1].map((index) => seconds.at(index)?.toFixed(2));
  return `${median} s (${least}–${most})`;
};

describe.skipIf(missing)(
  `sizes and times of the image${missing ? ' (skipped: see labs/containers/with-docker.sh)' : ''}`,
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'container-measures-'));
    const containers = new AgentContainers();
    beforeAll(() => containers.build(), 180_000);
    afterAll(() => {
      containers.release();
      rmSync(directory, { recursive: true });
    });

    const sizeOf = (image: string) => Number(engineOk(['image', 'inspect', '--format', '{{.Size}}', image]));

    test('size, unpacked: the base, and the image on it', async ({ annotate }) => {
      await annotate(megabytes(sizeOf(`${base}`)), 'before');
      await annotate(megabytes(sizeOf(containers.image)), 'after');
    });

    describe('the largest layer: gzip, and zstd', () => {
      const layers: Record<string, Buffer> = {};
      beforeAll(() => {
        const archive = join(directory, 'image.tar');
        engineOk(['save', '--output', archive, containers.image]);
        for (const format of ['gzip', 'zstd']) {
          const to = join(directory, format);
          const args = [
            'copy',
            '--quiet',
            '--dest-compress-format',
            format,
            `docker-archive:${archive}`,
            `oci:${to}:image`,
          ];
          const { status, stderr, error } = spawnSync('skopeo', args, { encoding: 'utf8' });
          if (status !== 0) throw new Error(`skopeo: ${error?.message ?? stderr}`);
          const read = (digest: string) => readFileSync(join(to, 'blobs', ...digest.split(':')));
          const index = JSON.parse(readFileSync(join(to, 'index.json'), 'utf8'));
          const manifest: { layers: { size: number; digest: string; mediaType: string }[] } = JSON.parse(
            read(index.manifests[0].digest).toString(),
          );
          const largest = manifest.layers.reduce((a, b) => (b.size > a.size ? b : a));
          expect(largest.mediaType).toContain(format);
          layers[format] = read(largest.digest);
        }
      }, 180_000);
      const layer = (format: string): Buffer => {
        const found = layers[format];
        if (found === undefined) throw new Error(`no layer in ${format}`);
        return found;
      };

      test('size', async ({ annotate }) => {
        const [gzip, zstd] = [layer('gzip').length, layer('zstd').length];
        expect(zstd).toBeLessThan(gzip);
        await annotate(megabytes(gzip), 'before');
        await annotate(`${megabytes(zstd)} (${Math.round((1 - zstd / gzip) * 100)} % less)`, 'after');
      });

      test('unpacking on one core', async ({ annotate }) => {
        const time = (unpack: () => Buffer) =>
          Array.from({ length: RUNS }, () => {
            const from = performance.now();
            unpack();
            return (performance.now() - from) / 1000;
          });
        expect(gunzipSync(layer('gzip')).equals(zstdDecompressSync(layer('zstd')))).toBe(true);
        await annotate(spread(time(() => gunzipSync(layer('gzip')))), 'before');
        await annotate(spread(time(() => zstdDecompressSync(layer('zstd')))), 'after');
      });
    });

    /** Phases of a start: asked for to running, and running to the agent's first word; by the engine's own times. */
    function start(options: readonly string[], image: string): { toRunning: number; toAgent: number } {
      const [, name = ''] = containers.options(undefined);
      const rest = containers.options(undefined).slice(2);
      engineOk(['run', '--detach', '--name', name, ...rest, ...options, image]);
      let line = '';
      while (!line.includes('Starting')) line = engine(['logs', '--timestamps', name]).stdout.split('\n', 1)[0] ?? '';
      const [created = '', started = ''] = engineOk([
        ...['inspect', '--format', '{{.Created}} {{.State.StartedAt}}', name],
      ]).split(' ');
      engine(['rm', '--force', '--volumes', name]);
      const at = (text: string) => Date.parse(text);
      return {
        toRunning: (at(started) - at(created)) / 1000,
        toAgent: (at(line.split(' ', 1)[0] ?? '') - at(started)) / 1000,
      };
    }
    const starts = (options: readonly string[], image: string) => {
      start(options, image);
      return Array.from({ length: RUNS }, () => start(options, image));
    };

    describe('a start with the layers present: the base’s agent itself, and the image', () => {
      let bare: ReturnType<typeof starts>;
      let ours: ReturnType<typeof starts>;
      beforeAll(() => {
        bare = starts(['--tmpfs', '/tmp'], `${base}`);
        ours = starts([], containers.image);
      }, 180_000);

      test('asked for to running', async ({ annotate }) => {
        await annotate(spread(bare.map(({ toRunning }) => toRunning)), 'before');
        await annotate(spread(ours.map(({ toRunning }) => toRunning)), 'after');
      });

      test('running to the agent’s first word', async ({ annotate }) => {
        await annotate(spread(bare.map(({ toAgent }) => toAgent)), 'before');
        await annotate(spread(ours.map(({ toAgent }) => toAgent)), 'after');
      });
    });

    describe('a start with 200 MB of providers in the image', () => {
      const fat = new Map<string, AgentContainers>();
      beforeAll(() => {
        for (const place of ['/home/tfc-agent/.tfc-agent/mirror', '/opt/terraform/mirror']) {
          const folder = mkdtempSync(join(directory, 'fat-'));
          const fill = `mkdir -p ${place} && head -c 200000000 /dev/urandom >${place}/provider && chown -R tfc-agent: ${place}`;
          writeFileSync(join(folder, 'Dockerfile'), `FROM ${base}\nUSER root\nRUN ${fill}\nUSER tfc-agent\n`);
          const tag = `agent-fat-base:${fat.size}`;
          engineOk(['build', '--network', 'none', '--tag', tag, folder]);
          const image = new AgentContainers();
          image.build(tag);
          fat.set(place, image);
        }
      }, 300_000);
      afterAll(() => {
        for (const image of fat.values()) image.release();
        for (const tag of ['agent-fat-base:0', 'agent-fat-base:1']) engine(['rmi', '--force', tag]);
      });

      test('inside a volume, and outside: asked for to running', async ({ annotate }) => {
        const [inside = [], outside = []] = [...fat.values()].map(({ image }) =>
          starts([], image).map(({ toRunning }) => toRunning),
        );
        await annotate(spread(inside), 'before');
        await annotate(spread(outside), 'after');
      }, 120_000);
    });
  },
);
