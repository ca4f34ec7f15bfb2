/** The report of one run of the lab: Markdown for people, JSON for programs. Pure. */
import { fargateCost } from '../../functions/launcher/core/fargate-price.ts';
import { markdownTable } from '../markdown-table.ts';
import { CHECKS, phaseSeconds, START_PHASES } from './checks.ts';
import type { Evidence } from './evidence.ts';
import { type Finding, secondsBetween } from './finding.ts';
import { GATEWAY_CHECKS, gatewayTimes } from './gateway-checks.ts';
import { STATEMENTS, type Statement } from './statements.ts';

export interface SettledStatement {
  readonly statement: Statement;
  readonly finding: Finding;
}

export function findingsOf(evidence: Evidence): SettledStatement[] {
  return STATEMENTS.map((statement) => {
    const { check, outOfReach = 'no check' } = statement;
    const finding: Finding =
      check === undefined ? { result: 'not settled', facts: [`out of reach: ${outOfReach}`] } : CHECKS[check](evidence);
    return { statement, finding };
  });
}

/** Dollars that Fargate bills for the tasks, at list prices of us-east-1: from the image pull to the end of each task. */
export function fargateDollars({ tasks }: Pick<Evidence, 'tasks'>): number {
  return tasks.reduce((sum, { cpu, memoryMiB, architecture, pullStartedAt, createdAt, stoppedAt }) => {
    const task = { cpu, memoryMiB, architecture: architecture === 'arm64' ? 'arm64' : 'x86_64' } as const;
    return sum + fargateCost(task, secondsBetween(pullStartedAt ?? createdAt, stoppedAt) ?? 0);
  }, 0);
}

/** If the lab only looked at a gateway, most other statements are left open, and say nothing. */
function shownFindings(evidence: Evidence): SettledStatement[] {
  const all = findingsOf(evidence);
  if (evidence.gateway === undefined) return all;
  const isShown = ({ statement: { check }, finding }: SettledStatement): boolean =>
    finding.result !== 'not settled' || (check !== undefined && check in GATEWAY_CHECKS);
  return all.filter(isShown);
}

export function reportOf(evidence: Evidence): string {
  const { mode, hostname, organization, region, account, startedAt, endedAt, failure, runs, tasks, removed, left } =
    evidence;
  const settled = shownFindings(evidence);
  const count = (result: Finding['result']): number =>
    settled.filter(({ finding }) => finding.result === result).length;
  const minutes = Math.round((secondsBetween(startedAt, endedAt) ?? 0) / 60);
  const facts = [
    ['version', evidence.version],
    ['agent', evidence.agentVersion ?? 'unknown'],
    ['HCP Terraform', `${hostname}, organization ${organization}`],
    ['AWS', mode === 'local' ? 'local emulator' : `account ${account}, ${region}`],
    ['time', `${startedAt}, ${minutes} min`],
    ['Fargate', `${tasks.length} tasks, $${fargateDollars(evidence).toFixed(4)}`],
  ];
  const number = (value: number | undefined): string => value?.toFixed(1) ?? '–';
  const phases = START_PHASES.map(([name, from, to]) => {
    const seconds = phaseSeconds(evidence, from, to);
    return [
      name,
      number(seconds[0]),
      number(seconds[Math.floor(seconds.length / 2)]),
      number(seconds.at(-1)),
      String(seconds.length),
    ];
  });
  const parts = [
    `# ${mode === 'local' ? 'Trial of the live proof with emulators' : 'Live proof'}`,
    ...(failure === undefined ? [] : [`**Not complete: ${failure}**`]),
    markdownTable(['', ''], facts),
    ...gatewaySection(evidence),
    '## Statements',
    `${count('confirmed')} confirmed, ${count('refuted')} refuted, ${count('not settled')} not settled.${mode === 'local' ? ' Emulators prove nothing about the vendors.' : ''}`,
    markdownTable(
      ['statement', 'result', 'what was seen'],
      settled.map(({ statement, finding }) => [statement.says, finding.result, finding.facts.join('; ')]),
    ),
    '## Start phases in seconds',
    markdownTable(['phase', 'minimum', 'median', 'maximum', 'tasks'], phases),
    '## Runs',
    markdownTable(
      ['run', 'workspace', 'wanted', 'status', 'plan waited', 'apply waited'],
      runs.map(({ id, workspace, wanted, status, timestamps: at }) => [
        id,
        workspace,
        wanted,
        status,
        `${number(secondsBetween(at['plan-queued-at'], at['planning-at']))} s`,
        `${number(secondsBetween(at['apply-queued-at'], at['applying-at']))} s`,
      ]),
    ),
    '## Cleaning up',
    left.length === 0
      ? `Everything was removed: ${removed.join(', ')}.`
      : `**Left:**\n\n${left.map((what) => `- ${what}`).join('\n')}`,
    ...(mode === 'local' ? [] : ['## Tomorrow', costCommand(startedAt.slice(0, 10))]),
  ];
  return `${parts.join('\n\n')}\n`;
}

