/** The cost as text, for 80 columns. */
import { dollars } from '../../lib/aws/costs.ts';
import type { Cost } from '../core/cost-json.ts';
import { counted } from '../core/sentences.ts';
import { cut, wrap } from '../core/wrap.ts';
import { bar, type Cell, type Paint, table } from './text.ts';

/** Maximum number of rows that the text shows, except for days. */
export const ROWS_SHOWN = 20;
const KEY_WIDTH = 26;
const BAR_WIDTH = 22;

export function renderCost(cost: Cost, width: number, paint: Paint): string[] {
  const { stack, days, from, to, by, fargate, idle, alwaysOn } = cost;
  const shown = by === 'day' ? cost.rows : cost.rows.slice(0, ROWS_SHOWN);
  const rest = cost.rows.slice(shown.length);
  const most = Math.max(...cost.rows.map((row) => row.dollars), 0);
  const columns = [
    { title: by.toUpperCase() },
    ...['TASKS', 'RUNS', 'HOURS', 'COST'].map((title) => ({ title, align: 'right' }) as const),
    { title: '' },
  ];
  const row = (key: string, sum: Cost['fargate'], chart: boolean): Cell[] => [
    { text: cut(key, KEY_WIDTH) },
    { text: String(sum.tasks) },
    { text: String(sum.runs) },
    { text: (sum.billedSeconds / 3600).toFixed(1) },
    { text: dollars(sum.dollars) },
    ...(chart ? [{ text: bar(most === 0 ? 0 : sum.dollars / most, BAR_WIDTH), style: 'cyan' } as const] : []),
  ];
  const rows = shown.map(({ key, name = key, ...sum }) => row(name, sum, true));
  if (rest.length > 0) rows.push(row(`${rest.length} others`, sumOf(rest), true));
  rows.push(row('total', fargate, false));
  return [
    `${paint('bold', stack)}: cost of ${counted(days, 'day')}, ${from.slice(0, 10)} to ${to.slice(0, 10)}`,
    '',
    ...table(columns, rows, paint).map((line) => line.trimEnd()),
    '',
    ...amounts([
      ['Fargate, for the tasks above', fargate.dollars],
      ...(cost.publicAddresses > 0
        ? [['Public addresses of the tasks', cost.publicAddresses] as [string, number]]
        : []),
      ...idle.parts.map(
        ({ item, dollarsPerMonth }) => [`Idle: ${item}`, shareOf(idle, dollarsPerMonth)] as [string, number],
      ),
      ['Total', cost.total],
    ]),
    ...(alwaysOn === null ? [] : ['', ...comparison(fargate.dollars + cost.publicAddresses, alwaysOn)]),
    '',
    ...cost.remarks.flatMap((remark) => wrap(remark, width, { first: '· ', rest: '  ' })),
  ];
}

/** The part's price in the period. */
function shareOf(idle: Cost['idle'], perMonth: number): number {
  return idle.dollarsPerMonth === 0 ? 0 : (idle.dollars * perMonth) / idle.dollarsPerMonth;
}

function amounts(lines: readonly (readonly [string, number])[]): string[] {
  const width = Math.max(...lines.map(([item]) => item.length));
  const amount = Math.max(...lines.map(([, usd]) => dollars(usd).length));
  return lines.map(([item, usd]) => `${item.padEnd(width)}  ${dollars(usd).padStart(amount)}`);
}

function comparison(actual: number, { maxAgents, peak }: NonNullable<Cost['alwaysOn']>): string[] {
  return [
    `Agents that run all the time would cost, instead of the tasks’ ${dollars(actual)}:`,
    ...amounts([
      [`  ${agents(maxAgents.agents)} (maxAgents)`, maxAgents.dollars],
      [`  ${agents(peak.agents)} (most that ran at the same time)`, peak.dollars],
    ]),
  ];
}

function agents(count: number): string {
  return `${count} ${count === 1 ? 'agent' : 'agents'}`;
}

function sumOf(rows: Cost['rows']): Cost['fargate'] {
  const add = (of: (row: Cost['rows'][number]) => number) => rows.reduce((sum, row) => sum + of(row), 0);
  return {
    tasks: add(({ tasks }) => tasks),
    // A run can be in several rows, so this is an upper bound.
    runs: add(({ runs }) => runs),
    billedSeconds: add(({ billedSeconds }) => billedSeconds),
    dollars: add((row) => row.dollars),
  };
}
