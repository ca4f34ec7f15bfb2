/**
 * Generates sections of docs/network.md, docs/costs.md, docs/egress-review.md and the README from the code that they
 * describe: `node test/lib/network-docs.ts --write`. A test compares them.
 */
import {
  type CostLine,
  dollars,
  HOURS,
  type IdleNetwork,
  idleNetworkCost,
  idlePollCost,
  jobCost,
  total,
} from '../../lib/aws/costs.ts';
import { PRICES } from '../../lib/aws/prices.ts';
import { DEFAULT_NUDGE_CONCURRENCY } from '../../lib/defaults.ts';
import { defaultNames, GITHUB_RELEASES, PRESETS, TASK_START_ENDPOINTS } from '../../lib/network/allowed-domains.ts';
import { EGRESS_MODES, type EgressMode } from '../../lib/network/egress.ts';
import {
  activeMinuteCost,
  activePoolHourCost,
  idleLauncherCost,
  mostNudgeCost,
  nudgeFloodCost,
} from './launcher-costs.ts';
import { dnsRulesIn } from './network/reachability/dns-rules.ts';
import { rulesIn } from './network/reachability/firewall-policy.ts';
import { networkIn } from './network/reachability/network-model.ts';
import { entrance, findings } from './network/reachability/probes.ts';
import { findingsPicture, findingsTable } from './network/reachability/render.ts';
import { writeSection } from './network/reachability/sections.ts';
import { CLAIMS } from './network-claims.ts';
import { templateOf } from './synthesis.ts';

/** A generated section. */
interface Section {
  readonly file: string;
  readonly name: string;
  readonly text: string;
}

/** Deployments in the documents, by their section names. */
const SHOWN: readonly { readonly name: string; readonly network: object }[] = [
  { name: 'nat-gateway', network: {} },
  { name: 'network-firewall', network: { egress: 'network-firewall' } },
  { name: 'public-ip', network: { egress: 'public-ip' } },
  { name: 'nat-gateway-all-options', network: { natGateways: 'all', vpcEndpoints: 'task-start', ipv6: true } },
];

/** Returns every generated section. */
export function sections(): Section[] {
  const templates = new Map(SHOWN.map(({ name, network }) => [name, templateOf({ network }).toJSON()]));
  const names = dnsRulesIn(templates.get('nat-gateway'))[0]?.domains ?? [];
  // DNS Firewall has one more domain: `*`, which it blocks.
  const count = names.length + 1;
  return [
    { file: 'docs/network.md', name: 'claims', text: claimsTable(count) },
    ...[...templates].flatMap(([name, template]) => {
      const model = networkIn(template);
      const found = findings(model);
      return [
        { file: 'docs/network.md', name: `reach-${name}`, text: findingsTable(found, entrance(model)) },
        { file: 'docs/network.md', name: `picture-${name}`, text: findingsPicture(found, entrance(model)) },
      ];
    }),
    { file: 'docs/network.md', name: 'names', text: namesTable() },
    { file: 'docs/network.md', name: 'option-prices', text: optionPrices(count) },
    { file: 'docs/egress-review.md', name: 'dns', text: `\`\`\`text\n${names.join('\n')}\n\`\`\`` },
    {
      file: 'docs/egress-review.md',
      name: 'rules',
      text: `\`\`\`text\n${rulesIn(templates.get('network-firewall')) ?? ''}\n\`\`\``,
    },
    { file: 'README.md', name: 'idle-total', text: readmeTotal(count) },
    { file: 'README.md', name: 'ways-out', text: readmeModes(count) },
    { file: 'docs/costs.md', name: 'idle', text: idleTable(count) },
    { file: 'docs/costs.md', name: 'launcher', text: launcherTable() },
    { file: 'docs/costs.md', name: 'idle-poll', text: idlePollTable() },
    { file: 'docs/costs.md', name: 'flood', text: floodTable() },
    { file: 'docs/costs.md', name: 'jobs', text: jobsTable() },
    { file: 'docs/costs.md', name: 'prices', text: pricesTable() },
  ];
}

