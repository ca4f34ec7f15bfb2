/**
 * Certificates of private certificate authorities, in a PEM file. The launcher's functions get the file with their code, and the built image
 * gets it as a build argument. Certificates are public, so both may contain them.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { credentialIn } from '../credentials.ts';

/** Maximum size of the file. Docker gets it as an argument, and Linux limits an argument to 128 KiB. */
const MOST_BYTES = 64 * 1024;

const DAY_MS = 86_400_000;
/** Warn this long before a certificate expires. */
const EXPIRES_SOON_DAYS = 30;

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;

export interface CertificatesFault {
  readonly given: string;
  readonly allowed: string;
  readonly remedy: string;
}

const ALLOWED = `a file with 1 or more certificates in PEM, up to ${MOST_BYTES / 1024} KiB, and nothing else`;

/** Why a file can't be used; `undefined` if it can. The texts contain nothing from the file. */
export function certificatesFault(file: string): CertificatesFault | undefined {
  const named = JSON.stringify(file);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    return {
      given: `${named}, which can't be read (${code})`,
      allowed: ALLOWED,
      remedy: 'correct the path. It is relative to the folder in which you run the CDK, usually the folder of cdk.json',
    };
  }
  const wrong = contentFault(text);
  return wrong === undefined ? undefined : { ...wrong, given: `${named}, ${wrong.given}` };
}

function contentFault(text: string): CertificatesFault | undefined {
  const secret = credentialIn(text);
  if (secret !== undefined || /PRIVATE KEY/.test(text)) {
    return {
      given: `which contains ${secret ?? 'a private key'}, so it is not shown`,
      allowed: ALLOWED,
      remedy:
        'remove the key: clients need only the certificates. This file becomes part of the code and of the image. If someone else could read it there, replace the key',
    };
  }
  if (Buffer.byteLength(text) > MOST_BYTES) {
    return {
      given: `which has ${Buffer.byteLength(text)} bytes`,
      allowed: ALLOWED,
      remedy: 'keep only the certificates of the authorities in your company. Public authorities are trusted already',
    };
  }
  const blocks = [...text.matchAll(BLOCK)];
  if (blocks.length === 0) {
    return {
      given: 'which contains no certificate in PEM',
      allowed: ALLOWED,
      remedy: 'convert it. For a certificate in DER: openssl x509 -inform der -in FILE -out ca.pem',
    };
  }
  for (const [index, [block, label]] of blocks.entries()) {
    if (label !== 'CERTIFICATE' || !isCertificate(block)) {
      return {
        given: `whose PEM block ${index + 1} is ${label === 'CERTIFICATE' ? 'damaged' : 'not a certificate'}`,
        allowed: ALLOWED,
        remedy:
          'export the certificates of the authority again. This shows what a file contains: openssl x509 -in FILE -noout -text',
      };
    }
  }
  return undefined;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

/** The certificates of a file without comments, one PEM block after the other. Reads only files without a fault. */
export function certificatesIn(file: string): string {
  const fault = certificatesFault(file);
  if (fault !== undefined) {
    throw new Error(`The file with certificates is ${fault.given}. Allowed: ${fault.allowed}. To do: ${fault.remedy}.`);
  }
  return `${(readFileSync(file, 'utf8').match(BLOCK) ?? []).map((block) => block.replaceAll('\r\n', '\n')).join('\n')}\n`;
}

/** What is suspicious about certificates, but can be intended. */
export function* certificateWarnings(
  pem: string,
  nowMs: number,
): Iterable<{ readonly id: string; readonly text: string }> {
  for (const [index, block] of (pem.match(BLOCK) ?? []).entries()) {
    const certificate = new X509Certificate(block);
    const name = `Certificate ${index + 1} of caCertificates (${nameOf(certificate)})`;
    const until = certificate.validToDate;
    const days = Math.floor((until.getTime() - nowMs) / DAY_MS);
    const date = until.toISOString().slice(0, 10);
    if (days < 0) {
      yield {
        id: 'agent-launcher:caExpired',
        text: `${name} expired on ${date}. No connection trusts it any more. Replace it in the file, or remove it.`,
      };
    } else if (days < EXPIRES_SOON_DAYS) {
      yield {
        id: 'agent-launcher:caExpires',
        text: `${name} expires on ${date}. Add its successor to the file and deploy again before this date: both can be in the file.`,
      };
    }
    if (!certificate.ca) {
      yield {
        id: 'agent-launcher:caIsNoAuthority',
        text: `${name} isn't the certificate of a certificate authority. Programs in Go, such as the agent and Terraform, may refuse a server that uses it. Use the authority's certificate.`,
      };
    }
  }
}

/** The subject's common name, or its complete subject, in one line of printable characters. */
function nameOf({ subject }: X509Certificate): string {
  const name = /^CN=(.+)$/m.exec(subject ?? '')?.[1] ?? subject ?? 'without a subject';
  return name.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 80);
}
