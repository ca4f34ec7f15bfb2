/** Sorts the findings of `doctor` and puts them into text. */
import { wrap } from '../wrap.ts';
import { type Finding, GROUPS, type Group, SEVERITIES, type Severity } from './findings.ts';

/** Notes about runs that wait or may have failed. They come first, because that is why people run doctor. */
const ABOUT_RUNS = new Set([
  'pool.unserved',
  'deployment.pool-full',
  'deployment.launches-deferred',
  'network.refused-domains',
]);

/** Worst first; then in the order of the groups. Notes about runs come first, and notes about this machine last. Findings of one group keep their order. */
export function sorted(findings: readonly Finding[]): Finding[] {
  const placeOfNote = (id: Finding['id']): number | undefined =>
    ABOUT_RUNS.has(id) ? -1 : groupOf(id) === 'machine' ? GROUPS.length : undefined;
  const rank = ({ severity, id }: Finding): number => {
    const place = (severity === 'note' ? placeOfNote(id) : undefined) ?? GROUPS.indexOf(groupOf(id));
    return SEVERITIES.indexOf(severity) * (GROUPS.length + 2) + place;
  };
  return [...findings].sort((a, b) => rank(a) - rank(b));
}

export function groupOf(id: Finding['id']): Group {
  return GROUPS.find((group) => id.startsWith(`${group}.`)) ?? 'machine';
}

export type Counts = Readonly<Record<Severity, number>>;

export function countsOf(findings: readonly Finding[]): Counts {
  const count = (severity: Severity): number => findings.filter((finding) => finding.severity === severity).length;
  return { error: count('error'), warning: count('warning'), note: count('note'), ok: count('ok') };
}

/** Whether the user must do something. Notes don't count. */
export function mustAct({ error, warning }: Counts): boolean {
  return error + warning > 0;
}

/** The line that sums up: `2 errors, 1 warning, 3 notes; 20 checks passed. Something must be done.` */
export function summary(counts: Counts): string {
  const many = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
  const found = [
    ...(counts.error > 0 ? [many(counts.error, 'error')] : []),
    ...(counts.warning > 0 ? [many(counts.warning, 'warning')] : []),
    ...(counts.note > 0 ? [many(counts.note, 'note')] : []),
  ];
  const passed = `${many(counts.ok, 'check')} passed`;
  const verdict = mustAct(counts) ? 'Something must be done.' : 'Nothing must be done.';
  return found.length === 0 ? `${passed}. ${verdict}` : `${found.join(', ')}; ${passed}. ${verdict}`;
}

const LABELS: Readonly<Record<Severity, string>> = { error: 'ERROR', warning: 'WARNING', note: 'note', ok: 'ok' };
const INDENT = 9;

/** One finding as lines: the first begins with its severity. @param isShort whether a note has no reason, and only says what to do */
export function linesOf(finding: Finding, columns: number, isShort = false): string[] {
  const { severity, what, why, todo = '', id } = finding;
  if (severity === 'note' && isShort) {
    const text = [what, ...(/^Nothing\b/.test(todo) ? [] : [todo]), `(${id})`].join(' ');
    return wrap(text, columns, { first: LABELS.note.padEnd(INDENT), rest: ' '.repeat(INDENT) });
  }
  const part = (label: string, text: string | undefined): string[] => {
    if (text === undefined) return [];
    const [first = '', ...others] = wrap(`${label}${text}`, columns - INDENT);
    return [first, ...others].map((line) => `${' '.repeat(INDENT)}${line}`);
  };
  const [first = '', ...others] = part('', what);
  const head = `${LABELS[severity].padEnd(INDENT)}${first.slice(INDENT)}`;
  if (severity === 'ok') return [head, ...others];
  return [head, ...others, ...part('Why: ', why), ...part('To do: ', todo), ...part('Check: ', id)];
}

/** How many checks passed in each group, as one line: `machine 2, account 3`. */
export function passedByGroup(findings: readonly Finding[]): string {
  return GROUPS.flatMap((group) => {
    const passed = findings.filter(({ id, severity }) => severity === 'ok' && groupOf(id) === group).length;
    return passed === 0 ? [] : [`${group} ${passed}`];
  }).join(', ');
}
