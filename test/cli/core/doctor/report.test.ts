import { expect, it } from 'vitest';
import { couldNotCheck, type Finding } from '../../../../cli/core/doctor/findings.ts';
import { countsOf, linesOf, mustAct, passedByGroup, sorted, summary } from '../../../../cli/core/doctor/report.ts';
import { doctorDocument, doctorJson } from '../../../../cli/core/doctor-json.ts';
import { countedInWords, listed } from '../../../../cli/core/sentences.ts';

const finding = (id: Finding['id'], severity: Finding['severity']): Finding =>
  severity === 'ok' ? { id, severity, what: 'Fine.' } : { id, severity, what: 'What.', why: 'Why.', todo: 'Do.' };
const all = [
  finding('network.vpc', 'ok'),
  finding('deployment.alarms', 'error'),
  finding('pool.scope', 'note'),
  finding('machine.node', 'ok'),
  finding('account.identity', 'error'),
  finding('token.expiry', 'warning'),
];

it('findings are sorted by severity, and then by group', () => {
  expect(sorted(all).map(({ id }) => id)).toEqual([
    'account.identity',
    'deployment.alarms',
    'token.expiry',
    'pool.scope',
    'machine.node',
    'network.vpc',
  ]);
});

it.each<[Finding['severity'][], string, boolean]>([
  [
    ['error', 'error', 'warning', 'note', 'ok'],
    '2 errors, 1 warning, 1 note; 1 check passed. Something must be done.',
    true,
  ],
  [['warning', 'ok', 'ok'], '1 warning; 2 checks passed. Something must be done.', true],
  [['note', 'ok'], '1 note; 1 check passed. Nothing must be done.', false],
  [['ok', 'ok'], '2 checks passed. Nothing must be done.', false],
])('the summary of %j sums up and says whether to act', (severities, text, acts) => {
  const counts = countsOf(severities.map((severity) => finding('pool.scope', severity)));
  expect(summary(counts)).toBe(text);
  expect(mustAct(counts)).toBe(acts);
});

it('a note about this machine comes after the other notes, because it says nothing about what runs', () => {
  const notes = ['machine.settings', 'deployment.version'] as const;
  const findings = notes.map((id): Finding => ({ id, severity: 'note', what: 'x', why: 'x', todo: 'x' }));
  expect(sorted(findings).map(({ id }) => id)).toEqual(['deployment.version', 'machine.settings']);
});

it('a finding fits into 80 columns, except for words that are longer', () => {
  const long: Finding = {
    id: 'quotas.fargate-on-demand',
    severity: 'warning',
    what: 'word '.repeat(40),
    why: 'reason '.repeat(30),
    todo: `aws ${'x'.repeat(90)} done`,
  };
  const lines = linesOf(long, 80);
  expect(lines[0]?.startsWith('WARNING  word')).toBe(true);
  expect(lines.filter((line) => line.length > 80).map((line) => line.trim())).toEqual(['x'.repeat(90)]);
  expect(lines.join('\n')).toContain('Why: reason');
  expect(lines.at(-1)).toBe('         Check: quotas.fargate-on-demand');
});

it('a check that passed is one line', () => {
  expect(linesOf(finding('machine.node', 'ok'), 80)).toEqual(['ok       Fine.']);
});

it('the passed checks are counted by group', () => {
  expect(passedByGroup(all)).toBe('machine 1, network 1');
});

it('the document has its schema', () => {
  const document = doctorDocument({ stack: 'AgentLauncher', checked: 'settings', groups: ['pool'] }, all);
  expect(doctorJson.parse(document)).toEqual(document);
  expect(document.mustAct).toBe(true);
});

it.each([
  ['denied', 'Allow ssm:GetParameter, or let someone who has this permission run doctor.'],
  ['failed', 'Check the message, and run doctor again. The check needs ssm:GetParameter.'],
  ['explained', 'Correct the reason, which is another finding, and run doctor again.'],
] as const)('a check that could not be made (%s) is a warning with what to do', (kind, todo) => {
  expect(couldNotCheck('account.bootstrap', 'the version', { reason: 'no', kind }, 'ssm:GetParameter')).toEqual({
    id: 'account.bootstrap',
    severity: 'warning',
    what: 'Could not check the version: no.',
    why: 'If this part is broken, doctor can’t tell.',
    todo,
  });
});

it('words are listed as in a sentence', () => {
  expect(listed([])).toBe('');
  expect(listed(['a'])).toBe('a');
  expect(listed(['a', 'b', 'c'])).toBe('a, b and c');
  expect(listed(['a', 'b', 'c', 'd'], 2)).toBe('a, b and 2 more');
  expect([
    countedInWords(1, 'task'),
    countedInWords(2, 'task'),
    countedInWords(0, 'free address', 'free addresses'),
  ]).toEqual(['one task', '2 tasks', '0 free addresses']);
});

it('a note is short: it has no reason, and says only what to do', () => {
  const note = {
    id: 'image.exists',
    severity: 'note',
    what: 'It is offline.',
    why: 'A reason.',
    todo: 'Check it.',
  } as const;
  expect(linesOf(note, 80, true)).toEqual(['note     It is offline. Check it. (image.exists)']);
  expect(linesOf({ ...note, todo: 'Nothing, while listing works.' }, 80, true)).toEqual([
    'note     It is offline. (image.exists)',
  ]);
  expect(linesOf(note, 80).join(' ')).toContain('Why: A reason.');
});

it('notes about runs come before the other notes, and notes about this machine come last', () => {
  const note = (id: Finding['id']): Finding => ({ id, severity: 'note', what: '', why: '', todo: '' });
  const given = [
    note('machine.settings'),
    note('token.manage-agent-pools'),
    note('deployment.pool-full'),
    note('pool.unserved'),
  ];
  expect(sorted(given).map(({ id }) => id)).toEqual([
    'deployment.pool-full',
    'pool.unserved',
    'token.manage-agent-pools',
    'machine.settings',
  ]);
});
