/**
 * The agent's flags and variables: the real agent's names, defaults and precedence (a flag wins over its variable).
 * https://developer.hashicorp.com/terraform/cloud-docs/agents/agents
 */
import { join } from 'node:path';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Hooks of the real agent, each an executable `terraform-<kind>` in `<data-dir>/hooks`. */
export const HOOK_KINDS = ['pre-plan', 'post-plan', 'pre-apply', 'post-apply'] as const;
export type HookKind = (typeof HOOK_KINDS)[number];

/** Default of `-accept` in the vendor's documentation. */
const DEFAULT_ACCEPT =
  'plan,apply,policy,assessment,stack_prepare,stack_plan,stack_apply,source_bundle,stack_aggregate_outputs,test';
const JOB_TYPES = [...DEFAULT_ACCEPT.split(','), 'ingress', 'query', 'none'];
const AUTO_UPDATES = ['minor', 'patch', 'disabled'];
const DEFAULT_ADDRESS = 'https://app.terraform.io';
const DEFAULT_HOOK_TIMEOUT_SECONDS = 60;
const MAX_HOOK_TIMEOUT_SECONDS = 600;

interface Flag {
  readonly flag: string;
  readonly variable: string;
  readonly boolean?: true;
  readonly help: string;
  /** The emulator accepts the flag, but warns that it has no effect. */
  readonly ignored?: true;
}

const FLAGS: readonly Flag[] = [
  { flag: 'token', variable: 'TFC_AGENT_TOKEN', help: 'The agent token. Required.' },
  { flag: 'name', variable: 'TFC_AGENT_NAME', help: "The agent's name. Default: its id." },
  { flag: 'address', variable: 'TFC_ADDRESS', help: `HCP Terraform's address. Default: ${DEFAULT_ADDRESS}.` },
  { flag: 'single', variable: 'TFC_AGENT_SINGLE', boolean: true, help: 'At most one job, then exit. Default: false.' },
  { flag: 'accept', variable: 'TFC_AGENT_ACCEPT', help: `Comma list of job types. Default: ${DEFAULT_ACCEPT}.` },
  { flag: 'auto-update', variable: 'TFC_AGENT_AUTO_UPDATE', help: 'minor, patch or disabled. Default: minor.' },
  { flag: 'log-level', variable: 'TFC_AGENT_LOG_LEVEL', help: `One of ${LOG_LEVELS.join(', ')}. Default: info.` },
  { flag: 'log-json', variable: 'TFC_AGENT_LOG_JSON', boolean: true, help: 'Log JSON lines. Default: false.' },
  { flag: 'data-dir', variable: 'TFC_AGENT_DATA_DIR', help: 'Where the agent works. Default: ~/.tfc-agent.' },
  { flag: 'cache-dir', variable: 'TFC_AGENT_CACHE_DIR', help: 'Its cache. Default: <data-dir>/cache.' },
  {
    flag: 'request-forwarding',
    variable: 'TFC_AGENT_REQUEST_FORWARDING',
    boolean: true,
    help: 'Not in the emulator.',
    ignored: true,
  },
  { flag: 'hyok', variable: 'TFC_AGENT_HYOK', boolean: true, help: 'Not in the emulator.', ignored: true },
  { flag: 'otlp-address', variable: 'TFC_AGENT_OTLP_ADDRESS', help: 'Not in the emulator.', ignored: true },
  { flag: 'otlp-cert-file', variable: 'TFC_AGENT_OTLP_CERT_FILE', help: 'Not in the emulator.', ignored: true },
  {
    flag: 'otlp-forward-spans',
    variable: 'TFC_AGENT_OTLP_FORWARD_SPANS',
    boolean: true,
    help: 'Not in the emulator.',
    ignored: true,
  },
];

const HOOK_TIMEOUT_VARIABLE = 'TFC_AGENT_HOOK_TIMEOUT';
const hookTimeoutVariable = (kind: HookKind): string =>
  `TFC_AGENT_HOOK_${kind.toUpperCase().replace('-', '_')}_TIMEOUT`;