/** Returns the idle costs of a mode's network. */
function idleOf(mode: EgressMode, dnsNames: number, more: Partial<IdleNetwork> = {}): CostLine[] {
  return idleNetworkCost({
    natGateways: mode === 'nat-gateway' || mode === 'network-firewall' ? 1 : 0,
    firewallEndpoints: mode === 'network-firewall' ? 1 : 0,
    interfaceEndpoints: 0,
    dnsNames: mode === 'existing-vpc' ? 0 : dnsNames,
    ...more,
  });
}

function claimsTable(dnsNames: number): string {
  const stops = Object.keys(CLAIMS['nat-gateway'].stops) as (keyof (typeof CLAIMS)['nat-gateway']['stops'])[];
  return [
    `| | ${EGRESS_MODES.map((mode) => `\`${mode}\``).join(' | ')} |`,
    `|---|${EGRESS_MODES.map(() => '---').join('|')}|`,
    `| **idle, per month** | ${EGRESS_MODES.map((mode) => `**${dollars(total(idleOf(mode, dnsNames)))}**`).join(' | ')} |`,
    `| **claim** | ${EGRESS_MODES.map((mode) => CLAIMS[mode].claim).join(' | ')} |`,
    ...stops.map((stop) => `| stops ${stop} | ${EGRESS_MODES.map((mode) => CLAIMS[mode].stops[stop]).join(' | ')} |`),
    `| **what remains possible** | ${EGRESS_MODES.map((mode) => CLAIMS[mode].gap).join(' | ')} |`,
  ].join('\n');
}

/** Returns the parts of one interval's price, and the price of other intervals. */
function idlePollTable(): string {
  const shown = 10;
  const lines = idlePollCost(shown);
  const others = [30, 20, 15, 10, 5];
  return [
    `| part, with \`idlePollSeconds\` ${shown} | how | per month |`,
    '|---|---|---|',
    ...lines.map(({ item, formula, usd }) => `| ${item} | ${formula} | ${dollars(usd)} |`),
    `| **total** | in addition to the table above | **${dollars(total(lines))}** |`,
    '',
    `| \`idlePollSeconds\` | ${others.join(' | ')} |`,
    `|---|${others.map(() => '---|').join('')}`,
    `| in addition, per month | ${others.map((seconds) => dollars(total(idlePollCost(seconds)))).join(' | ')} |`,
  ].join('\n');
}

/** Returns the README's table of the egress modes. */
function readmeModes(dnsNames: number): string {
  return [
    '| `network.egress` | idle, per month | what can leave |',
    '|---|---|---|',
    ...EGRESS_MODES.map(
      (mode) => `| \`${mode}\` | ${dollars(total(idleOf(mode, dnsNames)))} | ${CLAIMS[mode].claim} |`,
    ),
  ].join('\n');
}

function namesTable(): string {
  const row = (what: string, names: readonly string[]) =>
    `| ${what} | ${names.map((name) => `\`${name}\``).join(', ')} |`;
  return [
    '| | domains |',
    '|---|---|',
    row('default, HCP Terraform', defaultNames('app.terraform.io')),
    row('default, HCP Terraform in Europe', defaultNames('app.eu.terraform.io')),
    row('default, Terraform Enterprise', defaultNames('tfe.example.com:8443')),
    row('preset `github-releases`', GITHUB_RELEASES),
    `| preset \`hcp-terraform\` | ${PRESETS['hcp-terraform']} |`,
    `| preset \`aws-apis\` | ${PRESETS['aws-apis']}; for \`s3\`, the hostnames of every bucket; for \`ecr\`, the registries of every account |`,
  ].join('\n');
}

