/** The schema of the environment variables about connections, and what every function needs to read its variables. */
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

/** A JSON text. */
export const jsonText = z.string().transform((json, context): unknown => {
  try {
    return JSON.parse(json);
  } catch {
    context.addIssue({ code: 'custom', message: 'not JSON' });
    return z.NEVER;
  }
});

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

/**
 * Describes each wrong variable once: its length, what is allowed and what to do. Never its value.
 *
 * @param variables - the schema of each variable, by its key
 * @param names - the name of each variable, by the same key
 * @param texts - the given values, by the same key
 */
export function faultsOf(
  error: z.ZodError,
  variables: Readonly<Record<string, z.ZodType>>,
  names: Readonly<Record<string, string>>,
  texts: Readonly<Record<string, string | undefined>>,
): string[] {
  const wrong = new Set(error.issues.map(({ path: [key] }) => key));
  return Object.entries(names).flatMap(([key, name]) => {
    if (!wrong.has(key)) return [];
    const given = texts[key] === undefined ? 'nothing' : `${texts[key].length} characters`;
    return [`- ${name}: given ${given}; allowed: ${variables[key]?.description}; to do: deploy the stack again`];
  });
}
