/** Sizes and times of the image for docs/container-review.md. Each measurement has a value before and a value after a change. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runSyncOk } from '../../test/processes.ts';
import { newFolder } from '../../test/temporary-folder.ts';
import { describeUnless } from '../../test/unless.ts';
import { AgentContainers, BASE, buildOnBase, engine, engineOk, inspected, NO_BASE } from './container-engine.ts';

const RUNS = 5;
const MIRRORS = ['/home/tfc-agent/.tfc-agent/mirror', '/opt/terraform/mirror'];

function measure(title: string, body: () => { readonly before: string; readonly after: string }): void {
  test(title, { timeout: 120_000 }, async ({ annotate }) => {
    const { before, after } = body();
    await annotate(before, 'before');
    await annotate(after, 'after');
  });
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
/** The median, the minimum and the maximum. The engine uses two clocks that differ slightly, so a time can be negative. */
const spread = (values: readonly number[]) => {
  const seconds = values.map((value) => Math.max(0, value)).sort((a, b) => a - b);
  const [least, median, most] = [0, Math.floor(seconds.length / 2), -1].map((index) => seconds.at(index)?.toFixed(2));
  return `${median} s (${least}–${most})`;
};
const times = <Value>(body: () => Value): Value[] => Array.from({ length: RUNS }, body);

/** The largest layer of an image after skopeo compressed it in this format. */
function largestLayer(archive: string, folder: string, format: string): Buffer {
  const to = join(folder, format);
  const args = ['--quiet', '--dest-compress-format', format, `docker-archive:${archive}`, `oci:${to}:image`];
  runSyncOk('skopeo', ['copy', ...args]);
  const read = (digest: string) => readFileSync(join(to, 'blobs', ...digest.split(':')));
  const index = JSON.parse(readFileSync(join(to, 'index.json'), 'utf8'));
  const manifest: { layers: { size: number; digest: string; mediaType: string }[] } = JSON.parse(
    read(index.manifests[0].digest).toString(),
  );
  const largest = manifest.layers.reduce((a, b) => (b.size > a.size ? b : a));
  expect(largest.mediaType).toContain(format);
  return read(largest.digest);
}

describeUnless(NO_BASE, 'sizes and times of the image', () => {
  const directory = newFolder('container-measures');
  const containers = new AgentContainers();
  beforeAll(() => containers.build(), 180_000);
  afterAll(() => containers.release());

  measure('unpacked size (before: the base; after: the image)', () => ({
    before: megabytes(inspected(`${BASE}`, '.Size')),
    after: megabytes(inspected(containers.image, '.Size')),
  }));

  describe('largest layer (before: gzip; after: zstd)', () => {
    let gzip: Buffer;
    let zstd: Buffer;
    beforeAll(() => {
      const archive = join(directory, 'image.tar');
      engineOk(['save', '--output', archive, containers.image]);
      gzip = largestLayer(archive, directory, 'gzip');
      zstd = largestLayer(archive, directory, 'zstd');
    }, 180_000);

    measure('size', () => {
      expect(zstd.length).toBeLessThan(gzip.length);
      const less = Math.round((1 - zstd.length / gzip.length) * 100);
      return { before: megabytes(gzip.length), after: `${megabytes(zstd.length)} (${less} % less)` };
    });

    measure('time to unpack on one core', () => {
      const seconds = (unpack: () => Buffer) => {
        const from = performance.now();
        unpack();
        return (performance.now() - from) / 1000;
      };
      expect(gunzipSync(gzip).equals(zstdDecompressSync(zstd))).toBe(true);
      return {
        before: spread(times(() => seconds(() => gunzipSync(gzip)))),
        after: spread(times(() => seconds(() => zstdDecompressSync(zstd)))),
      };
    });
  });

  interface Start {
    readonly toRunning: number;
    readonly toAgent: number;
  }

  /** The phases of a start in seconds, by the engine's own times: from the request to running, and to the agent's first line. */
  function start(options: readonly string[], image: string): Start {
    const [, name = '', ...rest] = containers.options(undefined);
    engineOk(['run', '--detach', '--name', name, ...rest, ...options, image]);
    let line = '';
    while (!line.includes('Starting')) line = engine(['logs', '--timestamps', name]).stdout.split('\n', 1)[0] ?? '';
    const state = engineOk(['inspect', '--format', '{{.Created}} {{.State.StartedAt}}', name]);
    engine(['rm', '--force', '--volumes', name]);
    const [created = 0, started = 0, logged = 0] = `${state} ${line}`.split(' ', 3).map((text) => Date.parse(text));
    return { toRunning: (started - created) / 1000, toAgent: (logged - started) / 1000 };
  }
  const starts = (options: readonly string[], image: string) => {
    start(options, image);
    return times(() => start(options, image));
  };

  describe('container start with cached layers (before: the base; after: the image)', () => {
    let bare: Start[];
    let ours: Start[];
    beforeAll(() => {
      bare = starts(['--tmpfs', '/tmp'], `${BASE}`);
      ours = starts([], containers.image);
    }, 180_000);

    const phase = (name: keyof Start) => () => ({
      before: spread(bare.map((each) => each[name])),
      after: spread(ours.map((each) => each[name])),
    });
    measure('from the request until the container runs', phase('toRunning'));
    measure('from the running container until the agent’s first log line', phase('toAgent'));
  });

  describe('container start with 200 MB of providers in the image (before: inside a volume; after: outside)', () => {
    const fat = MIRRORS.map((folder, index) => ({ folder, tag: `agent-fat-base:${index}`, on: new AgentContainers() }));
    beforeAll(() => {
      for (const { folder, tag, on } of fat) {
        const fill = `mkdir -p ${folder} && head -c 200000000 /dev/urandom >${folder}/provider && chown -R tfc-agent: ${folder}`;
        on.build(buildOnBase(tag, `RUN ${fill}`));
      }
    }, 300_000);
    afterAll(() => {
      for (const { tag, on } of fat) {
        on.release();
        engine(['rmi', '--force', tag]);
      }
    });

    measure('from the request until the container runs', () => {
      const [before = '', after = ''] = fat.map(({ on }) =>
        spread(starts([], on.image).map(({ toRunning }) => toRunning)),
      );
      return { before, after };
    });
  });
});
