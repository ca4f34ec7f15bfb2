/**
 * Generates sections of docs/network.md, docs/costs.md, docs/egress-review.md and the README from the code that they
 * describe: `node test/lib/network-docs.ts --write`. A test compares them.
 */
import {
  type CostLine,
  dollars,
  gatewayHourCost,
  HOURS,
  type IdleNetwork,
  idleFlowLogCost,
  idleNetworkCost,
  idlePollCost,
  jobCost,
  total,
  vpcLogCost,
} from '../../lib/aws/costs.ts';
import { PRICES } from '../../lib/aws/prices.ts';
import { DEFAULT_GATEWAY_INSTANCE_TYPE, DEFAULT_NUDGE_CONCURRENCY } from '../../lib/defaults.ts';
import { gatewayOwnNames } from '../../lib/gateway/own-names.ts';
import { defaultNames, GITHUB_RELEASES, PRESETS, TASK_START_ENDPOINTS } from '../../lib/network/allowed-domains.ts';
import { EGRESS_MODES, type EgressMode, PREVIEW_MODES } from '../../lib/network/egress.ts';
import { launcherApis } from '../../lib/network/launcher-apis.ts';
import {
  activeMinuteCost,
  activePoolHourCost,
  endedTasksHourCost,
  idleLauncherLines,
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
  { name: 'on-demand', network: { egress: 'on-demand' } },
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
    { file: 'docs/network.md', name: 'launcher-vpc', text: launcherVpcTable() },
    { file: 'docs/network.md', name: 'option-prices', text: optionPrices(count) },
    { file: 'docs/egress-review.md', name: 'dns', text: `\`\`\`text\n${names.join('\n')}\n\`\`\`` },
    {
      file: 'docs/egress-review.md',
      name: 'rules',
      text: `\`\`\`text\n${rulesIn(templates.get('network-firewall')) ?? ''}\n\`\`\``,
    },
    { file: 'README.md', name: 'idle-sentence', text: readmeSentence(count) },
    { file: 'README.md', name: 'idle-total', text: readmeTotal(count) },
    { file: 'README.md', name: 'ways-out', text: readmeModes(count) },
    { file: 'docs/costs.md', name: 'idle', text: idleTable(count) },
    { file: 'docs/costs.md', name: 'network-logs', text: networkLogsTable() },
    { file: 'docs/costs.md', name: 'launcher', text: launcherTable() },
    { file: 'docs/costs.md', name: 'idle-poll', text: idlePollTable() },
    { file: 'docs/costs.md', name: 'flood', text: floodTable() },
    { file: 'docs/costs.md', name: 'jobs', text: jobsTable() },
    { file: 'docs/costs.md', name: 'prices', text: pricesTable() },
  ];
}

/** Returns the idle costs of a mode's network. */
function idleOf(mode: EgressMode, dnsNames: number, more: IdleNetwork = {}): CostLine[] {
  const gatewayNames = gatewayOwnNames({ region: 'here', urlSuffix: 'amazonaws.com' }, false);
  // Tasks need CloudWatch Logs too, so its name isn't counted again.
  const own = mode === 'on-demand' ? gatewayNames.length - 1 : 0;
  return idleNetworkCost({
    natGateways: mode === 'nat-gateway' || mode === 'network-firewall' ? 1 : 0,
    firewallEndpoints: mode === 'network-firewall' ? 1 : 0,
    gateways: mode === 'on-demand' ? 1 : 0,
    dnsNames: mode === 'existing-vpc' ? 0 : dnsNames + own,
    ...more,
  });
}

/** The mode, with a mark if it is a preview. @param page - page that says what a preview is, relative to the document. */
function modeWithMark(mode: EgressMode, page: string): string {
  return PREVIEW_MODES.includes(mode) ? `\`${mode}\` ([preview](${page}#${mode}))` : `\`${mode}\``;
}

