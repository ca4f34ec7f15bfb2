/** Environment variables that a pool can't have, each with the reason and a remedy. */
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
    reason: 'it needs an agent that stays connected on port 7146, but these agents end after one job',
    allowed: 'agents that run jobs, without request forwarding and HYOK',
    remedy: 'remove it. For this feature, run an agent outside this launcher, in a separate agent pool',
  },
  {
    // https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html: these sources have priority over the container's role.
    names:
      /^AWS_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|ROLE_ARN|ROLE_SESSION_NAME|WEB_IDENTITY_TOKEN(?:_FILE)?|(?:DEFAULT_)?PROFILE|SHARED_CREDENTIALS_FILE|CONFIG_FILE|CONTAINER_.*)$/,
    reason: 'it replaces the task role, so taskRolePolicyArns, taskRoleStatements and phases would have no effect',
    allowed: ROLE,
    remedy:
      "remove it. Use taskRolePolicyArns or taskRoleStatements, and the provider's assume_role for another role. Or set the variable in the workspace, so that it applies only to its jobs",
  },
  {
    names: /^(?:LD_.*|GCONV_PATH|BASH_ENV|ENV|SHELLOPTS|BASHOPTS|IFS|PS4)$/,
    reason: 'it could change the entrypoint or the agent, which have the agent token',
    allowed: 'variables that only jobs read',
    remedy: WORKSPACE,
  },
  {
    names: /^(?:PATH|HOME)$/,
    reason: "the entrypoint and the agent need the image's value to find their programs and folders",
    allowed: 'variables that only jobs read',
    remedy: "remove it. Put programs into a folder that is in the image's PATH",
  },
  {
    names: /^(?:NODE_OPTIONS|PERL5OPT|PYTHONSTARTUP|RUBYOPT)$/,
    reason: 'it loads code into every program of that language, in every job of the pool',
    allowed: 'variables that load no code',
    remedy: WORKSPACE,
  },
];

const SECRETS_IN_HCP_TERRAFORM =
  'store it in HCP Terraform as a sensitive variable of the workspace or of a variable set. Everyone who can read the template or the task definition sees this value, and so does every job. If it is a real credential, revoke it';

/** Names of variables that contain credentials. Names that end in _FILE or _PATH don't match. */
const CREDENTIAL_NAME =
  /(?:^|_)(?:TOKEN|SECRET|PRIVATE_KEY|API_?KEY|ACCESS_KEY|SECRET_KEY|APP_KEY|CREDENTIALS|PASS|PWD)$|(?:PASSWORD|PASSWD|PASSPHRASE)$/i;
/** Terraform reads these variables as API tokens, whatever their value looks like. */
const TERRAFORM_CREDENTIAL = /^TF_TOKEN_/i;
const HARMLESS_VALUE = /^(?:|true|false|[01])$/i;
const URL_WITH_PASSWORD = /:\/\/[^\s/@:]*:[^\s/@]+@/;
/** A proxy's password gets a warning, because some proxies accept no other login. */
const PROXY_NAME = /^(?:https?|all|no)_proxy$/i;
/** Path of a file in the image. A path isn't a secret. */
const PATH_VALUE = /^\/[^\s:]+$/;

/** Control characters, except tab and line ends. The environment of a process can't contain NUL. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to find.
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;

/** Why a pool can't have this variable; `undefined` if it can. */
export function variableFault(name: string, value: unknown): VariableFault | undefined {
  const rule = RULES.find(({ names }) => names.test(name));
  if (rule !== undefined) return rule;
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    return {
      reason: 'this is not a valid name for an environment variable',
      allowed: 'letters, digits and _, and no digit at the beginning',
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
      reason: found === undefined ? 'its name indicates a credential' : `it is or contains ${found}`,
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
  // https://pkg.go.dev/net/http#hdr-HTTP_2: http2debug logs the headers of requests.
  if (name !== 'GODEBUG' || !value.includes('http2debug')) return undefined;
  return {
    reason: 'http2debug makes the agent log its token',
    allowed: 'GODEBUG without http2debug',
    remedy: 'remove http2debug',
  };
}
