/**
 * The agent's flags and variables: the real agent's names, defaults and precedence (a flag overrides its variable).
 * https://developer.hashicorp.com/terraform/cloud-docs/agents/agents
 */
import { join } from 'node:path';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Hooks of the real agent, each an executable `terraform-<kind>` in `<data-dir>/hooks`. */
export const HOOK_KINDS = ['pre-plan', 'post-plan', 'pre-apply', 'post-apply'] as const;
export type HookKind = (typeof HOOK_KINDS)[number];

/** The documented default of `-accept`. */
const DEFAULT_ACCEPT =
  'plan,apply,policy,assessment,stack_prepare,stack_plan,stack_apply,source_bundle,stack_aggregate_outputs,test';
const JOB_TYPES = [...DEFAULT_ACCEPT.split(','), 'ingress', 'query', 'none'];
const AUTO_UPDATES = ['minor', 'patch', 'disabled'];
const DEFAULT_ADDRESS = 'https://app.terraform.io';
const DEFAULT_HOOK_TIMEOUT_SECONDS = 60;
const MAX_HOOK_TIMEOUT_SECONDS = 600;

/** A value, and the flag or variable that set it. */
type Setting = { readonly value: string; readonly from: string };
type Environment = Readonly<Record<string, string | undefined>>;

interface Flag {
  readonly help: string;
  readonly boolean?: true;
  /** The emulator accepts the flag, but warns that it has no effect. */
  readonly ignored?: true;
}

const IGNORED = { help: 'Not in the emulator.', ignored: true } as const;
const FLAGS: Readonly<Record<string, Flag>> = {
  token: { help: 'The agent token. Required.' },
  name: { help: "The agent's name. Default: its id." },
  address: { help: `HCP Terraform's address. Default: ${DEFAULT_ADDRESS}.` },
  single: { boolean: true, help: 'At most one job, then exit. Default: false.' },
  accept: { help: `Comma-separated list of job types. Default: ${DEFAULT_ACCEPT}.` },
  'auto-update': { help: 'minor, patch or disabled. Default: minor.' },
  'log-level': { help: `One of ${LOG_LEVELS.join(', ')}. Default: info.` },
  'log-json': { boolean: true, help: 'Log JSON lines. Default: false.' },
  'data-dir': { help: 'Where the agent works. Default: ~/.tfc-agent.' },
  'cache-dir': { help: 'Its cache. Default: <data-dir>/cache.' },
  'request-forwarding': { boolean: true, ...IGNORED },
  hyok: { boolean: true, ...IGNORED },
  'otlp-address': IGNORED,
  'otlp-cert-file': IGNORED,
  'otlp-forward-spans': { boolean: true, ...IGNORED },
};
const TRUE = ['1', 't', 'T', 'true', 'TRUE', 'True'];
const FALSE = ['0', 'f', 'F', 'false', 'FALSE', 'False'];

function variableOf(name: string): string {
  return name === 'address' ? 'TFC_ADDRESS' : `TFC_AGENT_${name.toUpperCase().replaceAll('-', '_')}`;
}

const HOOK_TIMEOUT_VARIABLE = variableOf('hook-timeout');
const hookTimeoutVariable = (kind: HookKind): string => variableOf(`hook-${kind}-timeout`);

