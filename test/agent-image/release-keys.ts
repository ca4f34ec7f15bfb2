/**
 * OpenPGP keys that gpg creates for the tests: a key with a signing subkey in place of HashiCorp's, and a foreign key. They have
 * their own GNUPGHOME, so that the tests neither read nor change the user's keys.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newFolder } from '../temporary-folder.ts';

export class Keys {
  private readonly home = newFolder('release-keys');
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

  /** A detached binary signature of `text` by exactly these keys. */
  sign(text: Buffer, keys: readonly string[], options: readonly string[] = []): Buffer {
    const file = join(this.home, 'signed');
    writeFileSync(file, text);
    const users = keys.flatMap((key) => ['--local-user', `${key}!`]);
    return this.gpg(...options, ...users, '--output', '-', '--detach-sign', file);
  }

  /** The public release key with its revocation. */
  revoked(): Buffer {
    const certificate = join(this.home, 'openpgp-revocs.d', `${this.fingerprint}.rev`);
    const other = newFolder('release-keys');
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
  }

  release(): void {
    spawnSync('gpgconf', ['--kill', 'all'], { env: { PATH: process.env['PATH'] ?? '', GNUPGHOME: this.home } });
  }
}
