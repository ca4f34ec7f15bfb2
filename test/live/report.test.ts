import { describe, expect, it } from 'vitest';
import { fargateDollars, findingsOf, reportOf } from '../../labs/live/report.ts';
import { STATEMENTS } from '../../labs/live/statements.ts';
import { at, evidenceWith, run, task, tasksOf } from './evidence.ts';

const evidence = evidenceWith({
  agentVersion: '1.33.0',
  deployment: { seconds: 190, resources: 53 },
  runs: [run('a')],
  tasks: [...tasksOf('a'), task('idle', { exitCode: 75 })],
  removed: ['stack x', 'pool p'],
});

describe('the report of the live proof', () => {
  const report = reportOf(evidence);

  it('begins with what was tried, where and for how much', () => {
    expect(report).toMatch(/^# Live proof\n/);
    expect(report).toContain('| HCP Terraform | app.terraform.io, organization acme |');
    expect(report).toContain('| AWS | account 123456789012, eu-central-1 |');
    expect(report).toContain('| time | 2026-12-01T10:00:00.000Z, 20 min |');
    expect(report).toContain('| Fargate | 3 tasks, $0.0033 |');
  });

  it('has a row for every statement, and counts the results', () => {
    for (const { says } of STATEMENTS) expect(report).toContain(`| ${says} |`);
    const results = findingsOf(evidence).map(({ finding }) => finding.result);
    const count = (wanted: string) => results.filter((result) => result === wanted).length;
    expect(report).toContain(
      `${count('confirmed')} confirmed, ${count('refuted')} refuted, ${count('not settled')} not settled.`,
    );
    expect(count('confirmed')).toBeGreaterThan(4);
  });

  it('shows the phases of the start, the waits of the runs, and what was removed', () => {
    expect(report).toContain('| total | 30.0 | 30.0 | 30.0 | 3 |');
    expect(report).toContain('| a | one | plan and apply | applied | 40.0 s | – s |');
    expect(report).toContain('Everything was removed: stack x, pool p.');
  });

  it('says how to see the costs by tag, which AWS shows a day later', () => {
    expect(report).toContain('--time-period Start=2026-12-01,End=2026-12-03');
  });

  it('says first what went wrong, and what is left', () => {
    const broken = reportOf({ ...evidence, failure: 'no luck', left: ['stack x (in use). Remove it with: y'] });
    expect(broken).toMatch(/^# Live proof\n\n\*\*Not complete: no luck\*\*/);
    expect(broken).toContain('**Left:**\n\n- stack x (in use). Remove it with: y');
  });

  it('says that emulators prove nothing', () => {
    const local = reportOf({ ...evidence, mode: 'local' });
    expect(local).toMatch(/^# Trial of the live proof with emulators\n/);
    expect(local).toContain('Emulators prove nothing about the vendors.');
    expect(local).not.toContain('get-cost-and-usage');
  });
});

describe('the price of the tasks', () => {
  it('is that of each task from its image pull to its end, and of a minute at least', () => {
    const perHour = 0.04048 + 2 * 0.004445;
    const at80 = task('a', { pullStartedAt: at(10), stoppedAt: at(90) });
    expect(fargateDollars({ tasks: [at80] })).toBeCloseTo((perHour * 80) / 3600, 8);
    expect(fargateDollars({ tasks: [{ ...at80, stoppedAt: at(20) }] })).toBeCloseTo(perHour / 60, 8);
  });

  it('is lower for a task on arm64', () => {
    const perHour = 0.03238 + 2 * 0.00356;
    const onArm = task('a', { architecture: 'arm64', pullStartedAt: at(0), stoppedAt: at(3600) });
    expect(fargateDollars({ tasks: [onArm] })).toBeCloseTo(perHour, 8);
  });
});