const GATEWAY_TIMES: readonly (readonly [string, keyof ReturnType<typeof gatewayTimes>])[] = [
  ['first start, from its creation until it is ready', 'firstStart'],
  ['from the queued job to the start of the gateway', 'queuedToStart'],
  ['from the start until EC2 shows it as running', 'startToRunning'],
  ['from the start until it is ready', 'startToReady'],
  ['from the queued job to RunTask', 'queuedToRunTask'],
  ['from the queued job to the running task', 'queuedToTaskRunning'],
  ['from ready to RunTask; negative if both started together', 'readyToRunTask'],
  ['from the end of the last task until the launcher stops it', 'idleToStop'],
];

function gatewaySection(evidence: Evidence): string[] {
  const { gateway } = evidence;
  if (gateway === undefined) return [];
  const times = gatewayTimes(evidence);
  const sightings = gateway.sightings.map(({ at, instance, state, readyAt = '–', hasAddress }) => [
    at,
    instance,
    state,
    readyAt,
    hasAddress ? 'yes' : 'no',
  ]);
  const verdicts = (['allowed', 'refused'] as const).flatMap((verdict) =>
    Object.entries(gateway[verdict]).map(([name, connections]) => [name, verdict, String(connections)]),
  );
  return [
    `## The gateway ${gateway.name}`,
    `gatewayStart ${gateway.start}, gatewayIdleMinutes ${gateway.idleMinutes}. The times of EC2, the instance and this machine have different clocks.`,
    markdownTable(
      ['time', 'seconds'],
      GATEWAY_TIMES.map(([what, name]) => [what, times[name]?.toFixed(1) ?? '–']),
    ),
    markdownTable(['seen at', 'instance', 'state', 'last ready at', 'public address'], sightings),
    verdicts.length === 0
      ? 'The log of the gateway has no connection.'
      : markdownTable(['server name', 'verdict', 'connections'], verdicts),
    ...(gateway.lines.length === 0 ? [] : ['```', gateway.lines.join('\n'), '```']),
  ];
}

/** AWS shows costs by tag about a day later, and only for tags that the account has activated as cost allocation tags. */
function costCommand(day: string): string {
  const next = new Date(Date.parse(day) + 2 * 24 * 3_600_000).toISOString().slice(0, 10);
  return [
    'AWS shows costs by tag after about a day, if `agent-launcher:pool` is an active cost allocation tag. Each request costs $0.01:',
    '',
    '```sh',
    `aws ce get-cost-and-usage --time-period Start=${day},End=${next} --granularity DAILY --metrics UnblendedCost \\`,
    '  --group-by Type=TAG,Key=agent-launcher:pool Type=DIMENSION,Key=USAGE_TYPE',
    '```',
  ].join('\n');
}
