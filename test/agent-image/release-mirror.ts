/** A mirror of HashiCorp's release host that is signed by a test key, and faulty versions of it. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { whyMissing } from '../processes.ts';
import { elf, zip } from './archives.ts';
import type { Keys } from './release-keys.ts';

export const VERSION = '1.33.0';
const SUMS = `tfc-agent_${VERSION}_SHA256SUMS`;
const ARCHIVES = {
  amd64: `tfc-agent_${VERSION}_linux_amd64.zip`,
  arm64: `tfc-agent_${VERSION}_linux_arm64.zip`,
} as const;

/** Why this machine can't sign or fetch a release, or `undefined` if it can. */
export const whyNoReleases = (): string | undefined => whyMissing('gpg', 'gpgv', 'curl', 'unzip');

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** The files of a mirror, by path. */
export type Files = Record<string, Buffer>;

const path = (name: string) => `tfc-agent/${VERSION}/${name}`;
export const KEY_PATH = 'pgp-key.txt';

/** A release that passes all checks. `program` is used for both programs on amd64, `programOnArm` for both on arm64. */
export function goodRelease(keys: Keys, program: Buffer = elf('amd64'), programOnArm: Buffer = elf('arm64')): Files {
  const files: Files = {
    [KEY_PATH]: keys.public(keys.fingerprint),
    [path(ARCHIVES.amd64)]: zip({
      'tfc-agent': program,
      'tfc-agent-core': program,
      'LICENSE.txt': Buffer.from('terms'),
    }),
    [path(ARCHIVES.arm64)]: zip({ 'tfc-agent': programOnArm, 'tfc-agent-core': programOnArm }),
  };
  const line = (name: string) => `${sha256(files[path(name)] ?? Buffer.of())}  ${name}\n`;
  return signed(keys, files, `${line(ARCHIVES.amd64)}${line(ARCHIVES.arm64)}`);
}

/** A release of terraform that passes all checks. */
export function terraformRelease(keys: Keys, version: string): Files {
  const archive = `terraform_${version}_linux_amd64.zip`;
  const content = zip({ terraform: elf('amd64'), 'LICENSE.txt': Buffer.from('terms') });
  const sums = Buffer.from(`${sha256(content)}  ${archive}\n`);
  const sumsPath = `terraform/${version}/terraform_${version}_SHA256SUMS`;
  return {
    [KEY_PATH]: keys.public(keys.fingerprint),
    [`terraform/${version}/${archive}`]: content,
    [sumsPath]: sums,
    [`${sumsPath}.sig`]: keys.sign(sums, [keys.subkey]),
  };
}

function signed(keys: Keys, files: Files, sums: string, by: readonly string[] = [keys.subkey]): Files {
  const text = Buffer.from(sums);
  return { ...files, [path(SUMS)]: text, [path(`${SUMS}.sig`)]: keys.sign(text, by) };
}

/** A defect of a release, and what the refusal says. */
export interface Fault {
  readonly name: string;
  readonly says: RegExp;
  /** Whether the container lab also tests this defect. */
  readonly inLab?: boolean;
  files(keys: Keys): Files;
}

const AMD64 = path(ARCHIVES.amd64);
const SIGNATURE = path(`${SUMS}.sig`);
const NOT_SIGNED = /is not one valid signature of/;
const bytesIn = (files: Files, file: string): Buffer => files[file] ?? Buffer.of();

/** Replaces files of a good release. */
const replacing = (changes: (keys: Keys, good: Files) => Files) => (keys: Keys) => {
  const good = goodRelease(keys);
  return { ...good, ...changes(keys, good) };
};
/** Changes the checksums of a good release and signs them, by default with the right key. */
const signing = (change: (sums: string) => string, by = (keys: Keys): readonly string[] => [keys.subkey]) =>
  replacing((keys, good) => signed(keys, good, change(bytesIn(good, path(SUMS)).toString()), by(keys)));
/** Replaces the archive of a good release, with a right checksum. */
const swapping = (archive: Buffer) =>
  replacing((keys) => signed(keys, { [AMD64]: archive }, `${sha256(archive)}  ${ARCHIVES.amd64}\n`));
