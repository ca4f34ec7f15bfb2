import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runProgram } from '../processes.ts';
import { newFolder } from '../temporary-folder.ts';

const SCRIPT = fileURLToPath(new URL('../../.ci/audit.mjs', import.meta.url));

const advisory = (id: string, severity: string) => ({
  source: 1_112_455,
  name: 'undici',
  dependency: 'undici',
  title: 'undici leaks a header',
  url: `https://github.com/advisories/${id}`,
  severity,
  range: '<7.0.0',
});

/** The format of `npm audit --json`, reduced to what the check reads. */
const report = (...via: readonly unknown[]) => ({
  auditReportVersion: 2,
  vulnerabilities: {
    undici: { name: 'undici', severity: 'high', via },
    '@acme/client': { name: '@acme/client', severity: 'high', via: ['undici'] },
  },
});
const entry = (until: string | undefined) => ({ advisory: 'GHSA-aaaa-bbbb-cccc', reason: 'no header is sent', until });
const HIGH = advisory('GHSA-aaaa-bbbb-cccc', 'high');

it.each<[string, object, readonly object[], number, string]>([
  ['nothing is known', report(), [], 0, 'no other vulnerability'],
  ['a vulnerability is high', report(HIGH), [], 1, 'add GHSA-aaaa-bbbb-cccc with a reason'],
  ['a vulnerability is critical', report(advisory('GHSA-x', 'critical')), [], 1, 'add GHSA-x'],
  ['a vulnerability is moderate', report(advisory('GHSA-x', 'moderate')), [], 0, 'no other vulnerability'],
  ['a vulnerability is allowed', report(HIGH), [entry('9999-12-31')], 0, 'because no header is sent'],
  ['a vulnerability was allowed until yesterday', report(HIGH), [entry('2020-01-01')], 1, 'allowed until 2020-01-01'],
  [
    'another vulnerability is allowed',
    report(advisory('GHSA-x', 'high'), HIGH),
    [entry('9999-12-31')],
    1,
    'add GHSA-x',
  ],
  ['an allowed vulnerability is gone', report(), [entry('9999-12-31')], 1, 'Remove it'],
  ['an entry has no last day', report(HIGH), [entry(undefined)], 1, 'has no last day'],
  ['an entry has a last day that is no date', report(HIGH), [entry('31.01.2999')], 1, 'has no last day'],
  ['an entry has a last day that does not exist', report(HIGH), [entry('2999-02-30')], 1, 'has no last day'],
  ['an entry has no reason', report(HIGH), [{ ...entry('9999-12-31'), reason: ' ' }], 1, 'has no reason'],
  [
    'the registry offers no audits',
    { error: { code: 'ENOAUDIT', summary: 'Your configured registry does not support audit requests.' } },
    [],
    0,
    'SKIPPED: the registry offers no audits (Your configured registry',
  ],
  [
    'the registry has no such endpoint',
    { message: '405 Method Not Allowed - POST https://registry.example/-/npm/v1/security/advisories/bulk' },
    [],
    0,
    'SKIPPED: the registry offers no audits (405 Method',
  ],
  ['the registry fails', { message: '503 Service Unavailable - POST https://registry.example' }, [], 1, '503 Service'],
  [
    'the registry cannot be found',
    { message: 'request to https://registry.example failed, ENOTFOUND' },
    [],
    1,
    'ENOTFOUND',
  ],
])('the audit ends as it should if %s', async (_, found, allowed, code, text) => {
  const folder = newFolder('audit');
  const [reportFile, allowedFile] = [join(folder, 'report.json'), join(folder, 'allowed.json')];
  writeFileSync(reportFile, JSON.stringify(found));
  writeFileSync(allowedFile, JSON.stringify(allowed));
  const result = await runProgram(process.execPath, [SCRIPT, reportFile, allowedFile]);
  expect(result.stdout + result.stderr).toContain(text);
  expect(result.code).toBe(code);
});

it.each([
  ['is ended because it takes too long', 'kill -TERM $$', 'npm was ended by SIGTERM'],
  ['prints nothing', 'exit 1', 'npm printed no report'],
])('the audit fails if npm %s', async (_, commands, text) => {
  const folder = newFolder('audit');
  writeFileSync(join(folder, 'npm'), `#!/bin/sh\n${commands}\n`, { mode: 0o755 });
  const PATH = `${folder}:${process.env['PATH']}`;
  const result = await runProgram(process.execPath, [SCRIPT], { env: { ...process.env, PATH } });
  expect(result.stderr).toContain(text);
  expect(result.code).toBe(1);
});
