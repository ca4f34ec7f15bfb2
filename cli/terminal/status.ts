/** The status as text, for 80 columns. */
import { dollars } from '../../lib/aws/costs.ts';
import { clock, duration } from '../core/durations.ts';
import { gatewayText } from '../core/gateways.ts';
import type { PoolStatus, Status } from '../core/status-json.ts';
import { cut, wrap } from '../core/wrap.ts';
import { type Cell, type Paint, type Style, table } from './text.ts';

const UNKNOWN: Cell = { text: '–', style: 'dim' };
const POOL_WIDTH = 24;
const LABEL_WIDTH = 10;

const STATES: Readonly<Record<Status['launcher']['state'], { readonly text: string; readonly style: Style }>> = {
  running: { text: 'running', style: 'green' },
  paused: { text: 'paused', style: 'yellow' },
  'partly-paused': { text: 'partly paused', style: 'yellow' },
  silent: { text: 'silent', style: 'red' },
  failing: { text: 'failing', style: 'red' },
  unknown: { text: 'unknown', style: 'yellow' },
};

const LAUNCHER = { label: 'Launcher' };
const ALARMS = { label: 'Alarms' };
const GATEWAYS = { label: 'Gateways' };
const TODAY = { label: 'Today' };

export function renderStatus(status: Status, width: number, paint: Paint): string[] {
  const { stack, pools, problems, notes } = status;
  const nowMs = Date.parse(status.at);
  return [
    ...labelled(
      width,
      { label: stack.name, style: 'bold' },
      `in ${stack.region}: ${stack.status}, at ${clock(nowMs, nowMs)}`,
      paint,
    ),
    ...labelled(width, LAUNCHER, launcherLine(status, nowMs), paint, STATES[status.launcher.state]),
    ...(status.gateways.length === 0
      ? []
      : labelled(width, GATEWAYS, gatewaysLine(status), paint, gatewayColour(status))),
    ...labelled(width, ALARMS, alarmsLine(status), paint, alarmColour(status)),
    ...labelled(width, TODAY, todayLine(status), paint),
    '',
    ...poolTable(pools, width, paint),
    ...section(
      problems.flatMap(({ what, do: remedy }) => [
        ...paintFirst(wrap(what, width, { first: '✗ ', rest: '  ' }), paint, 'red'),
        ...wrap(remedy, width, { first: '  → ', rest: '    ' }),
      ]),
    ),
    ...section(notes.flatMap((note) => wrap(note, width, { first: '· ', rest: '  ' }))),
  ];
}

interface Coloured {
  readonly text: string;
  readonly style: Style;
}

/** A label and a text, wrapped below each other. The coloured part is coloured where it occurs first. */
function labelled(
  width: number,
  { label, style }: { readonly label: string; readonly style?: Style },
  text: string,
  paint: Paint,
  coloured?: Coloured,
): string[] {
  const start = style === undefined ? label.padEnd(LABEL_WIDTH) : `${label} `;
  const [first = '', ...rest] = wrap(text, width, { first: start, rest: ' '.repeat(LABEL_WIDTH) });
  const shown = first.slice(start.length);
  const body =
    coloured === undefined ? shown : shown.replace(coloured.text, () => paint(coloured.style, coloured.text));
  return [`${style === undefined ? start : `${paint(style, label)} `}${body}`, ...rest];
}

/** Names of pools are cut off if the numbers need the space. */
function poolTable(pools: readonly PoolStatus[], width: number, paint: Paint): string[] {
  const columns = [
    { title: 'POOL' },
    ...['QUEUED', 'OLDEST', 'STARTING', 'BUSY', 'IDLE', 'UNKNOWN', 'FOREIGN', 'TASKS'].map(
      (title) => ({ title, align: 'right' }) as const,
    ),
  ];
  const rows = (nameWidth: number) => pools.map((pool) => poolRow(pool, nameWidth));
  const widest = table(columns, rows(POOL_WIDTH), (_, text) => text).reduce(
    (most, line) => Math.max(most, line.length),
    0,
  );
  return table(columns, rows(Math.max(6, POOL_WIDTH - Math.max(0, widest - width))), paint);
}

function section(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', ...lines];
}

function paintFirst([first = '', ...rest]: readonly string[], paint: Paint, style: Style): string[] {
  return [`${paint(style, first.slice(0, 1))}${first.slice(1)}`, ...rest];
}

function launcherLine({ launcher }: Status, nowMs: number): string {
  const { text } = STATES[launcher.state];
  const { lastTick, version, schedule } = launcher;
  return [
    text,
    lastTick === null
      ? 'no recent tick'
      : `last tick ${duration(nowMs - Date.parse(lastTick.at))} ago${lastTick.errors > 0 ? `, ${lastTick.errors} ${lastTick.errors === 1 ? 'error' : 'errors'}` : ''}`,
    ...(schedule === null ? [] : [schedule]),
    ...(version === null ? [] : [`version ${version}`]),
  ].join(' · ');
}

function alarmsLine({ alarms }: Status): string {
  if (alarms === null) return 'unknown';
  if (alarms.on.length === 0) return alarms.total === 0 ? 'there are none' : `none of ${alarms.total} is on`;
  return `${alarms.on.length} of ${alarms.total} ${alarms.on.length === 1 ? 'is' : 'are'} on`;
}

function gatewaysLine({ gateways }: Status): string {
  return gateways.map(gatewayText).join(' · ');
}

/** A gateway with a problem is red, and one that is awake is green. */
function gatewayColour({ gateways }: Status): Coloured | undefined {
  const broken = gateways.find(({ state }) => state === 'problem' || state === 'unhealthy');
  if (broken !== undefined) return { text: broken.state, style: 'red' };
  return gateways.some(({ state }) => state === 'awake') ? { text: 'awake', style: 'green' } : undefined;
}

/** How many alarms are on is red. */
function alarmColour(status: Status): Coloured | undefined {
  return (status.alarms?.on.length ?? 0) > 0 ? { text: alarmsLine(status), style: 'red' } : undefined;
}

function todayLine({ today }: Status): string {
  if (today === null) return 'unknown';
  const { tasks, runs, failed } = today;
  return [
    `${tasks} ${tasks === 1 ? 'task' : 'tasks'} ended for ${runs} ${runs === 1 ? 'run' : 'runs'}`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    dollars(today.dollars),
    'since midnight UTC',
  ].join(' · ');
}

function poolRow(pool: PoolStatus, nameWidth: number): Cell[] {
  const number = (value: number | null, style?: Style): Cell =>
    value === null ? UNKNOWN : { text: String(value), ...(value > 0 && style !== undefined && { style }) };
  const oldest = pool.oldestQueuedSeconds;
  return [
    { text: cut(pool.name, nameWidth) },
    number(pool.queued, 'yellow'),
    oldest === null ? UNKNOWN : { text: shortDuration(oldest) },
    number(pool.starting),
    number(pool.busy, 'green'),
    number(pool.idle),
    number(pool.unknown, 'red'),
    number(pool.foreign, 'yellow'),
    { text: `${pool.live}/${pool.maxAgents}` },
  ];
}

/** At most six columns: `59s`, `12m`, `3h05m`, `12d`. */
function shortDuration(seconds: number): string {
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h${String(minutes % 60).padStart(2, '0')}m` : `${Math.floor(hours / 24)}d`;
}