export interface AgentOptions {
  readonly token: string;
  /** Absent: the agent's id. */
  readonly name?: string;
  /** Origin, without a slash at its end. */
  readonly address: string;
  readonly single: boolean;
  readonly accept: readonly string[];
  readonly logLevel: LogLevel;
  readonly logJson: boolean;
  readonly dataDir: string;
  readonly cacheDir: string;
  readonly hookTimeoutMs: Readonly<Record<HookKind, number>>;
}

/** The parsed command line. `invalid` contains all faults, each with the given and the allowed values. */
export type ParsedOptions =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'invalid'; readonly faults: readonly string[] }
  | { readonly kind: 'run'; readonly options: AgentOptions; readonly warnings: readonly string[] };

/** Text of `-h`. */
export function usage(): string {
  const lines = FLAGS.map(({ flag, variable, help }) => `  -${flag.padEnd(20)} ${variable.padEnd(30)} ${help}`);
  return `Usage: tfc-agent [options]

  A local emulator of HashiCorp's tfc-agent: the same flags, variables, logs and signals, for this repository's
  emulator of HCP Terraform. It can't talk to the real HCP Terraform.

Options (flag, variable, meaning):

${lines.join('\n')}
  -h                   ${' '.repeat(30)} This text.
  -v                   ${' '.repeat(30)} The version.

Hook time limits in seconds (default ${DEFAULT_HOOK_TIMEOUT_SECONDS}, at most ${MAX_HOOK_TIMEOUT_SECONDS}): ${HOOK_TIMEOUT_VARIABLE},
${HOOK_KINDS.map(hookTimeoutVariable).join(', ')}.
`;
}

/** Variables that configure the agent. They are removed from the environment of Terraform and hooks. */
export function isAgentVariable(name: string): boolean {
  return name.startsWith('TFC_AGENT_') || name === 'TFC_ADDRESS';
}

/**
 * Reads flags (Go's forms: `-flag value`, `-flag=value`, one or two dashes) and variables. An empty variable counts as absent.
 * Unknown `TFC_AGENT_*` variables cause warnings, as in the real agent. Unknown flags are errors.
 */
export function parseOptions(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  homeDir: string,
): ParsedOptions {
  const faults: string[] = [];
  const flags = parseFlags(argv, faults);
  if (flags.has('h') || flags.has('help')) return { kind: 'help' };
  if (flags.has('v') || flags.has('version')) return { kind: 'version' };

  const setting = (flag: string): { readonly value: string; readonly from: string } | undefined => {
    const known = FLAGS.find((candidate) => candidate.flag === flag);
    const given = flags.get(flag);
    if (given !== undefined) return { value: given, from: `-${flag}` };
    const value = known === undefined ? undefined : env[known.variable];
    return known === undefined || value === undefined || value === '' ? undefined : { value, from: known.variable };
  };
  const boolean = (flag: string): boolean => {
    const given = setting(flag);
    if (given === undefined) return false;
    if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(given.value)) return true;
    if (!['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(given.value)) {
      faults.push(`${given.from} is ${JSON.stringify(given.value)}; allowed: true or false.`);
    }
    return false;
  };
  const oneOf = <T extends string>(flag: string, allowed: readonly T[], fallback: T): T => {
    const given = setting(flag);
    if (given === undefined) return fallback;
    const found = allowed.find((candidate) => candidate === given.value.toLowerCase());
    if (found === undefined) {
      faults.push(`${given.from} is ${JSON.stringify(given.value)}; allowed: ${allowed.join(', ')}.`);
    }
    return found ?? fallback;
  };

  const token = setting('token')?.value ?? '';
  if (token === '') {
    faults.push('The agent token is missing: give it as -token or TFC_AGENT_TOKEN (HCP Terraform: the pool, Tokens).');
  }
  const accept = parseAccept(setting('accept'), faults);
  oneOf('auto-update', AUTO_UPDATES, 'minor');
  const logLevel = oneOf('log-level', LOG_LEVELS, 'info');
  const address = parseAddress(setting('address'), faults);
  const single = boolean('single');
  const logJson = boolean('log-json');
  const dataDir = setting('data-dir')?.value ?? join(homeDir, '.tfc-agent');
  const hookTimeoutMs = parseHookTimeouts(env, faults);
  const warnings = [
    ...unknownVariables(env),
    ...FLAGS.filter(({ flag, ignored }) => ignored === true && isAsked(setting(flag))).map(
      ({ flag }) => `-${flag} has no effect in this emulator.`,
    ),
  ];
  if (faults.length > 0) return { kind: 'invalid', faults };

  const name = setting('name')?.value;
  return {
    kind: 'run',
    warnings,
    options: {
      token,
      ...(name === undefined ? {} : { name }),
      address,
      single,
      accept,
      logLevel,
      logJson,
      dataDir,
      cacheDir: setting('cache-dir')?.value ?? join(dataDir, 'cache'),
      hookTimeoutMs,
    },
  };
}

