import { describe, expect, it } from 'vitest';
import { covers, normalised, parseName } from '../../../lib/network/domain-name.ts';

/** Examples from the Public Suffix List: entries, and domains directly above a wildcard of the list. */
const SHARED = [
  'blogspot.com',
  'supabase.co',
  'elasticbeanstalk.com',
  'amplifyapp.com',
  'akamaiedge.net',
  'edgekey.net',
  'azurefd.net',
  'trycloudflare.com',
  'appspot.com',
  'r.appspot.com',
  'lovable.app',
  'eu.org',
  'com.de',
  'firebaseapp.com',
  'run.app',
  'digitaloceanspaces.com',
  'compute.amazonaws.com',
  'kawasaki.jp',
  'azurecontainer.io',
  'global.ssl.fastly.net',
];

/** Domains below which anyone can register a name, and which the list doesn't have: decision 24 states this gap. */
const GAP = [
  'nip.io',
  'oastify.com',
  'webhook.site',
  'sharepoint.com',
  'jfrog.io',
  'windows.net',
  'core.windows.net',
  'storage.googleapis.com',
  'fastly.net',
];

describe('a name', () => {
  it.each([
    ['app.terraform.io', 'app.terraform.io'],
    ['App.Terraform.IO', 'app.terraform.io'],
    ['app.terraform.io.', 'app.terraform.io'],
    [' app.terraform.io ', 'app.terraform.io'],
    ['*.example.com', '*.example.com'],
    ['*.Example.com.', '*.example.com'],
    ['*.acme.github.io', '*.acme.github.io'],
    ['*.acme.co.uk', '*.acme.co.uk'],
    ['*.terraform.io', '*.terraform.io'],
    ['*.hashicorp.com', '*.hashicorp.com'],
    ['*.corp.internal', '*.corp.internal'],
    ['*.acme.blogspot.com', '*.acme.blogspot.com'],
    ['*.acme.nyc3.digitaloceanspaces.com', '*.acme.nyc3.digitaloceanspaces.com'],
    ['acme.nip.io', 'acme.nip.io'],
    ['*.notamazonaws.com', '*.notamazonaws.com'],
    ['acme.blob.core.windows.net', 'acme.blob.core.windows.net'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['my-bucket.s3.eu-central-1.amazonaws.com', 'my-bucket.s3.eu-central-1.amazonaws.com'],
  ])('%s is %s', (given, name) => {
    expect(parseName(given)).toEqual({ name });
  });

  it.each([
    ['https://app.terraform.io', /URL/],
    ['app.terraform.io/app', /path/],
    ['user@example.com', /path/],
    ['app.terraform.io:443', /port/],
    ['192.0.2.1', /address/],
    ['192.0.2.0/24', /path|address/],
    ['2001:db8::1', /address/],
    ['[2001:db8::1]', /address/],
    ['0x7f.1', /address|hostname/],
    ['.example.com', /begins with a dot/],
    ['*', /\* inside/],
    ['*example.com', /\* inside/],
    ['a.*.example.com', /\* inside/],
    ['*.*.example.com', /\* inside/],
    ['*.com', /top-level/],
    ['localhost', /no dot/],
    ['', /not a hostname/],
    ['a..example.com', /not a hostname/],
    ['-a.example.com', /not a hostname/],
    ['a_b.example.com', /not a hostname/],
    [`${'a'.repeat(64)}.example.com`, /not a hostname/],
    ['exa mple.com', /invisible/],
    ['a\tb.com', /invisible/],
    ['a\nb.com', /invisible/],
    ['a\u00adb.com', /invisible/],
    ['a\u200bb.com', /invisible/],
    ['example.com"; sid:1; pass tls any any -> any any (', /invisible|path|port/],
    ['*.co.uk', /anyone/],
    ['*.amazonaws.com', /anyone/],
    ['*.s3.eu-central-1.amazonaws.com', /anyone/],
    ['*.cloudfront.net', /anyone/],
    ['*.github.io', /anyone/],
    ['*.eu-central-1.amazonaws.com', /anyone/],
    ['*.dkr.ecr.eu-central-1.amazonaws.com', /anyone/],
    ['*.bucket.s3.eu-central-1.amazonaws.com', /anyone/],
    ['*.cn-north-1.amazonaws.com.cn', /anyone/],
    ['*.eusc-de-east-1.amazonaws.eu', /anyone/],
    ['*.on.amazonwebservices.eu', /anyone/],
    ['*.amazonwebservices.com.cn', /anyone/],
    ['*.c2s.ic.gov', /anyone/],
    ['*.lambda-url.eu-central-1.on.aws', /anyone/],
    ['*.on.aws', /anyone/],
    ['*.eu-central-1.api.aws', /anyone/],
    ['*.blob.core.windows.net', /anyone/],
    ['*.azurewebsites.net', /anyone/],
    ['*.westeurope-01.azurewebsites.net', /anyone/],
    ['*.googleapis.com', /anyone/],
    ['*.a.run.app', /anyone/],
    ['*.r2.dev', /anyone/],
    ['*.gitlab.io', /anyone/],
    ['*.pages.dev', /anyone/],
    ['*.workers.dev', /anyone/],
    ['*.vercel.app', /anyone/],
    ['*.netlify.app', /anyone/],
    ['*.herokuapp.com', /anyone/],
    ['*.ngrok.io', /anyone/],
    ['*.ngrok.app', /anyone/],
    ['*.com.au', /anyone/],
    ['*.or.jp', /anyone/],
    ['*.gouv.fr', /anyone/],
    ['*.uk.com', /anyone/],
    ...SHARED.map((domain): [string, RegExp] => [`*.${domain}`, /anyone/]),
  ])('%s is refused, with a remedy', (given, fault) => {
    expect(parseName(given)).toEqual({ fault: expect.stringMatching(fault), remedy: expect.stringMatching(/.+/) });
  });
});

describe('a wildcard that is too wide and not in the Public Suffix List', () => {
  it.each(GAP)('is accepted, because only that list decides: *.%s', (domain) => {
    expect(parseName(`*.${domain}`)).toEqual({ name: `*.${domain}` });
  });
});

describe('names together', () => {
  it('are listed once, without those that a wildcard covers, sorted by domain', () => {
    expect(
      normalised([
        'b.example.com',
        'app.terraform.io',
        '*.example.com',
        'example.com',
        'app.terraform.io',
        '*.x.example.com',
      ]),
    ).toEqual(['example.com', '*.example.com', 'app.terraform.io']);
  });

  it('cover every name below them, at any depth, and no other', () => {
    expect(covers('*.example.com', 'a.b.example.com')).toBe(true);
    expect(covers('*.example.com', 'example.com')).toBe(false);
    expect(covers('*.example.com', 'badexample.com')).toBe(false);
    expect(covers('example.com', 'a.example.com')).toBe(false);
  });
});

describe('a name at the edge of what is allowed', () => {
  const label = 'a'.repeat(63);
  const longest = `${label}.${label}.${label}.${'a'.repeat(61)}`;

  it.each([
    ['the longest name', longest],
    ['a label that begins with a digit', '1.example.com'],
    ['a last label with a digit in it', 'example.c0m'],
    ['a last label that begins with a digit', 'example.1com'],
    ['four numbers before a name', '1.2.3.4.example.com'],
  ])('is allowed: %s', (_, name) => {
    expect(parseName(name)).toEqual({ name });
  });

  it.each<[string, RegExp]>([
    [`a${longest}`, /not a hostname/],
    [`${longest}a`, /not a hostname/],
    ['*.', /not a hostname/],
    ['', /not a hostname/],
    ['example.123', /not a hostname/],
    ['[2001:db8::1]', /address/],
    ['2001:db8::1', /address/],
    ['10.0.0.1', /address/],
    ['192.168.100.200', /address/],
    ['300.300.300.300', /address/],
    ['10.0.0.0/8', /path/],
    ['example.com/https://x', /path/],
    ['1.2', /address/],
  ])('is refused: %j', (given, fault) => {
    expect(parseName(given)).toEqual({ fault: expect.stringMatching(fault), remedy: expect.any(String) });
  });
});

describe('which names cover others', () => {
  it('a name covers itself, and a wildcard covers itself', () => {
    expect(covers('a.example.com', 'a.example.com')).toBe(true);
    expect(covers('*.example.com', '*.example.com')).toBe(true);
  });

  it('a wildcard covers the wildcards below it, and none above it', () => {
    expect(covers('*.example.com', '*.b.example.com')).toBe(true);
    expect(covers('*.b.example.com', '*.example.com')).toBe(false);
  });

  it('the order of names with CloudFormation tokens does not depend on the tokens’ serial numbers', () => {
    const names = (first: number, second: number) =>
      normalised([`b.\${Token[TOKEN.${first}]}`, `a.\${Token[TOKEN.${second}]}`]).map((name) => name[0]);
    expect(names(1, 2)).toEqual(['a', 'b']);
    expect(names(2, 1)).toEqual(['a', 'b']);
  });

  it('names are sorted by domain, label by label from the right', () => {
    expect(normalised(['b.a.com', 'a.b.com', 'ab.com', 'c.a.com'])).toEqual([
      'b.a.com',
      'c.a.com',
      'ab.com',
      'a.b.com',
    ]);
  });
});
