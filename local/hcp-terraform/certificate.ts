/** A certificate of its own for loopback, usable as its own authority: `SSL_CERT_FILE` and `NODE_EXTRA_CA_CERTS` take it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';

export interface LoopbackCertificate {
  readonly key: string;
  readonly cert: string;
  /** The certificate as a PEM file. */
  readonly file: string;
  /** Removes the file. */
  remove(): Promise<void>;
}

export async function loopbackCertificate(): Promise<LoopbackCertificate> {
  const pems = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    // A day's grace on either side: containers and virtual machines have wandering clocks.
    notBeforeDate: new Date(Date.now() - 86_400_000),
    notAfterDate: new Date(Date.now() + 30 * 86_400_000),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  const directory = await mkdtemp(join(tmpdir(), 'hcp-terraform-'));
  const file = join(directory, 'ca.pem');
  await writeFile(file, pems.cert);
  return { key: pems.private, cert: pems.cert, file, remove: () => rm(directory, { recursive: true, force: true }) };
}