/** Returns the price that each option adds to a mode, idle and in use. */
function optionPrices(dnsNames: number): string {
  const more = (network: Partial<IdleNetwork>) =>
    dollars(
      total(idleNetworkCost({ natGateways: 0, firewallEndpoints: 0, interfaceEndpoints: 0, dnsNames: 0, ...network })),
    );
  const endpoints = (zones: number) => more({ interfaceEndpoints: zones * TASK_START_ENDPOINTS });
  const { interfaceEndpointGb, logGb, dnsFirewallMillionQueries } = PRICES;
  return [
    '| option | with | idle, per month | in use |',
    '|---|---|---|---|',
    `| \`natGateways: all\` | \`nat-gateway\` | + ${more({ natGateways: 1 })} | no additional price per GB |`,
    `| | \`network-firewall\` | + ${more({ natGateways: 1, firewallEndpoints: 1 })} | no additional price per GB |`,
    `| \`vpcEndpoints: task-start\` | \`nat-gateway\` (two zones) | + ${endpoints(2)} | $${interfaceEndpointGb.usd} per GB, instead of the price of NAT |`,
    `| | \`network-firewall\` (one zone) | + ${endpoints(1)} | the same; this traffic bypasses the firewall |`,
    `| | \`network-firewall\`, \`natGateways: all\` | + ${endpoints(2)} | the same |`,
    `| \`ipv6\` | \`nat-gateway\`, \`public-ip\` | ${more({})} | outbound traffic costs the same as over IPv4, but there is no charge for NAT |`,
    `| \`dnsFirewall: true\` | \`existing-vpc\` | + ${more({ dnsNames })} with the default domains | $${dnsFirewallMillionQueries.usd} per million queries of the whole VPC |`,
    `| logs | every VPC that the stack creates | ${more({})} | $${logGb.usd} per GB |`,
  ].join('\n');
}

function idleTable(dnsNames: number): string {
  const rows: readonly [string, CostLine[]][] = [
    ['`public-ip`', idleOf('public-ip', dnsNames)],
    ['`existing-vpc`', idleOf('existing-vpc', dnsNames)],
    ['`nat-gateway`', idleOf('nat-gateway', dnsNames)],
    ['`nat-gateway`, `natGateways: all`', idleOf('nat-gateway', dnsNames, { natGateways: 2 })],
    [
      '`nat-gateway`, `vpcEndpoints: task-start`',
      idleOf('nat-gateway', dnsNames, { interfaceEndpoints: 2 * TASK_START_ENDPOINTS }),
    ],
    ['`network-firewall`', idleOf('network-firewall', dnsNames)],
    [
      '`network-firewall`, `natGateways: all`',
      idleOf('network-firewall', dnsNames, { natGateways: 2, firewallEndpoints: 2 }),
    ],
    [
      '`network-firewall`, `vpcEndpoints: task-start`',
      idleOf('network-firewall', dnsNames, { interfaceEndpoints: TASK_START_ENDPOINTS }),
    ],
  ];
  return [
    '| network | idle, per month | how |',
    '|---|---|---|',
    ...rows.map(
      ([name, lines]) =>
        `| ${name} | **${dollars(total(lines))}** | ${lines.map(({ item, formula, usd }) => `${item}: ${formula} = ${dollars(usd)}`).join('; ') || 'the stack adds nothing'} |`,
    ),
  ].join('\n');
}

/** Returns the costs of a launcher with one pool: two secrets, and the alarms of the launcher and of the pool. */
function launcherLines(): CostLine[] {
  const alarms = Object.keys(templateOf().findResources('AWS::CloudWatch::Alarm')).length;
  return idleLauncherCost({ secrets: 2, alarms });
}

function launcherTable(): string {
  const lines = launcherLines();
  return [
    '| part | how | per month |',
    '|---|---|---|',
    ...lines.map(({ item, formula, usd }) => `| ${item} | ${formula} | ${dollars(usd)} |`),
    `| **total** | one pool | **${dollars(total(lines))}** |`,
    '',
    `While a pool has queued jobs or live tasks, the launcher polls all the time. That costs $${activeMinuteCost().toFixed(5)} per minute (${dollars(activeMinuteCost() * HOURS * 60)} for a whole month), and the pool's metrics cost $${activePoolHourCost().toFixed(4)} per hour.`,
  ].join('\n');
}

