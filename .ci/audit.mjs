#!/usr/bin/env node
// Fails if npm knows a vulnerability of severity high or critical in a dependency, unless .ci/audit-allowed.json lists it.
// All dependencies count: the functions' code is bundled, so package.json has only development dependencies.
//
//   node .ci/audit.mjs [REPORT [ALLOWED]]     default: asks the registry with `npm audit`, and reads .ci/audit-allowed.json
//
// Some registries, such as mirrors, don't offer audits. The check then says that it was skipped, and succeeds. Without an answer, for example
// after a timeout, it fails, because the registry may offer audits.
// An entry of the list has the advisory, the reason why it doesn't matter here, and a last day, after which the check fails again:
//   [{ "advisory": "GHSA-xxxx-xxxx-xxxx", "reason": "…", "until": "2027-01-31" }]
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SEVERITIES = ['high', 'critical'];
const [reportFile, allowedFile = fileURLToPath(new URL('audit-allowed.json', import.meta.url))] = process.argv.slice(2);

/** Longest time that npm may take. Usually, it takes a few seconds. */
const TIMEOUT_MS = 120_000;

/** Statuses of a registry that has no such endpoint. */
const NO_ENDPOINT = /^(?:404|405|410|501)\b/;

const report = reportFile === undefined ? npmAudit() : parsed(readFileSync(reportFile, 'utf8'));
const allowed = JSON.parse(readFileSync(allowedFile, 'utf8'));

if (report.auditReportVersion !== undefined) {
  check(report, new Date().toISOString().slice(0, 10));
} else {
  const why = report.error?.summary || report.message || 'npm printed no report';
  if (report.error?.code === 'ENOAUDIT' || NO_ENDPOINT.test(why)) {
    console.log(`SKIPPED: the registry offers no audits (${why}). Nothing is known about vulnerabilities.`);
  } else {
    console.error(`The audit got no answer: ${why}. So nothing is known about vulnerabilities. Run it again.`);
    process.exitCode = 1;
  }
}

function npmAudit() {
  const args = ['audit', `--audit-level=${SEVERITIES[0]}`, '--json'];
  const { stdout, signal } = spawnSync('npm', args, { encoding: 'utf8', timeout: TIMEOUT_MS });
  // It ends npm after the timeout.
  return signal === null
    ? parsed(stdout ?? '')
    : { message: `npm was ended by ${signal}, after ${TIMEOUT_MS / 1000} s at most` };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function check({ vulnerabilities = {} }, today) {
  // Packages that only depend on a vulnerable one have its name instead of an advisory.
  const advisories = new Map(
    Object.values(vulnerabilities)
      .flatMap(({ via }) => via.filter((one) => typeof one === 'object' && SEVERITIES.includes(one.severity)))
      .map((one) => [one.url.split('/').at(-1), one]),
  );
  const faults = [...advisories].flatMap(([id, { name, title, url }]) => {
    const entry = allowed.find(({ advisory }) => advisory === id);
    if (entry === undefined) return [`${name}: ${title} (${url}). Update it, or add ${id} with a reason to the list.`];
    if (entry.until < today) return [`${name}: ${title} (${url}) was allowed until ${entry.until}: ${entry.reason}`];
    console.log(`Allowed until ${entry.until}: ${id} in ${name}, because ${entry.reason}`);
    return [];
  });
  for (const { advisory, reason, until } of allowed) {
    if (!isDay(until)) faults.push(`${advisory} is in the list, but has no last day. Add "until": "YYYY-MM-DD".`);
    if (!reason?.trim()) faults.push(`${advisory} is in the list, but has no reason. Add "reason".`);
  }
  for (const { advisory } of allowed.filter((entry) => !advisories.has(entry.advisory))) {
    faults.push(`${advisory} is in the list, but npm doesn't report it any more. Remove it.`);
  }
  for (const fault of faults) console.error(fault);
  if (faults.length === 0)
    console.log('npm knows no other vulnerability of severity high or critical in the dependencies.');
  else process.exitCode = 1;
}

function isDay(text) {
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : new Date(Number.NaN);
  // JavaScript reads February 30 as March 2.
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}
