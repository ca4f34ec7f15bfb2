/** The engine: Suricata inline, with the rules of a template and the settings that AWS documents for its own. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, start, type Undo, until } from './machine.ts';
import { within } from './network.ts';
import type { EngineSettings } from './under-test.ts';

/**
 * Where Suricata is set other than AWS says it sets its own, or than AWS says nothing of; beside the results, so that
 * the table is read for what it is.
 */
export const DIFFERENCES = [
  'AWS adds the default action `aws:drop_established_app_layer_to_server` after the last rule. The lab adds nothing: what is dropped here is dropped by the rules of the template alone.',
  "AWS's strict order is the order of the rules. Suricata sorts by action; for a template with strict order the lab sets the order alert, pass, drop, which for these rules is the same. Without strict order it would set Suricata's own, and no attempt would come out otherwise: that the order is strict, the tests of the template say, not the lab.",
  'The stream exception policy is the template’s (`REJECT`), told to Suricata as its `exception-policy`: that AWS means the same by it is not documented in more words. No attempt provokes an exception: there is no memory pressure in the lab, and no connection that began before the engine did.',
  'The stateless stage is the template’s: what it forwards comes to the engine, what it would pass or drop never does. In AWS it is another engine, with limits of its own.',
  'AWS’s DNS Firewall is not to be had. The lab’s is ours ([resolver-main.ts](../test/egress-lab/resolver-main.ts)), by the documented rules, before a dnsmasq that knows every name; it answers over UDP only, and does not know domain lists of AWS or rules by query type.',
  'AWS documents Suricata 7 and not which release of it; the lab has Debian’s.',
  'AWS judges IP fragments of UDP and silently drops those of every other protocol before the engine sees them ([stateless default actions](https://docs.aws.amazon.com/network-firewall/latest/developerguide/stateless-default-actions.html)); the lab sends none.',
  'The lab has no security group. Its client may send what in AWS never leaves the task: everything but TCP 443.',
];

/** Suricata's words for AWS's. https://docs.suricata.io/en/suricata-7.0.10/configuration/exception-policies.html */
const EXCEPTIONS: Readonly<Record<string, string>> = { REJECT: 'reject', DROP: 'drop-flow', CONTINUE: 'ignore' };
const ORDERS: Readonly<Record<string, string>> = {
  STRICT_ORDER: 'alert, pass, drop, reject',
  DEFAULT_ACTION_ORDER: 'pass, drop, reject, alert',
};

const configuration = (folder: string, { homeNet, order, streamException }: EngineSettings): string => `%YAML 1.1
---
vars:
  address-groups:
    HOME_NET: "[${homeNet.join(',')}]"
    EXTERNAL_NET: "!$HOME_NET"
default-log-dir: ${folder}
classification-file: ${folder}/none.config
reference-config-file: ${folder}/none.config
threshold-file: ${folder}/none.config
default-rule-path: ${folder}
rule-files: [egress.rules]
action-order: [${ORDERS[order] ?? order}]
nfq: { mode: accept, fail-open: no }
exception-policy: ${EXCEPTIONS[streamException] ?? streamException}
stream:
  memcap: 64mb
  checksum-validation: no
  inline: yes
  midstream: false
  reassembly: { memcap: 64mb, depth: 1mb, toserver-chunk-size: 2560, toclient-chunk-size: 2560 }
app-layer:
  protocols:
    tls: { enabled: yes, detection-ports: { dp: 443 } }
    http: { enabled: yes, libhtp: { default-config: { personality: IDS } } }
    ssh: { enabled: yes }
    smtp: { enabled: yes }
    quic: { enabled: yes }
    dns: { tcp: { enabled: yes }, udp: { enabled: yes } }
outputs:
  - eve-log:
      enabled: yes
      filename: eve.json
      types:
        - alert:
        - drop: { alerts: yes, flows: start }
`;

/** A running engine. */
export interface Suricata {
  /** Messages of the rules that dropped or logged something, with what they saw. */
  log(): string;
}

/** Starts it in the namespace between task and world. Resolves when it judges packets. */
export async function startSuricata(
  undo: Undo,
  engine: Engine,
  router: string,
  settings: EngineSettings,
): Promise<Suricata> {
  const folder = mkdtempSync(join(`${engine.root}${tmpdir()}`, 'egress-lab-'));
  undo.add(() => rmSync(folder, { recursive: true, force: true }));
  const seen = folder.slice(engine.root.length);
  writeFileSync(join(folder, 'none.config'), '');
  writeFileSync(join(folder, 'egress.rules'), `${settings.rules}\n`);
  writeFileSync(join(folder, 'suricata.yaml'), configuration(seen, settings));
  const child = start(
    undo,
    within(router, ...engine.command, '-c', `${seen}/suricata.yaml`, '-q', '0', '-l', seen, '--pidfile', `${seen}/pid`),
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  child.stdout?.on('data', (data: Buffer) => {
    output += data.toString();
  });
  child.stderr?.on('data', (data: Buffer) => {
    output += data.toString();
  });
  await until('Suricata', () => {
    if (child.exitCode !== null) throw new Error(`Suricata ended:\n${output}`);
    return output.includes('Engine started');
  });
  const errors = output
    .split('\n')
    .filter((line) => /^E:|error parsing|rules failed/i.test(line) && !/ 0 rules failed/.test(line));
  if (errors.length > 0) throw new Error(`Suricata did not take the rules:\n${errors.join('\n')}`);
  const eve = join(folder, 'eve.json');
  return { log: () => (existsSync(eve) ? readFileSync(eve, 'utf8') : '') };
}
