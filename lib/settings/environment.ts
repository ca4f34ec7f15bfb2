/** Environment variables that a pool can't have, each with the reason and what to do in its place. */
import { IDLE_SECONDS_VARIABLE } from '../../functions/launcher/contract.ts';
import { credentialIn } from '../credentials.ts';

/** Why a variable is refused, what is allowed, and what to do. */
export interface VariableFault {
  readonly reason: string;
  readonly allowed: string;
  readonly remedy: string;
}

interface Rule extends VariableFault {
  readonly names: RegExp;
}

const OWNED = 'variables that neither the stack nor ECS sets';
const SET_BY_STACK = { reason: 'the stack sets it', allowed: OWNED };
const ROLE = 'only the task role gives permissions in AWS';
const WORKSPACE =
  'remove it. If a job needs it, set it in HCP Terraform as an environment variable of the workspace or of a variable set';

const RULES: readonly Rule[] = [
  { names: /^TFC_ADDRESS$/, ...SET_BY_STACK, remedy: 'remove it and set hostname' },
  { names: new RegExp(`^${IDLE_SECONDS_VARIABLE}$`), ...SET_BY_STACK, remedy: 'remove it and set idleWindowSeconds' },
  {
    names: /^TFC_AGENT_ACCEPT$/,
    ...SET_BY_STACK,
    remedy: 'remove it and set phases, which separates plans from applies',
  },
  {
    names: /^(?:TFC_AGENT_(?:TOKEN|NAME|SINGLE|AUTO_UPDATE|DATA_DIR)|AGENT_TOKEN_SECRET)$/,
    ...SET_BY_STACK,
    remedy: 'remove it',
  },
  { names: /^(?:ECS_.*|AWS_EXECUTION_ENV)$/, reason: 'ECS sets it', allowed: OWNED, remedy: 'remove it' },
  {
    // https://developer.hashicorp.com/terraform/cloud-docs/agents/request-forwarding
    names: /^TFC_AGENT_(?:REQUEST_FORWARDING|HYOK)$/,
    reason: 'it needs an agent that stays connected, on port 7146, and these agents end after one job',
    allowed: 'agents that run jobs, without request forwarding and HYOK',
    remedy: 'remove it, and run an agent for it outside this launcher, in a separate agent pool',
  },
  {
    // https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html: what comes before the container's role.
    names:
      /^AWS_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|ROLE_ARN|ROLE_SESSION_NAME|WEB_IDENTITY_TOKEN(?:_FILE)?|(?:DEFAULT_)?PROFILE|SHARED_CREDENTIALS_FILE|CONFIG_FILE|CONTAINER_.*)$/,
    reason: 'it replaces the task role, so taskRolePolicyArns, taskRoleStatements and phases would decide nothing',
    allowed: ROLE,
    remedy:
      "remove it. Use taskRolePolicyArns or taskRoleStatements, and the provider's assume_role for another role; or set it in the workspace, for its jobs only",
  },
  {
    names: /^(?:LD_.*|GCONV_PATH|BASH_ENV|ENV|SHELLOPTS|BASHOPTS|IFS|PS4)$/,
    reason: 'it loads code into, or changes, the entrypoint and the agent, which hold the agent token',
    allowed: 'variables that only jobs read',
    remedy: WORKSPACE,
  },
  {
    names: /^(?:PATH|HOME)$/,
    reason: "the entrypoint and the agent find their programs and folders by the image's own value",
    allowed: 'variables that only jobs read',
    remedy: 'remove it. Put programs into a folder of the image that is in its PATH',
  },
  {
    names: /^(?:NODE_OPTIONS|PERL5OPT|PYTHONSTARTUP|RUBYOPT)$/,
    reason: 'it loads code into every program of that language, in every job of the pool',
    allowed: 'variables that load no code',
    remedy: WORKSPACE,
  },
];

const SECRETS_IN_HCP_TERRAFORM =
  'store it in HCP Terraform as a sensitive variable of the workspace or of a variable set. Everyone who may read the template or the task definition sees this value, and so does every job. Revoke it if it was real';

/** Names that only hold credentials. A name that ends in _FILE or _PATH is not one of them. */
const CREDENTIAL_NAME =
  /(?:^|_)(?:TOKEN|SECRET|PRIVATE_KEY|API_?KEY|ACCESS_KEY|SECRET_KEY|APP_KEY|CREDENTIALS|PASS|PWD)$|(?:PASSWORD|PASSWD|PASSPHRASE)$/i;
/** Terraform reads these variables as API tokens, whatever their value looks like. */
const TERRAFORM_CREDENTIAL = /^TF_TOKEN_/i;
const HARMLESS_VALUE = /^(?:|true|false|[01])$/i;
const URL_WITH_PASSWORD = /:\/\/[^\s/@:]*:[^\s/@]+@/;
/** A proxy's password gets a warning, because some proxies accept no other login. */
const PROXY_NAME = /^(?:https?|all|no)_proxy$/i;
/** A file that is in the image: the path says nothing that is secret. */
const PATH_VALUE = /^\/[^\s:]+$/;

/** Control characters, except tab and the ends of lines. No process can have a NUL in its environment. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to find.
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;

/** Why a pool can't have this variable; `undefined` if it can. */
export function variableFault(name: string, value: unknown): VariableFault | undefined {
  const rule = RULES.find(({ names }) => names.test(name));
  if (rule !== undefined) return rule;
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    return {
      reason: 'its name is not that of an environment variable',
      allowed: 'names of letters, digits and _, with no digit first',
      remedy: 'correct the name',
    };
  }
  if (typeof value !== 'string') {
    const isScalar = value !== null && typeof value !== 'object' && value !== undefined;
    const remedy = isScalar ? `write it in double quotes: "${String(value)}"` : 'write it as text, in double quotes';
    return { reason: 'it is not text', allowed: 'text', remedy };
  }
  const harmless = HARMLESS_VALUE.test(value) || PATH_VALUE.test(value);
  const named = TERRAFORM_CREDENTIAL.test(name) || (CREDENTIAL_NAME.test(name) && !harmless);
  const login = URL_WITH_PASSWORD.test(value) && !PROXY_NAME.test(name) ? 'a URL with a password' : undefined;
  const found = credentialIn(value) ?? login;
  if (found !== undefined || named) {
    return {
      reason: found === undefined ? 'the name says that it is a credential' : `it is or contains ${found}`,
      allowed: 'values that are not secret',
      remedy: SECRETS_IN_HCP_TERRAFORM,
    };
  }
  const control = CONTROL.exec(value)?.[0].codePointAt(0);
  if (control !== undefined) {
    return {
      reason: `it contains the control character U+${control.toString(16).toUpperCase().padStart(4, '0')}`,
      allowed: 'text without control characters, except tab and line ends',
      remedy: 'remove the character',
    };
  }
  // https://pkg.go.dev/net/http#hdr-HTTP_2: it logs the headers of requests.
  if (name !== 'GODEBUG' || !value.includes('http2debug')) return undefined;
  return {
    reason: 'http2debug makes the agent log its token',
    allowed: 'GODEBUG without http2debug',
    remedy: 'remove http2debug',
  };
}
