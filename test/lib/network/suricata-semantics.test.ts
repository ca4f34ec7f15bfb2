/** The effect of the generated rules on the attempts of the egress lab, and on its attempts with broken rules. */
import { describe, expect, it } from 'vitest';
import { ATTEMPTS, type Attempt, LAB, NAMES, type Try } from '../../../labs/egress/attempts.ts';
import { BREAKS } from '../../../labs/egress/breaks.ts';
import { asExpected } from '../../../labs/egress/report.ts';
import { underTest } from '../../../labs/egress/under-test.ts';
import { LONGEST_CLIENT_HELLO, suricataRules } from '../../../lib/network/suricata-rules.ts';
import { engineRules, judge, matchesAlone, type Packet } from './reachability/suricata.ts';
import { packetsOf } from './suricata-packets.ts';

const { engine } = underTest();
const attempts = new Map(ATTEMPTS.map((attempt) => [attempt.name, attempt]));
const packets = new Map(
  await Promise.all(ATTEMPTS.map(async ({ name, try: attempt }) => [name, await packetsOf(attempt)] as const)),
);

const toTls = (serverName: string): Try => ({ how: 'tls', address: LAB.stranger, port: 443, serverName });

/** Message of the rule that drops TLS to another server name. */
const NAME_NOT_ALLOWED = 'TLS server name not allowed, or none';

type Settings = Pick<typeof engine, 'rules' | 'stateless' | 'homeNet'>;

function verdictOn(name: string, settings: Settings = engine) {
  const sent = packets.get(name) ?? [];
  const isHome = settings.homeNet.join() === engine.homeNet.join();
  if (settings.stateless === 'aws:pass') return { reaches: true, leaked: 0, by: 'the stateless stage', logged: [] };
  return judge(
    engineRules(settings.rules),
    sent.map((packet) => ({ ...packet, isHome: packet.isHome && isHome })),
  );
}

/** Returns the result of an attempt. A blocked one that leaks too many bytes counts as `reaches`, as in the lab. */
function resultOf(name: string, settings?: Settings): Attempt['expected'] {
  const attempt = attempts.get(name);
  const { reaches, leaked } = verdictOn(name, settings);
  if (reaches || attempt === undefined) return 'reaches';
  return asExpected({ attempt: { ...attempt, expected: 'blocked' }, seen: 'blocked', leaked, detail: '' })
    ? 'blocked'
    : 'reaches';
}

it.each(ATTEMPTS)(
  'the rules of the template decide on "$name" as the egress lab expects: $expected',
  ({ name, expected }) => {
    expect(resultOf(name), verdictOn(name).by).toBe(expected);
  },
);

// If two rules would drop the same packet, a break changes only which of them does. The lab shows the rest.
it.each(BREAKS)(
  'the rules of the template have a different result, or a different rule decides, if $name',
  ({ apply, settings, shows }) => {
    const broken = { ...engine, ...settings, rules: apply(engine.rules) };
    for (const name of shows) {
      const decided = (by: Settings) => [resultOf(name, by), verdictOn(name, by).by];
      expect(decided(broken), name).not.toEqual(decided(engine));
    }
  },
);

// No attempt of the lab notices if a wildcard's rule, or the rule that marks TLS, lacks a keyword.
it.each<[name: string, attempt: Try, by: string]>([
  ['pass a name below a wildcard in upper case', toTls(NAMES.below.toUpperCase()), NAMES.wildcard],
  [
    'drop a name below a wildcard, followed by another domain',
    toTls(`${NAMES.below}.${NAMES.stranger}`),
    NAME_NOT_ALLOWED,
  ],
  ['drop the allowed name between others', toTls(`a.${NAMES.allowed}.${NAMES.stranger}`), NAME_NOT_ALLOWED],
  [
    'drop what has the bytes of a TLS record, and not at the beginning',
    { how: 'tcp', address: LAB.stranger, port: 443, send: 'a\u0016\u0003\u0001' },
    'not TLS',
  ],
])('the rules of the template %s', async (_, attempt, by) => {
  expect(judge(engineRules(engine.rules), await packetsOf(attempt)).by).toBe(by);
});

it.each([
  ['an allowed name', NAMES.allowed],
  ['a name below a wildcard', NAMES.wildcard],
  ['another name', NAME_NOT_ALLOWED],
  ['no server name, to an address', NAME_NOT_ALLOWED],
  ['SSH on port 443', 'not TLS'],
  ['a server that speaks first on port 443', 'not TLS'],
  ['a client hello that never ends, on port 443', 'client hello without an end'],
  ['an unfinished client hello, and a server that answers in TLS', 'answer to no client hello'],
  ['data in the first packet (TCP Fast Open)', 'data before the connection'],
  ['data in the first packet, which offers ECN', 'data before the connection'],
  ['TCP 22', 'TCP port not allowed'],
  ['UDP 443 (QUIC)', 'UDP'],
  ['ping', 'ICMP'],
  ['another IP protocol (GRE)', 'neither TCP nor UDP'],
])('the rules of the template decide about "%s" by the rule "%s"', (name, by) => {
  expect(verdictOn(name).by).toBe(by);
});

