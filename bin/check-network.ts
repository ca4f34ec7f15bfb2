/**
 * `npm run --silent check-network -- [-c name=value …]`: checks whether the existing VPC in the settings has what agents
 * need, without the other checks of `agent-launcher doctor`. It reads cdk.json and the overrides as the app does. It changes nothing.
 *
 * {@link USAGE} lists the exit codes.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { AwsCliError, askAwsCli } from '../lib/network-check/aws-cli.ts';
import { findingsIn, NOT_CHECKED } from '../lib/network-check/check.ts';
import { askEc2 } from '../lib/network-check/ec2.ts';
import { type Ask, dnsFirewallFacts, NO_DNS_FIREWALL, vpcFacts } from '../lib/network-check/facts.ts';
import type { DnsFirewallFacts, VpcNeeds } from '../lib/network-check/findings.ts';
import { existingVpcNeeds } from '../lib/network-check/needs.ts';
import { SettingsError } from '../lib/settings/errors.ts';
import { parseSettings } from '../lib/settings/parse.ts';

const USAGE = `Checks whether the existing VPC in your settings has what agents need. It
changes nothing.

Usage: npm run --silent check-network -- [-c name=value ...]

Options:
  -c, --context name=value   Overrides a setting in cdk.json, as in
                             "cdk deploy -c name=value". Repeat it for more
                             settings.
  -h, --help                 Prints this text.

It reads cdk.json in the current folder. It finds AWS credentials and the region
as the AWS CLI does (AWS_PROFILE, AWS_REGION), and calls "aws" (the AWS CLI)
only for DNS Firewall. "agent-launcher doctor" includes this check.

Exit codes: 0 nothing is missing, 1 something is missing, 2 the check could not
run.

Example:
  npm run --silent check-network -- -c network.vpcId=vpc-...`;

const REMEDY =
  'The command needs AWS credentials, a region (AWS_REGION), and read-only permissions for EC2 and Route 53 Resolver.';

/** Time limits of one request to EC2. A person waits for the answer. */
const LIMITS = { connectionTimeout: 5_000, requestTimeout: 20_000, throwOnRequestTimeout: true };

/** Thrown if the check can't run, for example because the command line is wrong. */
class CannotLook extends Error {}

try {
  process.exitCode = await check();
} catch (error) {
  console.error(
    error instanceof SettingsError || error instanceof CannotLook || error instanceof AwsCliError
      ? `\n${error.message}\n`
      : error instanceof z.ZodError
        ? `\nThis command does not understand the response of AWS:\n${z.prettifyError(error)}\n`
        : error,
  );
  process.exitCode = 2;
}

async function check(): Promise<number> {
  const values = optionsOf(process.argv.slice(2));
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const overrides = Object.fromEntries(values.context.map(override));
  const context = contextOf('cdk.json');
  const settings = parseSettings({ ...context, ...overrides });
  const { network } = settings;
  const needs = existingVpcNeeds(settings);
  if (needs === undefined || network.egress !== 'existing-vpc') {
    console.log(`network.egress is ${network.egress}: the stack creates the network, so there is nothing to check.`);
    return 0;
  }
  const ask = await askAws();
  const vpc = await vpcFacts(ask, needs, network.securityGroupIds ?? []);
  const dns = await dnsOf(ask, needs);
  const findings = findingsIn({ ...vpc, ...dns.facts }, needs);
  for (const { level, what, remedy } of findings) {
    console.log(`${level === 'missing' ? 'MISSING' : 'note   '} ${what}\n        to do: ${remedy}`);
  }
  const gaps = findings.filter(({ level }) => level === 'missing').length;
  console.log(
    gaps === 0
      ? `${needs.vpcId} has everything that agents need and that this command can check.`
      : `${gaps === 1 ? 'One thing is' : `${gaps} things are`} missing in ${needs.vpcId}.`,
  );
  console.log(`Not checked: ${dns.unread === undefined ? '' : 'DNS Firewall, '}${NOT_CHECKED}.`);
  if (dns.unread !== undefined) console.error(dns.unread);
  if (gaps > 0) return 1;
  return dns.unread !== undefined && needs.dnsFirewall ? 2 : 0;
}

/** Asks EC2 with the SDK, and Route 53 Resolver with the AWS CLI. */
async function askAws(): Promise<Ask> {
  // The command loads the SDK only if there is something to check.
  const { EC2Client } = await import('@aws-sdk/client-ec2');
  // The AWS CLI also reads AWS_DEFAULT_REGION, the SDK doesn't.
  const region = process.env['AWS_REGION'] || process.env['AWS_DEFAULT_REGION'] || undefined;
  const client = new EC2Client({ ...(region !== undefined && { region }), requestHandler: LIMITS });
  const send = (command: Parameters<typeof client.send>[0]): Promise<unknown> =>
    client.send(command).catch((error: unknown) => {
      throw new CannotLook(`EC2 did not answer: ${error instanceof Error ? error.message : String(error)}\n${REMEDY}`, {
        cause: error,
      });
    });
  return askEc2(send, askAwsCli());
}

/** DNS Firewall, or why it could not be read. The rest of the VPC doesn't depend on it. */
async function dnsOf(
  ask: Ask,
  needs: VpcNeeds,
): Promise<{ readonly facts: DnsFirewallFacts; readonly unread?: string }> {
  try {
    return { facts: await dnsFirewallFacts(ask, needs) };
  } catch (error) {
    if (!(error instanceof AwsCliError)) throw error;
    return { facts: NO_DNS_FIREWALL, unread: `DNS Firewall was not checked. ${error.message}` };
  }
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
