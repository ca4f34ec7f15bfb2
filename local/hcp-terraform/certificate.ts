/** A self-signed certificate for loopback. Clients trust it through `SSL_CERT_FILE` or `NODE_EXTRA_CA_CERTS`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';

/** Private key and certificate in PEM. */
export interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

export interface LoopbackCertificate extends KeyPair {
  /** The certificate as a PEM file. */
  readonly file: string;
  /** Removes the file. */
  remove(): Promise<void>;
}

const DAY_MS = 86_400_000;

/**
 * Creates a certificate that can't sign others, so a user who trusts it trusts only this server.
 *
 * @param hosts hostnames in addition to those of loopback
 */
export async function newKeyPair(days: number, hosts: readonly string[] = []): Promise<KeyPair> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    // One day of tolerance, because clocks of containers and virtual machines can be wrong.
    notBeforeDate: new Date(Date.now() - DAY_MS),
    notAfterDate: new Date(Date.now() + days * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...['localhost', ...hosts].map((host) => ({ type: 2 as const, value: host.replace(/:\d+$/, '') })),
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  return { key, cert };
}

/** Creates a new certificate for each start, with its file in a folder that only this user can read. */
export async function loopbackCertificate(hosts: readonly string[] = []): Promise<LoopbackCertificate> {
  const pair = await newKeyPair(30, hosts);
  const directory = await mkdtemp(join(tmpdir(), 'hcp-terraform-'));
  const file = join(directory, 'ca.pem');
  await writeFile(file, pair.cert);
  return { ...pair, file, remove: () => rm(directory, { recursive: true, force: true }) };
}
