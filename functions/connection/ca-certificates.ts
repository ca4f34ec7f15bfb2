import { X509Certificate } from 'node:crypto';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { UpstreamError } from './errors.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** Makes every later connection of this process trust the certificates of a secret, in addition to those that it trusts already. */
export function trustCertificates(text: string, secretId: string): void {
  setDefaultCACertificates([...getCACertificates('default'), ...certificatesIn(text, secretId)]);
}

/** The certificates in the string of a secret, in PEM. The error doesn't contain the string. */
export function certificatesIn(text: string, secretId: string): string[] {
  const certificates = text.match(CERTIFICATE) ?? [];
  if (certificates.length > 0 && certificates.every(isCertificate)) return certificates;
  throw new UpstreamError({
    system: 'Secrets Manager',
    fault: 'unexpected-answer',
    what: `secret ${secretId} contains ${certificates.length === 0 ? 'no certificate' : 'a certificate that cannot be read'}; store the certificates of the certificate authority in it, in PEM, or correct caCertificates.secret`,
    request: 'GetSecretValue',
  });
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
