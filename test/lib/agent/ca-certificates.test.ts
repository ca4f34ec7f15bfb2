import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { certificatesFault, certificatesIn, certificateWarnings } from '../../../lib/agent/ca-certificates.ts';
import { type Authority, certificateFor, newAuthority } from '../../certificates.ts';
import { newFolder } from '../../temporary-folder.ts';

let authority: Authority;
let server: Authority;
const folder = newFolder('ca-certificates');
const fileWith = (text: string, name = 'ca.pem') => {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
};

beforeAll(async () => {
  authority = await newAuthority('Corp Root');
  server = await certificateFor(authority, ['tfe.corp.example']);
});

describe('a file with certificates', () => {
  it('is accepted with several certificates, comments and Windows line endings', () => {
    const file = fileWith(`# Corp Root\r\n${authority.cert.replaceAll('\n', '\r\n')}\r\nsubject=x\r\n${server.cert}`);
    expect(certificatesFault(file)).toBeUndefined();
    const pem = certificatesIn(file);
    expect(pem.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(pem).not.toMatch(/\r|Corp|subject/);
  });

  it.each<[string, () => string, RegExp, RegExp]>([
    [
      'a private key',
      () => `${authority.cert}\n${authority.key}`,
      /contains a private key, so it is not shown/,
      /replace the key/,
    ],
    ['no certificate', () => 'hello', /contains no certificate in PEM/, /openssl x509 -inform der/],
    [
      'a public key',
      () => '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n',
      /block 1 is not a certificate/,
      /again/,
    ],
    [
      'a damaged certificate',
      () => `${authority.cert}\n-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n`,
      /block 2 is damaged/,
      /openssl x509 -in FILE/,
    ],
    [
      'more than 64 KiB',
      () => `${authority.cert}${'#'.repeat(64 * 1024)}`,
      /which has \d+ bytes/,
      /Public authorities/,
    ],
  ])('is refused if it contains %s', (_, text, given, remedy) => {
    const file = fileWith(text(), 'wrong.pem');
    const fault = certificatesFault(file);
    expect(fault?.given).toMatch(given);
    expect(fault?.remedy).toMatch(remedy);
    expect(JSON.stringify(fault)).not.toContain(authority.key.split('\n')[1]);
    expect(() => certificatesIn(file)).toThrow(given);
  });

  it('is refused if it does not exist', () => {
    expect(certificatesFault('no/such.pem')).toMatchObject({ given: `"no/such.pem", which can't be read (ENOENT)` });
  });
});

describe('the warnings about certificates', () => {
  const DAY_MS = 86_400_000;
  const warningsAt = (pem: string, daysFromNow: number) =>
    [...certificateWarnings(pem, Date.now() + daysFromNow * DAY_MS)].map(({ id, text }) => `${id} ${text}`);

  it('are none for an authority that is valid for more than 30 days', () => {
    expect(warningsAt(authority.cert, 3600)).toEqual([]);
  });

  it('report an authority that expires within 30 days, with its name and what to do', () => {
    expect(warningsAt(authority.cert, 3625)).toEqual([
      expect.stringMatching(/^agent-launcher:caExpires Certificate 1 .*\(Corp Root\) expires on \d{4}-.*deploy again/),
    ]);
  });

  it('report an authority that has expired', () => {
    expect(warningsAt(authority.cert, 3651)).toEqual([
      expect.stringMatching(/^agent-launcher:caExpired .* expired on/),
    ]);
  });

  it('report a certificate that is not an authority’s', () => {
    expect(warningsAt(`${authority.cert}\n${server.cert}`, 0.5)).toEqual([
      expect.stringMatching(/^agent-launcher:caExpires Certificate 2 .*\(tfe\.corp\.example\)/),
      expect.stringMatching(/^agent-launcher:caIsNoAuthority Certificate 2 /),
    ]);
  });
});
