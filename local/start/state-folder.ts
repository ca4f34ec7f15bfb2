/** `--state`: keeps port, certificate and tokens between starts, so that clients need no new setup. */
import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import * as z from 'zod';
import { type KeyPair, type LoopbackCertificate, newKeyPair } from '../hcp-terraform/certificate.ts';
import type { Seeds } from '../hcp-terraform/world.ts';
import { SETTINGS_HOSTNAME } from './settings-hostname.ts';

/** The folder can't be used. The message says why, and what to do. */
export class StateFolderError extends Error {
  override readonly name = 'StateFolderError';
}

const user = z.object({
  id: z.string(),
  username: z.string(),
  isServiceAccount: z.boolean(),
  access: z.enum(['owner', 'read', 'pools']),
  apiToken: z.string(),
});
const kept = z.object({
  version: z.literal(1),
  port: z.int().min(1).max(65_535),
  seeds: z.object({
    organization: z.string(),
    owner: user,
    launcher: user,
    pool: z.object({ id: z.string(), name: z.string(), tokenId: z.string(), token: z.string() }),
  }),
  key: z.string(),
  cert: z.string(),
});

const DAYS = 397;
const LEAST_DAYS_LEFT = 7;
const DAY_MS = 86_400_000;

export interface StateFolder {
  readonly directory: string;
  /** The port and the seeds are those of the last start. They are absent for the first start. */
  readonly identity: {
    readonly certificate: LoopbackCertificate;
    readonly port?: number;
    readonly seeds?: Seeds;
  };
  /** Call this when everything is running. */
  save(port: number, seeds: Seeds): Promise<void>;
}

/** Creates the folder, or reads it if an earlier start created it. @throws StateFolderError */
export async function openStateFolder(path: string, now: number): Promise<StateFolder> {
  const directory = resolve(path);
  await mkdir(directory, { recursive: true, mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    const why =
      error.code === 'EEXIST' || error.code === 'ENOTDIR' ? 'it is a file, or a part of it is' : error.message;
    throw new StateFolderError(
      `${directory} can't be the state folder: ${why}. Choose a folder that you can write to.`,
    );
  });
  const { mode } = await stat(directory);
  if ((mode & 0o077) !== 0) {
    throw new StateFolderError(
      `Other users can open the state folder ${directory}, but it will contain tokens and a private key. Restrict it first: chmod 700 ${directory}`,
    );
  }
  const file = join(directory, 'state.json');
  const before = await read(file);
  const pair = before !== undefined && isValid(before, now) ? before : await newKeyPair(DAYS, [SETTINGS_HOSTNAME]);
  const caFile = join(directory, 'ca.pem');
  await writeFile(caFile, pair.cert);
  return {
    directory,
    identity: {
      ...(before === undefined ? {} : { port: before.port, seeds: before.seeds }),
      certificate: { key: pair.key, cert: pair.cert, file: caFile, remove: async () => {} },
    },
    async save(port, seeds) {
      const text = JSON.stringify({ version: 1, port, seeds, key: pair.key, cert: pair.cert } satisfies z.input<
        typeof kept
      >);
      // Write atomically, because an incomplete file would make the next start fail.
      await writeFile(`${file}.new`, `${text}\n`, { mode: 0o600 });
      await rename(`${file}.new`, file);
    },
  };
}

async function read(file: string): Promise<z.infer<typeof kept> | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return kept.parse(JSON.parse(text));
  } catch {
    throw new StateFolderError(
      `${file} was not written by this version of npm start. Remove it, or choose another folder.`,
    );
  }
}

/** Whether an earlier certificate can be used again. */
function isValid({ cert }: KeyPair, now: number): boolean {
  const certificate = new X509Certificate(cert);
  // Earlier versions created certificates without this name.
  const hasName = certificate.checkHost(SETTINGS_HOSTNAME) !== undefined;
  return hasName && certificate.validToDate.getTime() > now + LEAST_DAYS_LEFT * DAY_MS;
}
