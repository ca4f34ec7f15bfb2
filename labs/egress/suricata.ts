/**
 * The engine: Suricata inline in the firewall's namespace, with the rules of a template and the settings that AWS documents
 * for Network Firewall. Where AWS documents none, `DIFFERENCES` says what the lab sets instead.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { outputOf, until } from '../../test/processes.ts';
import { type Engine, start, type Undo } from './machine.ts';
import { within } from './network.ts';
import type { EngineSettings } from './under-test.ts';

/** Differences between the lab and AWS. The page shows them next to the results, because they limit what the results prove. */
export const DIFFERENCES = [
  'AWS adds the default action `aws:drop_established_app_layer_to_server` after the last rule. The lab has no such default: in the lab, only the template’s own rules drop packets.',
  "With strict order, AWS applies the rules in the order of the template. Suricata always sorts the rules by action. For a template with strict order, the lab sets the order alert, pass, drop, which has the same effect for these rules. With Suricata's default order (pass, drop, reject, alert), each attempt would have the same result as with the lab's order. So the lab can't detect a wrong order. A separate test checks that the template sets strict order.",
  'The lab sets the template’s stream exception policy (`REJECT`) as Suricata’s `exception-policy`. AWS’s documentation doesn’t say in detail whether both settings behave the same. No attempt triggers this policy: the engine has enough memory, and it sees each connection from its start.',
  'The lab applies the template’s stateless stage: packets that this stage forwards reach the engine, and packets that it passes or drops don’t. In AWS, this stage is a separate engine with its own limits.',
  'AWS’s DNS Firewall isn’t available outside AWS. The lab has its own resolver ([resolver-main.ts](../labs/egress/resolver-main.ts)) that applies the documented rules. The resolver gets its answers from a dnsmasq that knows every name. The resolver answers over UDP only. It supports neither AWS’s domain lists nor rules by query type.',
  'AWS documents that it uses Suricata 7, but not which release. The lab uses Debian’s release.',
  'AWS evaluates IP fragments of UDP. It silently drops fragments of every other protocol before the engine sees them ([stateless default actions](https://docs.aws.amazon.com/network-firewall/latest/developerguide/stateless-default-actions.html)). The lab sends no fragments.',
  'The lab has no security group. Its client can send all traffic; in AWS, only TCP 443 leaves the task.',
];

/** AWS's terms in Suricata's configuration. https://docs.suricata.io/en/suricata-7.0.10/configuration/exception-policies.html */
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

export interface Suricata {
  /** The log of the rules that dropped or reported a packet. */
  log(): string;
}

/** Resolves once the engine processes packets. */
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
  const output = outputOf(child);
  await until('Suricata starts', () => {
    if (child.exitCode !== null) throw new Error(`Suricata ended:\n${output()}`);
    return output().includes('Engine started');
  });
  const errors = output()
    .split('\n')
    .filter((line) => /^E:|error parsing|rules failed/i.test(line) && !/ 0 rules failed/.test(line));
  if (errors.length > 0) throw new Error(`Suricata rejected the rules:\n${errors.join('\n')}`);
  const eve = join(folder, 'eve.json');
  return { log: () => (existsSync(eve) ? readFileSync(eve, 'utf8') : '') };
}