export interface AgentOptions {
  readonly token: string;
  /** Default: the agent's id. */
  readonly name?: string;
  /** The origin of HCP Terraform, without a slash at the end. */
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
  const lines = Object.entries(FLAGS).map(
    ([flag, { help }]) => `  -${flag.padEnd(20)} ${variableOf(flag).padEnd(30)} ${help}`,
  );
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
 * Reads flags (in Go's syntax: `-flag value`, `-flag=value`, one or two dashes) and variables. An empty variable counts as absent.
 * Unknown `TFC_AGENT_*` variables cause warnings, as in the real agent. Unknown flags are errors.
 */
export function parseOptions(argv: readonly string[], env: Environment, homeDir: string): ParsedOptions {
  const faults: string[] = [];
  const flags = parseFlags(argv, faults);
  if (flags.has('h') || flags.has('help')) return { kind: 'help' };
  if (flags.has('v') || flags.has('version')) return { kind: 'version' };

  const setting = (flag: string): Setting | undefined => {
    const value = flags.get(flag);
    if (value !== undefined) return { value, from: `-${flag}` };
    const from = variableOf(flag);
    return env[from] === undefined || env[from] === '' ? undefined : { value: env[from], from };
  };
  const boolean = (flag: string): boolean => {
    const given = setting(flag);
    if (given !== undefined && ![...TRUE, ...FALSE].includes(given.value)) {
      faults.push(`${given.from} is ${JSON.stringify(given.value)}; allowed: true or false.`);
    }
    return TRUE.includes(given?.value ?? '');
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
    faults.push(
      "The agent token is missing: set -token or TFC_AGENT_TOKEN. HCP Terraform creates tokens on the agent pool's page.",
    );
  }
  const accept = parseAccept(setting('accept'), faults);
  oneOf('auto-update', AUTO_UPDATES, 'minor');
  const logLevel = oneOf('log-level', LOG_LEVELS, 'info');
  const address = parseAddress(setting('address'), faults);
  const single = boolean('single');
  const logJson = boolean('log-json');
  const dataDir = setting('data-dir')?.value ?? join(homeDir, '.tfc-agent');
  const hookTimeoutMs = parseHookTimeouts(env, faults);
  const withoutEffect = Object.keys(FLAGS).filter((flag) => {
    const given = setting(flag);
    return FLAGS[flag]?.ignored && given !== undefined && !FALSE.includes(given.value);
  });
  const warnings = [
    ...unknownVariables(env),
    ...withoutEffect.map((flag) => `-${flag} has no effect in this emulator.`),
  ];
  if (faults.length > 0) return { kind: 'invalid', faults };

  const name = setting('name')?.value;
  return {
    kind: 'run',
    warnings,
    options: {
      token,
      ...(name !== undefined && { name }),
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

function parseFlags(argv: readonly string[], faults: string[]): Map<string, string> {
  const flags = new Map<string, string>();
  const rest = [...argv];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    const match = /^--?([a-z-]+)(?:=(.*))?$/s.exec(argument);
    const name = match?.[1];
    // The next argument may be the value of the flag, and so a secret. Therefore the error only contains the name of the flag.
    if (name === undefined) {
      faults.push('An argument is not a flag; see -h for what is allowed.');
      break;
    }
    if (['h', 'help', 'v', 'version'].includes(name)) {
      flags.set(name, 'true');
      continue;
    }
    const known = Object.hasOwn(FLAGS, name) ? FLAGS[name] : undefined;
    if (known === undefined) {
      faults.push(`Flag provided but not defined: -${name}; see -h for what is allowed.`);
      break;
    }
    const value = match?.[2] ?? (known.boolean ? 'true' : rest.shift());
    if (value === undefined) faults.push(`-${name} requires a value.`);
    else flags.set(name, value);
  }
  return flags;
}

function parseAccept(given: Setting | undefined, faults: string[]): readonly string[] {
  const accept = (given?.value ?? DEFAULT_ACCEPT).split(',');
  const unknown = accept.filter((type) => !JOB_TYPES.includes(type));
  if (given !== undefined && unknown.length > 0) {
    const names = unknown.map((type) => JSON.stringify(type)).join(', ');
    faults.push(`${given.from} contains ${names}; allowed, without spaces: ${JOB_TYPES.join(',')}.`);
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

function parseHookTimeouts(env: Environment, faults: string[]): Record<HookKind, number> {
  const milliseconds = (variable: string, fallback: number): number => {
    const value = env[variable];
    if (value === undefined || value === '') return fallback;
    const seconds = /^[0-9]+$/.test(value) ? Number(value) : Number.NaN;
    if (seconds >= 1 && seconds <= MAX_HOOK_TIMEOUT_SECONDS) return seconds * 1000;
    faults.push(`${variable} is ${JSON.stringify(value)}; allowed: 1 to ${MAX_HOOK_TIMEOUT_SECONDS} seconds.`);
    return fallback;
  };
  const every = milliseconds(HOOK_TIMEOUT_VARIABLE, DEFAULT_HOOK_TIMEOUT_SECONDS * 1000);
  const of = (kind: HookKind): number => milliseconds(hookTimeoutVariable(kind), every);
  return {
    'pre-plan': of('pre-plan'),
    'post-plan': of('post-plan'),
    'pre-apply': of('pre-apply'),
    'post-apply': of('post-apply'),
  };
}

function unknownVariables(env: Environment): string[] {
  const flags = Object.keys(FLAGS).map(variableOf);
  const known = new Set([...flags, HOOK_TIMEOUT_VARIABLE, ...HOOK_KINDS.map(hookTimeoutVariable)]);
  return Object.keys(env)
    .filter((name) => name.startsWith('TFC_AGENT_') && !known.has(name))
    .sort()
    .map((name) => `Unknown variable ${name}: the agent ignores it.`);
}
