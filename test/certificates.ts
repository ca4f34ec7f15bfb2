/** Certificates for tests: an authority of a company, and servers that it vouches for. */
import { generate } from 'selfsigned';

const DAY_MS = 86_400_000;

export interface Authority {
  readonly key: string;
  readonly cert: string;
}

/** Creates a certificate authority. @param days until it expires, counted from now; can be negative */
export async function newAuthority(name: string, days = 3650): Promise<Authority> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - 400 * DAY_MS),
    notAfterDate: new Date(Date.now() + days * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { key, cert };
}

/** Creates the certificate of a server, signed by an authority. */
export async function certificateFor(authority: Authority, hosts: readonly string[], days = 30): Promise<Authority> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: hosts[0] ?? 'server' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - DAY_MS),
    notAfterDate: new Date(Date.now() + days * DAY_MS),
    ca: authority,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: hosts.map((value) => ({ type: 2 as const, value })) },
    ],
  });
  return { key, cert };
}
