/** A mirror of HashiCorp's release host on loopback, signed by a key made for the test, and every way in which it can be wrong. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

export const VERSION = '1.33.0';
const SUMS = `tfc-agent_${VERSION}_SHA256SUMS`;
export const ARCHIVES = {
  amd64: `tfc-agent_${VERSION}_linux_amd64.zip`,
  arm64: `tfc-agent_${VERSION}_linux_arm64.zip`,
} as const;
const MACHINES = { amd64: [0x3e, 0x00], arm64: [0xb7, 0x00] } as const;

/** Why no release can be signed or fetched here; `undefined` when it can. */
export function whyNoReleases(): string | undefined {
  const missing = ['gpg', 'gpgv', 'curl', 'unzip'].filter((tool) => spawnSync(tool, ['--help']).error !== undefined);
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}`;
}

/** Keys of the test: one in HashiCorp's place with a signing subkey, as HashiCorp's has, and a foreign one. */
export class Keys {
  private readonly home = mkdtempSync(join(tmpdir(), 'release-keys-'));
  readonly fingerprint: string;
  readonly subkey: string;
  readonly foreign: string;
  readonly foreignSubkey: string;

  constructor() {
    [this.fingerprint, this.subkey] = this.make('release@example.com');
    [this.foreign, this.foreignSubkey] = this.make('foreign@example.com');
  }

  private make(name: string): [string, string] {
    this.gpg('--quick-gen-key', name, 'ed25519', 'cert,sign', 'never');
    const [primary = ''] = this.fingerprints(name);
    this.gpg('--quick-add-key', primary, 'ed25519', 'sign', 'never');
    const [, subkey = ''] = this.fingerprints(name);
    return [primary, subkey];
  }

  private fingerprints(name: string): string[] {
    const records = this.gpg('--with-colons', '--list-keys', name).toString().split('\n');
    return records.filter((line) => line.startsWith('fpr:')).map((line) => line.split(':')[9] ?? '');
  }

  gpg(...args: readonly string[]): Buffer {
    return execFileSync('gpg', ['--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '', ...args], {
      env: { PATH: process.env['PATH'] ?? '', GNUPGHOME: this.home },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  public(...names: readonly string[]): Buffer {
    return this.gpg('--armor', '--export', ...names);
  }

  /** Detached binary signature of `text` by exactly these keys. `options` go to gpg. */
  sign(text: Buffer, keys: readonly string[], options: readonly string[] = []): Buffer {
    const file = join(this.home, 'signed');
    writeFileSync(file, text);
    const users = keys.flatMap((key) => ['--local-user', `${key}!`]);
    return this.gpg(...options, ...users, '--output', '-', '--detach-sign', file);
  }

  /** The release key, revoked. */
  revoked(): Buffer {
    const certificate = join(this.home, 'openpgp-revocs.d', `${this.fingerprint}.rev`);
    const other = mkdtempSync(join(tmpdir(), 'release-keys-'));
    try {
      const armor = readFileSync(certificate, 'utf8').replace(':-----BEGIN', '-----BEGIN');
      const run = (args: readonly string[], input?: string | Buffer) =>
        execFileSync('gpg', ['--batch', '--quiet', ...args], {
          env: { PATH: process.env['PATH'] ?? '', GNUPGHOME: other },
          stdio: ['pipe', 'pipe', 'pipe'],
          ...(input === undefined ? {} : { input }),
        });
      run(['--import'], this.public(this.fingerprint));
      run(['--import'], armor);
      return run(['--armor', '--export']);
    } finally {
      rmSync(other, { recursive: true });
    }
  }

  release(): void {
    spawnSync('gpgconf', ['--kill', 'all'], { env: { PATH: process.env['PATH'] ?? '', GNUPGHOME: this.home } });
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** What a mirror serves, by path below its root. */
export type Files = Record<string, Buffer>;

const path = (name: string) => `tfc-agent/${VERSION}/${name}`;
export const KEY_PATH = 'pgp-key.txt';

/** A release as it should be. `program` is an ELF file to stand for both programs on amd64, `programOnArm` on arm64. */
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

/** A release of terraform, signed like the agent's. */
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

/** A way for a release to be wrong, and what the refusal says. */
export interface Fault {
  readonly name: string;
  readonly says: RegExp;
  /** Whether the container lab builds it too. */
  readonly inLab?: boolean;
  files(keys: Keys): Files;
}

const sumsOf = (files: Files) => files[path(SUMS)]?.toString() ?? '';
const spoiled = (keys: Keys, changes: (good: Files) => Files): Files => {
  const good = goodRelease(keys);
  return { ...good, ...changes(good) };
};
const without = (files: Files, name: string): Files =>
  Object.fromEntries(Object.entries(files).filter(([file]) => file !== name));
const swapped = (keys: Keys, archive: Buffer): Files => {
  const files = { ...goodRelease(keys), [path(ARCHIVES.amd64)]: archive };
  return signed(keys, files, `${sha256(archive)}  ${ARCHIVES.amd64}\n`);
};
const SIGNATURE = path(`${SUMS}.sig`);
const NOT_SIGNED = /is not one valid signature of/;

export const FAULTS: readonly Fault[] = [
  {
    name: 'wrong sum',
    says: /has the sum [0-9a-f]{64}, but/,
    inLab: true,
    files: (keys) =>
      spoiled(keys, () => ({ [path(ARCHIVES.amd64)]: zip({ 'tfc-agent': elf('amd64'), evil: elf('amd64') }) })),
  },
  {
    name: 'truncated archive',
    says: /not all of it/,
    inLab: true,
    files: (keys) =>
      spoiled(keys, (good) => ({
        [path(ARCHIVES.amd64)]: good[path(ARCHIVES.amd64)]?.subarray(0, -20) ?? Buffer.of(),
      })),
  },
  {
    name: 'wrong signature: of other sums',
    says: NOT_SIGNED,
    inLab: true,
    files: (keys) =>
      spoiled(keys, (good) => ({ [path(SUMS)]: Buffer.from(sumsOf(good).replace(/^./, 'e').concat('\n')) })),
  },
  {
    name: 'wrong key: signed by a foreign subkey',
    says: NOT_SIGNED,
    inLab: true,
    files: (keys) => signed(keys, goodRelease(keys), sumsOf(goodRelease(keys)), [keys.foreignSubkey]),
  },
  {
    name: 'wrong key: the published key is another',
    says: /and no other/,
    inLab: true,
    files: (keys) =>
      spoiled(keys, (good) => ({
        ...signed(keys, good, sumsOf(good), [keys.foreign]),
        [KEY_PATH]: keys.public(keys.foreign),
      })),
  },
  {
    name: 'archive missing from the sums',
    says: /does not name .*amd64\.zip exactly once/,
    inLab: true,
    files: (keys) => {
      const good = goodRelease(keys);
      return signed(keys, good, sumsOf(good).split('\n').slice(1).join('\n'));
    },
  },
  {
    name: 'unsigned sums',
    says: /could not fetch .*SHA256SUMS\.sig/,
    inLab: true,
    files: (keys) => without(goodRelease(keys), SIGNATURE),
  },
  {
    name: 'empty signature',
    says: NOT_SIGNED,
    files: (keys) => spoiled(keys, () => ({ [SIGNATURE]: Buffer.of() })),
  },
  {
    name: 'archive named twice in the sums',
    says: /exactly once/,
    files: (keys) => {
      const good = goodRelease(keys);
      return signed(keys, good, sumsOf(good).repeat(2));
    },
  },
  {
    name: 'several keys in the key file',
    says: /and no other/,
    files: (keys) => spoiled(keys, () => ({ [KEY_PATH]: keys.public(keys.fingerprint, keys.foreign) })),
  },
  {
    name: 'no key in the key file',
    says: /holds no OpenPGP key|and no other/,
    files: (keys) => spoiled(keys, () => ({ [KEY_PATH]: Buffer.from('<html>moved</html>') })),
  },
  {
    name: 'signed twice, once by a foreign key',
    says: NOT_SIGNED,
    files: (keys) => signed(keys, goodRelease(keys), sumsOf(goodRelease(keys)), [keys.subkey, keys.foreign]),
  },
  {
    name: 'expired signature',
    says: NOT_SIGNED,
    files: (keys) =>
      spoiled(keys, (good) => ({
        [SIGNATURE]: keys.sign(
          good[path(SUMS)] ?? Buffer.of(),
          [keys.fingerprint],
          ['--faked-system-time', '20200101T000000!', '--default-sig-expire', '1d', '--ignore-time-conflict'],
        ),
      })),
  },
  {
    name: 'revoked key',
    says: NOT_SIGNED,
    files: (keys) => spoiled(keys, () => ({ [KEY_PATH]: keys.revoked() })),
  },
  {
    name: 'signature by SHA-1',
    says: NOT_SIGNED,
    files: (keys) =>
      spoiled(keys, (good) => ({
        [SIGNATURE]: keys.sign(good[path(SUMS)] ?? Buffer.of(), [keys.subkey], ['--digest-algo', 'SHA1']),
      })),
  },
  {
    name: 'the other architecture in the archive',
    says: /is no program for amd64/,
    files: (keys) => swapped(keys, zip({ 'tfc-agent': elf('arm64'), 'tfc-agent-core': elf('arm64') })),
  },
  {
    name: 'no core in the archive',
    says: /holds no file tfc-agent-core/,
    files: (keys) => swapped(keys, zip({ 'tfc-agent': elf('amd64') })),
  },
];

/** The first bytes of a program; enough to tell what it is made for, not to run. */
export function elf(architecture: keyof typeof MACHINES): Buffer {
  return Buffer.from([
    0x7f,
    0x45,
    0x4c,
    0x46,
    2,
    1,
    1,
    ...Array(9).fill(0),
    3,
    0,
    ...MACHINES[architecture],
    1,
    0,
    0,
    0,
  ]);
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** A zip file whose members are stored as they are. */
export function zip(members: Readonly<Record<string, Buffer>>): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, bytes] of Object.entries(members)) {
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(bytes.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    const central = Buffer.alloc(14);
    central.writeUInt32LE(0o100755 * 65_536, 6);
    central.writeUInt32LE(offset, 10);
    // 2: made on Unix by version 2.0
    directory.push(Buffer.from([0x50, 0x4b, 1, 2, 20, 3]), common, central, Buffer.from(name));
    const member = [Buffer.from([0x50, 0x4b, 3, 4]), common, Buffer.from(name), bytes];
    parts.push(...member);
    offset += member.reduce((sum, part) => sum + part.length, 0);
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(members).length, 8);
  end.writeUInt16LE(Object.keys(members).length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

/** Writes a release into a directory, for a web server. */
export function writeRelease(directory: string, files: Files): void {
  for (const [name, bytes] of Object.entries(files)) {
    const file = join(directory, name);
    if (!existsSync(join(file, '..'))) mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, bytes);
  }
}