function claimsTable(dnsNames: number): string {
  const stops = Object.keys(CLAIMS['nat-gateway'].stops) as (keyof (typeof CLAIMS)['nat-gateway']['stops'])[];
  return [
    `| | ${EGRESS_MODES.map((mode) => modeWithMark(mode, '')).join(' | ')} |`,
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
      (mode) =>
        `| ${modeWithMark(mode, 'docs/network.md')} | ${dollars(total(idleOf(mode, dnsNames)))} | ${CLAIMS[mode].claim} |`,
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
  const more = (network: IdleNetwork) => dollars(total(idleNetworkCost(network)));
  const endpoints = (zones: number) => more({ interfaceEndpoints: zones * TASK_START_ENDPOINTS });
  const { interfaceEndpointGb, logGb, dnsFirewallMillionQueries, publicAddressHour } = PRICES;
  const gatewayHour = dollars(gatewayHourCost(DEFAULT_GATEWAY_INSTANCE_TYPE) ?? Number.NaN);
  return [
    '| option | with | idle, per month | in use |',
    '|---|---|---|---|',
    `| \`natGateways: all\` | \`nat-gateway\` | + ${more({ natGateways: 1 })} | no additional price per GB |`,
    `| | \`network-firewall\` | + ${more({ natGateways: 1, firewallEndpoints: 1 })} | no additional price per GB |`,
    `| \`gateways: all\` | \`on-demand\` | + ${more({ gateways: 1 })} | both gateways run: + ${gatewayHour} per hour |`,
    `| \`fixedAddress\` | \`on-demand\` | + ${more({ fixedAddresses: 1 })} per gateway | the running gateway needs no other address: − $${publicAddressHour.usd} per hour |`,
    `| \`vpcEndpoints: task-start\` | \`nat-gateway\` (two zones) | + ${endpoints(2)} | $${interfaceEndpointGb.usd} per GB, instead of the price of NAT |`,
    `| | \`network-firewall\` and \`on-demand\` (one zone) | + ${endpoints(1)} | the same; this traffic bypasses the firewall or the gateway |`,
    `| | \`network-firewall\`, \`natGateways: all\`; \`on-demand\`, \`gateways: all\` | + ${endpoints(2)} | the same |`,
    `| \`ipv6\` | \`nat-gateway\`, \`public-ip\` | ${more({})} | outbound traffic costs the same as over IPv4, but there is no charge for NAT |`,
    `| \`dnsFirewall: true\` | \`existing-vpc\` | + ${more({ dnsNames })} with the default domains | $${dnsFirewallMillionQueries.usd} per million queries of the whole VPC |`,
    `| logs | every VPC that the stack creates | less than $0.01 | $${logGb.usd} per GB ([about ${dollars(total(vpcLogCost(1_000)))} per 1,000 jobs](costs.md#the-logs-of-the-network)) |`,
  ].join('\n');
}

/** Returns what each mode needs for the launcher in the VPC, and its price. */
function launcherVpcTable(): string {
  const endpoints = (count: number, zones: number) => {
    return dollars(total(idleNetworkCost({ interfaceEndpoints: count * zones, dnsNames: count })));
  };
  const [one, two] = [launcherApis({ wakeUps: false }).length, launcherApis({ wakeUps: true }).length];
  return [
    '| mode | what the launcher needs | idle, per month | with `nudge` or `idlePollSeconds` below 60 |',
    '|---|---|---|---|',
    `| \`nat-gateway\` (two zones) | nothing that the stack doesn't create | + ${endpoints(one, 2)} | + ${endpoints(two, 2)} |`,
    '| `nat-gateway`, `dnsFirewall: false` | the same; no endpoints, because domains are not limited | + $0.00 | + $0.00 |',
    `| \`network-firewall\` (one zone) | nothing that the stack doesn't create | + ${endpoints(one, 1)} | + ${endpoints(two, 1)} |`,
    `| \`network-firewall\`, \`natGateways: all\` | the same | + ${endpoints(one, 2)} | + ${endpoints(two, 2)} |`,
    '| `existing-vpc` | private subnets with a route to the host of HCP Terraform or Terraform Enterprise, and a route or endpoints for ECS, Secrets Manager and SQS | $0.00 from this stack | $0.00 from this stack |',
    '| `public-ip` | refused: a function has no public address | | |',
    '| `on-demand` | refused: the launcher starts the gateway, so it needs another path | | |',
  ].join('\n');
}

function idleTable(dnsNames: number): string {
  const rows: readonly [string, CostLine[]][] = [
    ['`public-ip`', idleOf('public-ip', dnsNames)],
    ['`existing-vpc`', idleOf('existing-vpc', dnsNames)],
    ['`on-demand`', idleOf('on-demand', dnsNames)],
    ['`on-demand`, `fixedAddress`', idleOf('on-demand', dnsNames, { fixedAddresses: 1 })],
    ['`on-demand`, `gateways: all`', idleOf('on-demand', dnsNames, { gateways: 2 })],
    [
      '`on-demand`, `vpcEndpoints: task-start`',
      idleOf('on-demand', dnsNames, { interfaceEndpoints: TASK_START_ENDPOINTS }),
    ],
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

/** Returns the costs of the logs of a VPC that the stack creates. */
function networkLogsTable(): string {
  const jobs = 1_000;
  const [flows, queries] = vpcLogCost(jobs);
  // With `public-ip`, no interface exists while nothing runs.
  const idle = idleFlowLogCost(1);
  const row = (line: CostLine | undefined, nothing: string) =>
    `| ${line?.item} | ${nothing} | ${dollars(line?.usd ?? 0)} | ${line?.formula} |`;
  return [
    `| log | idle, per month | ${jobs.toLocaleString('en')} jobs | how |`,
    '|---|---|---|---|',
    row(flows, `${dollars(idle.usd)} per NAT gateway or endpoint (${idle.formula})`),
    row(queries, '$0.00'),
  ].join('\n');
}

function launcherTable(): string {
  const lines = idleLauncherLines();
  return [
    '| part | how | per month |',
    '|---|---|---|',
    ...lines.map(({ item, formula, usd }) => `| ${item} | ${formula} | ${dollars(usd)} |`),
    `| **total** | one pool | **${dollars(total(lines))}** |`,
    '',
    `While a pool has queued jobs or live tasks, the launcher polls all the time. That costs $${activeMinuteCost().toFixed(5)} per minute (${dollars(activeMinuteCost() * HOURS * 60)} for a whole month), and the pool's metrics cost $${activePoolHourCost().toFixed(4)} per hour. In an hour in which a task ends, the metrics about ended tasks cost $${endedTasksHourCost().toFixed(4)} more per pool. \`ApiTokenDaysLeft\` costs $${(PRICES.customMetricMonth.usd / HOURS).toFixed(4)} per pool in each hour in which it is written: about every 12 hours and in each new function instance, and only if the API token has an expiry that HCP Terraform shows.`,
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

/** Returns the README's sentence about the whole price. */
function readmeSentence(dnsNames: number): string {
  const launcher = total(idleLauncherLines());
  const network = total(idleOf('nat-gateway', dnsNames));
  const job = jobCost({ cpu: 1024, memoryMiB: 2048, architecture: 'x86_64', seconds: 600 });
  return `**In total**, an idle month costs ${dollars(launcher + network)} with the default network, and ${dollars(launcher)} in your own VPC ([cost](#network-and-cost)). A job of ten minutes costs $${job.toFixed(4)}.`;
}

/** Returns the README's table of the idle costs of the default deployment with one pool. */
function readmeTotal(dnsNames: number): string {
  const launcher = total(idleLauncherLines());
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
