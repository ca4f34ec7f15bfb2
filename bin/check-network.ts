/**
 * `node bin/check-network.ts [-c name=value …]`: does the existing VPC of the settings have what agents need? Reads
 * cdk.json and the overrides as the app does, asks AWS by the AWS CLI, changes nothing.
 *
 * Exit code 0: nothing is missing. 1: something is. 2: it could not look.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { portOf, taskStartServices } from '../lib/egress/allowed-domains.ts';
import { findingsIn, NOT_LOOKED_AT } from '../lib/egress/existing-vpc-check.ts';
import { vpcFacts } from '../lib/egress/existing-vpc-facts.ts';
import { parseSettings } from '../lib/settings.ts';
import { SettingsError } from '../lib/settings-faults.ts';
import { imagesOf } from '../lib/task-images.ts';

/** AWS could not be asked. */
class CannotLook extends Error {}

try {
  process.exitCode = check();
} catch (error) {
  console.error(
    error instanceof SettingsError || error instanceof CannotLook
      ? `\n${error.message}\n`
      : error instanceof z.ZodError
        ? `\nAn answer of AWS is not as this command knows it:\n${z.prettifyError(error)}\n`
        : error,
  );
  process.exitCode = 2;
}

function check(): number {
  const { values } = parseArgs({ options: { context: { type: 'string', short: 'c', multiple: true, default: [] } } });
  const overrides = Object.fromEntries(values.context.map(override));
  const { context } = z
    .looseObject({ context: z.record(z.string(), z.unknown()).default({}) })
    .parse(JSON.parse(readFileSync('cdk.json', 'utf8')));
  const settings = parseSettings({ ...context, ...overrides });
  const { network, pools, hostname } = settings;
  if (network.egress !== 'existing-vpc') {
    console.log(
      `network.egress is ${network.egress}: the stack makes the network itself, and there is nothing to check.`,
    );
    return 0;
  }
  const needs = {
    vpcId: network.vpcId,
    subnetIds: network.subnetIds,
    hostname,
    agents: pools.reduce((sum, { maxAgents }) => sum + maxAgents, 0),
    ports: [...new Set([443, portOf(hostname)])],
    services: taskStartServices(imagesOf(settings)),
    dnsFirewall: network.dnsFirewall,
  };
  const findings = findingsIn(vpcFacts(askAws, needs, network.securityGroupIds ?? []), needs);
  for (const { level, what, remedy } of findings) {
    console.log(`${level === 'missing' ? 'MISSING' : 'note   '} ${what}\n        to do: ${remedy}`);
  }
  const gaps = findings.filter(({ level }) => level === 'missing').length;
  console.log(
    gaps === 0
      ? `${needs.vpcId} has what agents need, as far as this command looks.`
      : `${gaps === 1 ? 'One thing is' : `${gaps} things are`} missing in ${needs.vpcId}.`,
  );
  console.log(`Not looked at: ${NOT_LOOKED_AT}.`);
  return gaps === 0 ? 0 : 1;
}

/** `name=value`, as the CDK takes it; a name without a value means nothing, and must not undo what cdk.json says. */
function override(given: string): [string, string] {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(given) ?? [];
  if (name === undefined || value === undefined) {
    throw new CannotLook(`-c ${given} is no setting with a value: write -c name=value, as with cdk.`);
  }
  return [name, value];
}

function askAws(...command: readonly string[]): unknown {
  const { status, stdout, stderr, error } = spawnSync('aws', [...command, '--output', 'json'], { encoding: 'utf8' });
  if (error !== undefined) throw new CannotLook('The AWS CLI is needed, and `aws` does not start: install it.');
  if (status !== 0) {
    throw new CannotLook(`aws ${command.slice(0, 2).join(' ')} failed: ${stderr.trim()}\nIt needs read-only rights.`);
  }
  return JSON.parse(stdout);
}
