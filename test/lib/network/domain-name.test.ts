import { describe, expect, it } from 'vitest';
import { covers, normalised, parseName } from '../../../lib/network/domain-name.ts';

const words = (text: string) => text.trim().split(/\s+/);

/** Domains below which anyone can register a name: entries of the Public Suffix List, and domains above its wildcards. */
const SHARED = words(`
  co.uk amazonaws.com s3.eu-central-1.amazonaws.com cloudfront.net github.io eu-central-1.amazonaws.com
  dkr.ecr.eu-central-1.amazonaws.com bucket.s3.eu-central-1.amazonaws.com cn-north-1.amazonaws.com.cn
  eusc-de-east-1.amazonaws.eu on.amazonwebservices.eu amazonwebservices.com.cn c2s.ic.gov
  lambda-url.eu-central-1.on.aws on.aws eu-central-1.api.aws blob.core.windows.net azurewebsites.net
  westeurope-01.azurewebsites.net googleapis.com a.run.app r2.dev gitlab.io pages.dev workers.dev vercel.app
  netlify.app herokuapp.com ngrok.io ngrok.app com.au or.jp gouv.fr uk.com blogspot.com supabase.co
  elasticbeanstalk.com amplifyapp.com akamaiedge.net edgekey.net azurefd.net trycloudflare.com appspot.com
  r.appspot.com lovable.app eu.org com.de firebaseapp.com run.app digitaloceanspaces.com compute.amazonaws.com
  kawasaki.jp azurecontainer.io global.ssl.fastly.net
`);

/** More domains below which anyone can register a name, but which the Public Suffix List doesn't contain. Decision 24 describes this gap. */
const GAP = words(`
  nip.io oastify.com webhook.site sharepoint.com jfrog.io windows.net core.windows.net storage.googleapis.com fastly.net
`);

const label = 'a'.repeat(63);
const longest = `${label}.${label}.${label}.${'a'.repeat(61)}`;

/** Domains that are accepted as they are. */
const ACCEPTED = words(`
  app.terraform.io *.example.com *.acme.github.io *.acme.co.uk *.terraform.io *.hashicorp.com *.corp.internal
  *.acme.blogspot.com *.acme.nyc3.digitaloceanspaces.com acme.nip.io *.notamazonaws.com acme.blob.core.windows.net
  xn--bcher-kva.example my-bucket.s3.eu-central-1.amazonaws.com 1.example.com example.c0m example.1com
  1.2.3.4.example.com ${longest}
`);

describe('a domain', () => {
  it.each([
    ...ACCEPTED.map((name) => [name, name]),
    ['App.Terraform.IO', 'app.terraform.io'],
    ['app.terraform.io.', 'app.terraform.io'],
    [' app.terraform.io ', 'app.terraform.io'],
    ['*.Example.com.', '*.example.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
  ])('%s is accepted as %s', (given, name) => {
    expect(parseName(given)).toEqual({ name });
  });

  it.each(GAP)(
    '*.%s is accepted, although anyone can register a name below it, because it is not on the Public Suffix List',
    (domain) => {
      expect(parseName(`*.${domain}`)).toEqual({ name: `*.${domain}` });
    },
  );

  const refused = (fault: RegExp, ...domains: string[]) => domains.map((domain): [string, RegExp] => [domain, fault]);

  it.each([
    ...refused(/URL/, 'https://app.terraform.io'),
    ...refused(/path/, 'app.terraform.io/app', 'user@example.com', '10.0.0.0/8', 'example.com/https://x'),
    ...refused(/port/, 'app.terraform.io:443'),
    ...refused(/address/, '192.0.2.1', '10.0.0.1', '192.168.100.200', '300.300.300.300', '1.2'),
    ...refused(/address/, '2001:db8::1', '[2001:db8::1]'),
    ...refused(/path|address/, '192.0.2.0/24'),
    ...refused(/address|hostname/, '0x7f.1'),
    ...refused(/begins with a dot/, '.example.com'),
    ...refused(/\* in a wrong place/, '*', '*example.com', 'a.*.example.com', '*.*.example.com'),
    ...refused(/top-level/, '*.com'),
    ...refused(/no dot/, 'localhost'),
    ...refused(/not a hostname/, '', '*.', 'a..example.com', '-a.example.com', 'a_b.example.com', 'example.123'),
    ...refused(/not a hostname/, `a${label}.example.com`, `a${longest}`, `${longest}a`),
    ...refused(/invisible/, 'exa mple.com', 'a\tb.com', 'a\nb.com', 'a\u00adb.com', 'a\u200bb.com'),
    ...refused(/invisible|path|port/, 'example.com"; sid:1; pass tls any any -> any any ('),
    ...refused(/anyone/, ...SHARED.map((domain) => `*.${domain}`)),
  ])('%j is refused, with a remedy', (given, fault) => {
    expect(parseName(given)).toEqual({ fault: expect.stringMatching(fault), remedy: expect.stringMatching(/.+/) });
  });
});

describe('normalised domains', () => {
  it('are unique and sorted by domain, and do not contain names that a wildcard covers', () => {
    expect(
      normalised(words('b.example.com app.terraform.io *.example.com example.com app.terraform.io *.x.example.com')),
    ).toEqual(['example.com', '*.example.com', 'app.terraform.io']);
  });

  it('are sorted label by label from the right', () => {
    const sorted = words('b.a.com c.a.com ab.com a.b.com');
    expect(normalised(words('b.a.com a.b.com ab.com c.a.com'))).toEqual(sorted);
  });

  it('have an order that does not depend on the serial numbers of CloudFormation tokens', () => {
    const names = (first: number, second: number) =>
      normalised([`b.\${Token[TOKEN.${first}]}`, `a.\${Token[TOKEN.${second}]}`]).map((name) => name[0]);
    expect(names(1, 2)).toEqual(['a', 'b']);
    expect(names(2, 1)).toEqual(['a', 'b']);
  });
});

it.each([
  ['*.example.com', 'a.b.example.com', true],
  ['*.example.com', 'example.com', false],
  ['*.example.com', 'badexample.com', false],
  ['example.com', 'a.example.com', false],
  ['a.example.com', 'a.example.com', true],
  ['*.example.com', '*.example.com', true],
  ['*.example.com', '*.b.example.com', true],
  ['*.b.example.com', '*.example.com', false],
])('%s covers %s: %s', (name, other, expected) => {
  expect(covers(name, other)).toBe(expected);
});
