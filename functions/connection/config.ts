/** The schema of the environment variables about connections. */
import * as z from 'zod';
import type { CONNECTION_ENV } from './contract.ts';

/** How a function reaches HCP Terraform and AWS. */
export interface ConnectionConfig {
  /** The proxy for HCP Terraform and AWS; absent: there is none. */
  readonly proxy?: ProxyConfig | undefined;
  /** Secret with certificates to trust in addition to the public ones; absent: there are none. */
  readonly caCertificatesSecret?: string | undefined;
}

export interface ProxyConfig {
  readonly url: string;
  readonly noProxy: readonly string[];
  /** Secret with the login; `undefined`: the proxy asks for none. */
  readonly credentialsSecret: string | undefined;
  /** Key of the login, if the secret is a JSON object; absent: the secret contains only the login. */
  readonly credentialsJsonKey?: string | undefined;
}

const text = z.string().trim().min(1);

/** A comma-separated list. */
export const commaList = text.transform((list) =>
  list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

/** The schema of each variable. The description says what is allowed. */
export const connectionVariables = {
  httpsProxy: z
    .string()
    .regex(/^https?:\/\/(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?\/?$/i)
    .optional()
    .describe('the URL of a proxy without a login, such as http://proxy.example.com:3128, or no value'),
  noProxy: commaList.optional().describe('a comma-separated list of domains and addresses, or no value'),
  httpsProxyCredentialsSecret: text.optional().describe('name or ARN of a secret, or no value'),
  httpsProxyCredentialsJsonKey: text.optional().describe('key of a JSON object, or no value'),
  caCertificatesSecret: text.optional().describe('name or ARN of a secret, or no value'),
} satisfies Record<keyof typeof CONNECTION_ENV, z.ZodType>;

const parsed = z.object(connectionVariables);

export function connectionConfig({
  httpsProxy: url,
  noProxy = [],
  httpsProxyCredentialsSecret: credentialsSecret,
  httpsProxyCredentialsJsonKey: credentialsJsonKey,
  caCertificatesSecret,
}: z.infer<typeof parsed>): ConnectionConfig {
  return {
    proxy:
      url === undefined
        ? undefined
        : { url, noProxy, credentialsSecret, ...(credentialsJsonKey !== undefined && { credentialsJsonKey }) },
    caCertificatesSecret,
  };
}
