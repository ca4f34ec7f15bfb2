/**
 * `npm run --silent check-network -- [-c name=value …]`: checks whether the existing VPC in the settings has what agents
 * need. It reads cdk.json and the overrides as the app does, and queries AWS with the AWS CLI. It changes nothing.
 *
 * {@link USAGE} lists the exit codes.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { proxiesIn } from '../lib/agent/proxies.ts';
import { portOf, taskStartServices } from '../lib/network/allowed-domains.ts';
import { findingsIn, NOT_CHECKED } from '../lib/network-check/check.ts';
import { vpcFacts } from '../lib/network-check/facts.ts';
import { SettingsError } from '../lib/settings/errors.ts';
import { parseSettings } from '../lib/settings/parse.ts';
import { imagesOf } from '../lib/settings/task-images.ts';

const USAGE = `Checks whether the existing VPC in your settings has what agents need. It changes nothing.

Usage: npm run --silent check-network -- [-c name=value ...]

Options:
  -c, --context name=value   Overrides a setting in cdk.json, as in "cdk deploy -c name=value". Repeat it for more settings.
  -h, --help                 Prints this text.

It reads cdk.json in the current folder and calls "aws" (the AWS CLI) with its profile and region.

Exit codes: 0 nothing is missing, 1 something is missing, 2 the check could not run.

Example:
  npm run --silent check-network -- -c network='{"egress":"existing-vpc","vpcId":"vpc-...","subnetIds":["subnet-..."]}'`;

/** Thrown if the check can't run: the command line is wrong, or a call of the AWS CLI failed. */
class CannotLook extends Error {}

try {
  process.exitCode = check();
} catch (error) {
  console.error(
    error instanceof SettingsError || error instanceof CannotLook
      ? `\n${error.message}\n`
      : error instanceof z.ZodError
        ? `\nThis command does not understand the response of AWS:\n${z.prettifyError(error)}\n`
        : error,
  );
  process.exitCode = 2;
}

function check(): number {
  const values = optionsOf(process.argv.slice(2));
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const overrides = Object.fromEntries(values.context.map(override));
  const context = contextOf('cdk.json');
  const settings = parseSettings({ ...context, ...overrides });
  const { network, pools, hostname } = settings;
  if (network.egress !== 'existing-vpc') {
    console.log(`network.egress is ${network.egress}: the stack creates the network, so there is nothing to check.`);
    return 0;
  }
  const needs = {
    vpcId: network.vpcId,
    subnetIds: network.subnetIds,
    hostname,
    agents: pools.reduce((sum, { maxAgents }) => sum + maxAgents, 0),
    ports: [...new Set([443, portOf(hostname)])],
    proxyPorts: pools.flatMap(({ environment }) => proxiesIn(environment).flatMap(({ proxy }) => proxy?.port ?? [])),
    services: taskStartServices(imagesOf(settings)),
    dnsFirewall: network.dnsFirewall,
    guardDuty: network.guardDuty,
  };
  const findings = findingsIn(vpcFacts(askAws, needs, network.securityGroupIds ?? []), needs);
  for (const { level, what, remedy } of findings) {
    console.log(`${level === 'missing' ? 'MISSING' : 'note   '} ${what}\n        to do: ${remedy}`);
  }
  const gaps = findings.filter(({ level }) => level === 'missing').length;
  console.log(
    gaps === 0
      ? `${needs.vpcId} has everything that agents need and that this command can check.`
      : `${gaps === 1 ? 'One thing is' : `${gaps} things are`} missing in ${needs.vpcId}.`,
  );
  console.log(`Not checked: ${NOT_CHECKED}.`);
  return gaps === 0 ? 0 : 1;
}

function optionsOf(args: string[]) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        context: { type: 'string', short: 'c', multiple: true, default: [] },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return values;
  } catch (error) {
    throw new CannotLook(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
}

function contextOf(file: string): Record<string, unknown> {
  try {
    return z
      .looseObject({ context: z.record(z.string(), z.unknown()).default({}) })
      .parse(JSON.parse(readFileSync(file, 'utf8'))).context;
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : error instanceof Error ? error.message : '';
    throw new CannotLook(`${process.cwd()}/${file} is not a CDK app's cdk.json: ${why}\nRun the command in the clone.`);
  }
}

/** Parses `name=value`, as the CDK does. A name without a value is an error, because it would remove the setting of cdk.json. */
function override(given: string): [string, string] {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(given) ?? [];
  if (name === undefined || value === undefined) {
    throw new CannotLook(`-c ${given} has no value. Write -c name=value, as with cdk.`);
  }
  return [name, value];
}

function askAws(...command: readonly string[]): unknown {
  const { status, stdout, stderr, error } = spawnSync('aws', [...command, '--output', 'json'], { encoding: 'utf8' });
  if (error !== undefined)
    throw new CannotLook('The AWS CLI (`aws`) could not be started. Install it: https://docs.aws.amazon.com/cli/');
  if (status !== 0) {
    throw new CannotLook(
      `aws ${command.slice(0, 2).join(' ')} failed: ${stderr.trim()}\nThe command needs read-only permissions for EC2 and Route 53 Resolver.`,
    );
  }
  return JSON.parse(stdout);
}
