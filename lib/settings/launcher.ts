/** Settings of the launcher's function itself: what it runs on. Settings of its polls and limits are at the top level. */
import * as z from 'zod';
import { withoutCredentials } from '../agent/proxies.ts';
import { dollars, HOURS, IDLE_INVOCATIONS, launcherCost } from '../aws/costs.ts';
import { FUNCTION_ARCHITECTURES, PRICES } from '../aws/prices.ts';
import { DEFAULT_FUNCTION_ARCHITECTURE } from '../defaults.ts';
import { type Explanation, LOGIN_SECRET_DOC, SECRET_OR_ARN_KEY, setting } from './fields.ts';
import { exceptionFault } from './no-proxy.ts';

const X86_SURCHARGE = dollars(launcherCost(IDLE_INVOCATIONS, 1, 'x86_64') - launcherCost(IDLE_INVOCATIONS, 1, 'arm64'));

const ENDPOINT = dollars(PRICES.interfaceEndpointHour.usd * HOURS);

const PROXY = /^https?:\/\/(?:\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::\d{1,5})?\/?$/i;

/** Explains a URL that can't be the launcher's proxy. Never shows a login in it. */
function proxyExplanation(value: unknown): Explanation | undefined {
  if (typeof value !== 'string') return undefined;
  const given = JSON.stringify(withoutCredentials(value));
  if (value.includes('@')) {
    return {
      given: `${given}, with a login`,
      remedy:
        'remove the login. Store user:password in a secret, and set its name in launcher.httpsProxyCredentialsSecret. Change the password if anyone else may have seen it',
    };
  }
  if (/^socks/i.test(value)) {
    return { given, remedy: 'use the HTTP port of the proxy: the launcher sends CONNECT requests, not SOCKS' };
  }
  return PROXY.test(`http://${value}`)
    ? { given, remedy: `add the scheme: http://${value}` }
    : { given, remedy: 'correct the URL' };
}

export const launcherSettings = z.strictObject({
  vpc: setting(z.boolean().default(false), {
    description: `Whether the launcher's function runs in the VPC, in the private subnets of the agents, with its own security group. Then it has the stack's fixed address, reaches a Terraform Enterprise that only the VPC can reach, and has the restrictions of \`network\`. If the stack limits domains in its own VPC, it adds endpoints that admit only the launcher: for ECS, and for SQS with \`nudge\` or \`idlePollSeconds\` below 60. Each costs about ${ENDPOINT} per month and zone. docs/network.md says what each mode needs.`,
    allowed: 'true or false; true not with egress public-ip or on-demand',
  }),
  httpsProxy: setting(z.string().max(300).regex(PROXY).optional(), {
    description:
      'Proxy through which the launcher and the rotation of agent tokens reach HCP Terraform and the APIs of AWS. It does not affect the agents: set HTTPS_PROXY in `pools[].environment` for them.',
    allowed:
      'the URL of a proxy that supports CONNECT, with http or https and without a login, such as http://proxy.example.com:3128',
    absent: 'the launcher connects directly',
    explain: proxyExplanation,
  }),
  noProxy: setting(
    z
      .array(z.string().refine((entry) => exceptionFault(entry) === undefined))
      .max(50)
      .default([]),
    {
      description:
        'Destinations that these functions reach without the proxy, such as the host of your Terraform Enterprise or AWS APIs with an endpoint in the VPC.',
      allowed:
        'up to 50 domains, IP addresses or ranges, as in NO_PROXY: example.com includes its subdomains, .example.com means only these, and a port can follow; only with `launcher.httpsProxy`',
      explain: (value) => (typeof value === 'string' ? exceptionFault(value) : undefined),
    },
  ),
  httpsProxyCredentialsSecret: setting(SECRET_OR_ARN_KEY.optional(), {
    description:
      'Secret with the login for the proxy: user:password, or a JSON object that has it under a key. These functions read secrets without the proxy then, so their network needs another path to Secrets Manager, such as a VPC endpoint.',
    allowed: `${LOGIN_SECRET_DOC.allowed}; only with \`launcher.httpsProxy\``,
    explain: LOGIN_SECRET_DOC.explain,
    absent: 'the proxy requires no login',
    remedy:
      'create the secret (aws secretsmanager create-secret --name NAME --secret-string file://login.txt) and set its name here, never the login itself',
  }),
  architecture: setting(z.enum(FUNCTION_ARCHITECTURES).default(DEFAULT_FUNCTION_ARCHITECTURE), {
    description: `CPU architecture of the stack's functions. \`x86_64\` costs about ${X86_SURCHARGE} more per month. The setting doesn't affect the agents.`,
  }),
  codeSigningConfigArn: setting(
    z
      .string()
      .regex(/^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:code-signing-config:csc-[a-z0-9]{17}$/)
      .optional(),
    {
      description:
        "Code signing configuration of the Lambda functions. Lambda then accepts only code that a profile in the configuration has signed, so sign the ZIP files before you deploy: docs/security.md, 'Signed code'.",
      allowed: 'arn:aws:lambda:<region>:<account>:code-signing-config:csc-…',
      remedy: 'set the ARN of the configuration. This prints the ARNs of yours: aws lambda list-code-signing-configs',
      absent: 'Lambda accepts unsigned code',
    },
  ),
});
