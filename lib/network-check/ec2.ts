/** Sends EC2's requests of the network check with the SDK, and the others with the AWS CLI: the SDK's client of Route 53 Resolver isn't installed. */
import type { EC2Client } from '@aws-sdk/client-ec2';
import * as z from 'zod';
import type { Ask } from './facts.ts';

const page = z.looseObject({ NextToken: z.string().optional() });

export type Ec2Command = Parameters<EC2Client['send']>[0];

/**
 * @param send sends a command to EC2
 * @param others answers the requests to other services
 */
export function askEc2(send: (command: Ec2Command) => Promise<unknown>, others: Ask): Ask {
  return async (service, action, input) => {
    if (service !== 'ec2') return others(service, action, input);
    const commands = await commandsOf();
    const Command = commands[action];
    if (Command === undefined) throw new Error(`there is no EC2 action ${action}`);
    const all: Record<string, unknown> = {};
    let token: string | undefined;
    do {
      const answer = await send(new Command({ ...input, ...(token !== undefined && { NextToken: token }) }));
      const { NextToken, ...members } = page.parse(answer);
      for (const [name, value] of Object.entries(members)) {
        const before = all[name];
        all[name] = Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value;
      }
      token = NextToken;
    } while (token !== undefined && token !== '');
    return all;
  };
}

type CommandClass = new (input: Record<string, unknown>) => Ec2Command;

/** Loads the SDK only when it is needed. */
async function commandsOf(): Promise<Readonly<Record<string, CommandClass>>> {
  const ec2 = await import('@aws-sdk/client-ec2');
  const commands = {
    DescribeDhcpOptions: ec2.DescribeDhcpOptionsCommand,
    DescribeNetworkAcls: ec2.DescribeNetworkAclsCommand,
    DescribeRouteTables: ec2.DescribeRouteTablesCommand,
    DescribeSecurityGroups: ec2.DescribeSecurityGroupsCommand,
    DescribeSubnets: ec2.DescribeSubnetsCommand,
    DescribeVpcAttribute: ec2.DescribeVpcAttributeCommand,
    DescribeVpcEndpoints: ec2.DescribeVpcEndpointsCommand,
    DescribeVpcs: ec2.DescribeVpcsCommand,
  };
  return commands as unknown as Readonly<Record<string, CommandClass>>;
}