it('the rules of the template log every requested server name, allowed or not, but not that the rule "TLS begins" set its flow bit', () => {
  for (const name of ['an allowed name', 'another name']) {
    expect(verdictOn(name).logged, name).toEqual(['TLS server name']);
  }
  expect(verdictOn('SSH on port 443').logged).toEqual([]);
  expect(verdictOn('data that begins like TLS on port 443').logged).toEqual([]);
});

it('the rules of the template drop data that begins as TLS but is not TLS', async () => {
  // The version is 3.127. The rule "TLS begins" marks it, and the engine finds out that the protocol is not TLS.
  const attempt: Try = { how: 'tcp', address: LAB.stranger, port: 443, send: '\u0016\u0003\u007f\u0000\u0010secret' };
  expect(judge(engineRules(engine.rules), await packetsOf(attempt))).toMatchObject({
    reaches: false,
    leaked: 0,
    by: 'not TLS after all',
  });
});

const sent = async (bytes: number) => {
  const begin = '\u0016\u0003\u0001\u003f\u00ff\u0001\u0000\u003f\u00fb\u0003\u0003';
  const send = begin.padEnd(bytes, 'x');
  const all = await packetsOf({ how: 'tcp', address: LAB.stranger, port: 443, send });
  return judge(
    engineRules(engine.rules),
    all.filter(({ to }) => to === 'server'),
  );
};

it('the longest client hello has 4,096 bytes: twice what a resumed post-quantum handshake with the longest name needs', async () => {
  expect(LONGEST_CLIENT_HELLO).toBe(4_096);
  expect(await sent(4_096)).toMatchObject({ reaches: true, leaked: 4_096 });
  expect(await sent(4_097)).toMatchObject({ reaches: false, by: 'client hello without an end' });
});

describe('a single rule', () => {
  const rules = engineRules(suricataRules(['app.terraform.io'], [{ name: 'tfe.example.com', port: 8443 }]));
  const empty: Packet = {
    to: 'server',
    protocol: 'tcp',
    port: 443,
    isHome: true,
    payload: Buffer.alloc(0),
    established: true,
    flags: 'A',
  };
  const ruleBy = (message: string) => {
    const rule = rules.find((each) => each.message === message);
    if (rule === undefined) throw new Error(`no rule "${message}"`);
    return (packet: Partial<Packet>) => matchesAlone(rule, { ...empty, ...packet });
  };
  const payload = Buffer.from('data');

  // An earlier rule often decides first, so the lab can't notice a later rule that is too wide.
  it('"neither TCP nor UDP" matches neither TCP nor UDP', () => {
    const rule = ruleBy('neither TCP nor UDP');
    expect(['tcp', 'udp', 'icmp', 'gre'].map((protocol) => rule({ protocol } as Partial<Packet>))).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });

  it.each([
    ['UDP', 'udp'],
    ['ICMP', 'icmp'],
  ] as const)('"%s" matches that protocol on every port, in both directions', (message, protocol) => {
    const rule = ruleBy(message);
    for (const to of ['server', 'client'] as const) expect(rule({ protocol, to, port: 53 })).toBe(true);
    expect(rule({ payload })).toBe(false);
  });

  it('"TCP port not allowed" matches every port except the allowed ones, and no answer', () => {
    const rule = ruleBy('TCP port not allowed');
    expect([22, 80, 443, 8443, 8444].map((port) => rule({ port }))).toEqual([true, true, false, false, true]);
    expect(rule({ port: 443, to: 'client' })).toBe(false);
  });

  it.each([
    ['not TLS', true, true],
    ['answer to no client hello', false, true],
  ])('"%s" matches data of an established connection, and no empty packet', (message, toServer, toClient) => {
    const rule = ruleBy(message);
    expect(rule({ payload })).toBe(toServer);
    expect(rule({ payload, to: 'client' })).toBe(toClient);
    for (const to of ['server', 'client'] as const) {
      expect(rule({ to })).toBe(false);
      expect(rule({ to, payload, established: false })).toBe(false);
    }
  });

  it('"data before the connection" matches data before the handshake is complete, in both directions', () => {
    const rule = ruleBy('data before the connection');
    for (const to of ['server', 'client'] as const) {
      expect(rule({ to, payload, established: false })).toBe(true);
      expect(rule({ to, established: false })).toBe(false);
      expect(rule({ to, payload })).toBe(false);
    }
  });

  it.each(['TLS server name', 'TLS begins', 'app.terraform.io', 'tfe.example.com:8443'])(
    '"%s" matches only what agents send on its port',
    async (message) => {
      const port = message.endsWith(':8443') ? 8443 : 443;
      const serverName = port === 443 ? 'app.terraform.io' : 'tfe.example.com';
      const hello = (await packetsOf({ how: 'tls', address: LAB.allowedHost, port, serverName })).filter(
        (packet) => packet.to === 'server' && packet.payload.length > 0,
      );
      const whole = { port, payload: Buffer.concat(hello.slice(0, -1).map((packet) => packet.payload)) };
      const rule = ruleBy(message);
      expect(rule(whole)).toBe(true);
      expect(rule({ ...whole, isHome: false })).toBe(false);
      expect(rule({ ...whole, established: false })).toBe(false);
      expect(rule({ ...whole, port: 8444 })).toBe(false);
    },
  );
});