/** Returns the cost of a flood of requests to the nudge's URL, for the default concurrency and for one. */
function floodTable(): string {
  const [least, usual] = [1, DEFAULT_NUDGE_CONCURRENCY];
  const row = (rate: number) =>
    `| ${rate.toLocaleString('en')} | ${dollars(nudgeFloodCost(rate, least))} | ${dollars(nudgeFloodCost(rate, usual))} |`;
  return [
    `| forged requests per second, for a whole month | \`reservedConcurrency\` ${least} | ${usual} (default) |`,
    '|---|---|---|',
    ...[1, 10, 50, 1_000, 100_000].map(row),
    `| upper bound, whatever the requests are | ${dollars(mostNudgeCost(least))} | ${dollars(mostNudgeCost(usual))} |`,
  ].join('\n');
}

/** Returns the README's table of the idle costs of the default deployment with one pool. */
function readmeTotal(dnsNames: number): string {
  const launcher = total(launcherLines());
  const network = total(idleOf('nat-gateway', dnsNames));
  return [
    '| idle, per month | |',
    '|---|---|',
    '| agents | $0.00 |',
    `| launcher with its log, two secrets, alarms and metrics | ${dollars(launcher)} |`,
    `| network (\`nat-gateway\`, the default) | ${dollars(network)} |`,
    `| **total** | **${dollars(launcher + network)}** |`,
  ].join('\n');
}

function jobsTable(): string {
  const sizes = [
    { cpu: 512, memoryMiB: 1024 },
    { cpu: 1024, memoryMiB: 2048 },
    { cpu: 2048, memoryMiB: 4096 },
  ];
  const price = (size: (typeof sizes)[number], architecture: 'x86_64' | 'arm64', minutes: number) =>
    `$${jobCost({ ...size, architecture, seconds: minutes * 60 }).toFixed(4)}`;
  const permanent = (jobCost({ cpu: 1024, memoryMiB: 2048, architecture: 'x86_64', seconds: 3600 }) * HOURS).toFixed(2);
  return [
    '| task | 1 minute, x86 | 10 minutes, x86 | 10 minutes, arm64 |',
    '|---|---|---|---|',
    ...sizes.map(
      (size) =>
        `| ${size.cpu / 1024} vCPU, ${size.memoryMiB / 1024} GB | ${price(size, 'x86_64', 1)} | ${price(size, 'x86_64', 10)} | ${price(size, 'arm64', 10)} |`,
    ),
    '',
    `A plan and its apply are two jobs. An agent that gets no job ends after the idle window (\`idleWindowSeconds\`, five minutes by default). Five minutes with 1 vCPU and 2 GB cost ${price({ cpu: 1024, memoryMiB: 2048 }, 'x86_64', 5)}.`,
    '',
    `For comparison, one permanent agent with 1 vCPU and 2 GB costs $${permanent} per month on x86.`,
  ].join('\n');
}

function pricesTable(): string {
  return [
    '| what | price | source |',
    '|---|---|---|',
    ...Object.values(PRICES).map(({ what, usd, per, source }) => `| ${what} | $${plain(usd)} per ${per} | ${source} |`),
  ].join('\n');
}

function plain(usd: number): string {
  return usd.toFixed(12).replace(/0+$/, '').replace(/\.$/, '');
}

if (import.meta.main) {
  process.env['CDK_VALIDATION'] = 'false';
  const all = sections();
  if (process.argv.includes('--write')) for (const { file, name, text } of all) writeSection(file, name, text);
  else for (const { file, name, text } of all) console.log(`== ${file} ${name}\n${text}\n`);
}
