/** Import time and size of the launcher's bundle, next to a bundle of its three SDK clients alone. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { type BuildOptions, build, type Metafile } from 'esbuild';
import { BUNDLE_OPTIONS, BUNDLE_PLUGINS } from '../lib/bundle/bundle-options.ts';
import { BUNDLE_ENVIRONMENT } from '../lib/bundle/lambda-bundle.ts';
import { PACKAGE_ROOT } from '../lib/package-root.ts';
import { median } from './statistics.ts';

const IMPORTS = 15;

/** The commands that the launcher uses, and nothing else. */
const CLIENTS = `
export { DescribeTasksCommand, ECSClient, ListTasksCommand, RunTaskCommand, StopTaskCommand } from '@aws-sdk/client-ecs';
export { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
export { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
`;

export interface ColdStart {
  readonly launcherMs: number;
  readonly clientsMs: number;
  readonly imports: number;
  readonly launcherBytes: number;
  readonly clientsBytes: number;
  /** Bytes of the launcher's bundle by package, largest first. */
  readonly packages: readonly { readonly name: string; readonly bytes: number }[];
}

export async function measureColdStart(): Promise<ColdStart> {
  const folder = await mkdtemp(join(tmpdir(), 'agent-launcher-bench-'));
  try {
    const launcher = await bundled(join(folder, 'launcher.mjs'), { entryPoints: ['functions/launcher/handler.ts'] });
    const clients = await bundled(join(folder, 'clients.mjs'), {
      stdin: { contents: CLIENTS, resolveDir: PACKAGE_ROOT, loader: 'ts' },
    });
    const times: { launcher: number[]; clients: number[] } = { launcher: [], clients: [] };
    // Alternate, so that both have the same share of the machine's other work.
    for (let n = 0; n < IMPORTS; n += 1) {
      times.launcher.push(await importMs(launcher.file));
      times.clients.push(await importMs(clients.file));
    }
    return {
      launcherMs: median(times.launcher) ?? Number.NaN,
      clientsMs: median(times.clients) ?? Number.NaN,
      imports: IMPORTS,
      launcherBytes: launcher.bytes,
      clientsBytes: clients.bytes,
      packages: bytesByPackage(launcher.inputs),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Inputs = Metafile['outputs'][string]['inputs'];

async function bundled(file: string, entry: BuildOptions): Promise<{ file: string; bytes: number; inputs: Inputs }> {
  const { metafile } = await build({
    ...BUNDLE_OPTIONS,
    plugins: [...BUNDLE_PLUGINS],
    ...entry,
    absWorkingDir: PACKAGE_ROOT,
    outfile: file,
    metafile: true,
  });
  const output = Object.entries(metafile.outputs).find(([name]) => name.endsWith('.mjs'))?.[1];
  if (output === undefined) throw new Error(`esbuild wrote no ${file}`);
  return { file, bytes: output.bytes, inputs: output.inputs };
}

/** Duration of the import in a new process, with the function's environment. */
async function importMs(file: string): Promise<number> {
  const url = JSON.stringify(pathToFileURL(file).href);
  const script = `const start = performance.now(); await import(${url}); console.log(performance.now() - start); process.exit();`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    env: { PATH: process.env['PATH'] ?? '', AWS_REGION: 'eu-central-1', ...BUNDLE_ENVIRONMENT },
  });
  return Number(stdout);
}

/** Groups the bundle's bytes by npm package. Files of this repository belong to its own folder. */
export function bytesByPackage(
  inputs: Readonly<Record<string, { readonly bytesInOutput: number }>>,
): { readonly name: string; readonly bytes: number }[] {
  const sums = new Map<string, number>();
  for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
    const name = packageOf(path);
    sums.set(name, (sums.get(name) ?? 0) + bytesInOutput);
  }
  return [...sums].map(([name, bytes]) => ({ name, bytes })).sort((a, b) => b.bytes - a.bytes);
}

function packageOf(path: string): string {
  const at = path.lastIndexOf('node_modules/');
  if (at < 0) return path.split('/').slice(0, 2).join('/');
  const [first = '', second = ''] = path.slice(at + 'node_modules/'.length).split('/');
  return first.startsWith('@') ? `${first}/${second}` : first;
}