type Setting = { readonly value: string; readonly from: string };

function parseFlags(argv: readonly string[], faults: string[]): Map<string, string> {
  const flags = new Map<string, string>();
  const rest = [...argv];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    const match = /^--?([a-z-]+)(?:=(.*))?$/s.exec(argument);
    const name = match?.[1];
    // The next argument may be its value, which may be a secret, so the error only repeats the argument's name.
    if (name === undefined) {
      faults.push('An argument is not a flag; see -h for what is allowed.');
      break;
    }
    if (['h', 'help', 'v', 'version'].includes(name)) {
      flags.set(name, 'true');
      continue;
    }
    const known = FLAGS.find(({ flag }) => flag === name);
    if (known === undefined) {
      faults.push(`Flag provided but not defined: -${name}; see -h for what is allowed.`);
      break;
    }
    const value = match?.[2] ?? (known.boolean === true ? 'true' : rest.shift());
    if (value === undefined) faults.push(`-${name} needs a value.`);
    else flags.set(name, value);
  }
  return flags;
}

function parseAccept(given: Setting | undefined, faults: string[]): readonly string[] {
  const accept = (given?.value ?? DEFAULT_ACCEPT).split(',');
  const unknown = accept.filter((type) => !JOB_TYPES.includes(type));
  if (given !== undefined && unknown.length > 0) {
    faults.push(
      `${given.from} names ${unknown.map((type) => JSON.stringify(type)).join(', ')}; allowed, without spaces: ${JOB_TYPES.join(',')}.`,
    );
  }
  return accept;
}

function parseAddress(given: Setting | undefined, faults: string[]): string {
  const value = given?.value ?? DEFAULT_ADDRESS;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !['https:', 'http:'].includes(url.protocol)) {
    faults.push(
      `${given?.from ?? 'TFC_ADDRESS'} is ${JSON.stringify(value)}; allowed: a URL such as https://HOST:PORT.`,
    );
    return DEFAULT_ADDRESS;
  }
  return url.origin;
}

function parseHookTimeouts(
  env: Readonly<Record<string, string | undefined>>,
  faults: string[],
): Record<HookKind, number> {
  const milliseconds = (variable: string, fallback: number): number => {
    const value = env[variable];
    if (value === undefined || value === '') return fallback;
    const seconds = /^[0-9]+$/.test(value) ? Number(value) : Number.NaN;
    if (seconds >= 1 && seconds <= MAX_HOOK_TIMEOUT_SECONDS) return seconds * 1000;
    faults.push(`${variable} is ${JSON.stringify(value)}; allowed: 1 to ${MAX_HOOK_TIMEOUT_SECONDS} seconds.`);
    return fallback;
  };
  const every = milliseconds(HOOK_TIMEOUT_VARIABLE, DEFAULT_HOOK_TIMEOUT_SECONDS * 1000);
  return {
    'pre-plan': milliseconds(hookTimeoutVariable('pre-plan'), every),
    'post-plan': milliseconds(hookTimeoutVariable('post-plan'), every),
    'pre-apply': milliseconds(hookTimeoutVariable('pre-apply'), every),
    'post-apply': milliseconds(hookTimeoutVariable('post-apply'), every),
  };
}

function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set([
    ...FLAGS.map(({ variable }) => variable),
    HOOK_TIMEOUT_VARIABLE,
    ...HOOK_KINDS.map(hookTimeoutVariable),
  ]);
  return Object.keys(env)
    .filter((name) => name.startsWith('TFC_AGENT_') && !known.has(name))
    .sort()
    .map((name) => `Unknown variable ${name}: the agent does not know it.`);
}

function isAsked(given: Setting | undefined): boolean {
  return given !== undefined && !['0', 'f', 'false', 'False', 'FALSE', 'F'].includes(given.value);
}