const unchanged = (sums: string) => sums;

export const FAULTS: readonly Fault[] = [
  {
    name: 'wrong checksum',
    says: /has the checksum [0-9a-f]{64}, but/,
    inLab: true,
    files: replacing(() => ({ [AMD64]: zip({ 'tfc-agent': elf('amd64'), evil: elf('amd64') }) })),
  },
  {
    name: 'truncated archive',
    says: /different file or incomplete/,
    inLab: true,
    files: replacing((_, good) => ({ [AMD64]: bytesIn(good, AMD64).subarray(0, -20) })),
  },
  {
    name: 'signature of different checksums',
    says: NOT_SIGNED,
    inLab: true,
    files: replacing((_, good) => ({
      [path(SUMS)]: Buffer.from(bytesIn(good, path(SUMS)).toString().replace(/^./, 'e').concat('\n')),
    })),
  },
  {
    name: 'signature by a foreign subkey',
    says: NOT_SIGNED,
    inLab: true,
    files: signing(unchanged, (keys) => [keys.foreignSubkey]),
  },
  {
    name: 'published key that is not the pinned key',
    says: /is expected/,
    inLab: true,
    files: (keys) => ({
      ...signing(unchanged, () => [keys.foreign])(keys),
      [KEY_PATH]: keys.public(keys.foreign),
    }),
  },
  {
    name: 'archive missing from the checksums',
    says: /does not list .*amd64\.zip exactly once/,
    inLab: true,
    files: signing((sums) => sums.split('\n').slice(1).join('\n')),
  },
  {
    name: 'checksums without a signature',
    says: /could not fetch .*SHA256SUMS\.sig/,
    inLab: true,
    files: (keys) => {
      const { [SIGNATURE]: _, ...unsigned } = goodRelease(keys);
      return unsigned;
    },
  },
  { name: 'empty signature', says: NOT_SIGNED, files: replacing(() => ({ [SIGNATURE]: Buffer.of() })) },
  { name: 'archive listed twice in the checksums', says: /exactly once/, files: signing((sums) => sums.repeat(2)) },
  {
    name: 'several keys in the key file',
    says: /is expected/,
    files: replacing((keys) => ({ [KEY_PATH]: keys.public(keys.fingerprint, keys.foreign) })),
  },
  {
    name: 'no key in the key file',
    says: /contains no OpenPGP key|is expected/,
    files: replacing(() => ({ [KEY_PATH]: Buffer.from('<html>moved</html>') })),
  },
  {
    name: 'signed twice, once by a foreign key',
    says: NOT_SIGNED,
    files: signing(unchanged, (keys) => [keys.subkey, keys.foreign]),
  },
  {
    name: 'expired signature',
    says: NOT_SIGNED,
    files: replacing((keys, good) => ({
      [SIGNATURE]: keys.sign(
        bytesIn(good, path(SUMS)),
        [keys.fingerprint],
        ['--faked-system-time', '20200101T000000!', '--default-sig-expire', '1d', '--ignore-time-conflict'],
      ),
    })),
  },
  { name: 'revoked key', says: NOT_SIGNED, files: replacing((keys) => ({ [KEY_PATH]: keys.revoked() })) },
  {
    name: 'signature by SHA-1',
    says: NOT_SIGNED,
    files: replacing((keys, good) => ({
      [SIGNATURE]: keys.sign(bytesIn(good, path(SUMS)), [keys.subkey], ['--digest-algo', 'SHA1']),
    })),
  },
  {
    name: 'the other architecture in the archive',
    says: /is not a program for amd64/,
    files: swapping(zip({ 'tfc-agent': elf('arm64'), 'tfc-agent-core': elf('arm64') })),
  },
  {
    name: 'no core in the archive',
    says: /contains no file tfc-agent-core/,
    files: swapping(zip({ 'tfc-agent': elf('amd64') })),
  },
];

/** Writes a release to a directory of a web server. */
export function writeRelease(directory: string, files: Files): void {
  for (const [name, bytes] of Object.entries(files)) {
    const file = join(directory, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
}
