/** Composition root of the agent emulator: the only code that reads arguments, environment, clock and signals. */
import { accessSync, constants, mkdirSync } from 'node:fs';
import os from 'node:os';
import { delimiter, join } from 'node:path';
import { runAgent } from './agent.ts';
import { type AgentApi, AgentApiError, createAgentApi, readCertificates } from './api.ts';
import { executeJob } from './job.ts';
import { type AgentLog, createLog, messageOf } from './log.ts';
import { type AgentOptions, isAgentVariable, parseOptions, usage } from './options.ts';
import { killRunningPrograms } from './process.ts';
import { sampleEngine } from './sample.ts';
import { createTerraform } from './terraform.ts';

/** The release of the real agent whose documented behavior this emulator follows. */
const VERSION = '1.33.0';

process.title = 'tfc-agent';
// A closed output pipe must not end a job.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

const parsed = parseOptions(process.argv.slice(2), process.env, os.homedir());
if (parsed.kind === 'help') process.stdout.write(usage());
else if (parsed.kind === 'version') process.stdout.write(`tfc-agent v${VERSION} (local emulator)\n`);
else if (parsed.kind === 'invalid') fail(parsed.faults);
else process.exit(await start(parsed.options, parsed.warnings));

function fail(faults: readonly string[]): void {
  for (const fault of faults) process.stderr.write(`tfc-agent: ${fault}\n`);
  process.exitCode = 1;
}

/** The exit code: 0 after an orderly exit, 1 if the agent couldn't start or was rejected. */
async function start(options: AgentOptions, warnings: readonly string[]): Promise<number> {
  const writeLine = (line: string): unknown => process.stdout.write(`${line}\n`);
  const log = createLog({ level: options.logLevel, json: options.logJson }, writeLine);
  for (const warning of warnings) log.write('warn', 'agent', warning);
  const drain = listenForSignals(log);

  const runsDirectory = join(options.dataDir, 'component', 'terraform', 'runs');
  let api: AgentApi;
  try {
    for (const folder of [runsDirectory, options.cacheDir]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = process.env['SSL_CERT_FILE'] ?? '';
    const extraCertificates = file === '' ? [] : [readCertificates(file)];
    api = createAgentApi({ address: options.address, token: options.token, extraCertificates });
  } catch (error) {
    fail([messageOf(error)]);
    return 1;
  }

  // A terminal's Ctrl-C reaches its whole foreground group, so Terraform must be outside of it to be drained.
  const ownGroup = process.stdin.isTTY === true;
  const terraform = executableOnPath('terraform', process.env['PATH'] ?? '');
  if (terraform === undefined) {
    log.write('warn', 'agent', 'No terraform on the PATH: jobs are executed by a built-in sample.');
  }
  const progress = (message: string): void => log.write('info', 'terraform', message);
  const engine = terraform === undefined ? sampleEngine : createTerraform(terraform, progress, ownGroup);
  const hooks = { directory: join(options.dataDir, 'hooks'), timeoutMs: options.hookTimeoutMs, ownGroup };
  const settings = { api, engine, hooks, environment: scrubbed(process.env), runsDirectory, log };

  log.write('info', 'agent', 'Starting', {
    'agent.name': options.name ?? '(its id)',
    'agent.version': VERSION,
    address: options.address,
    single: options.single,
  });
  try {
    await runAgent({
      registration: {
        ...(options.name !== undefined && { name: options.name }),
        version: VERSION,
        architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
        accept: [...options.accept],
        single: options.single,
      },
      api,
      log,
      execute: (job, stops) => executeJob(job, settings, stops),
      drain,
    });
    return 0;
  } catch (error) {
    log.write('error', 'core', reasonToLeave(error, options.address));
    return 1;
  } finally {
    killRunningPrograms();
  }
}

/** Aborted by the first signal. The second one ends everything immediately. */
function listenForSignals(log: AgentLog): AbortSignal {
  const drain = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const) {
    process.on(signal, () => {
      if (!drain.signal.aborted) {
        log.write('info', 'core', `Received ${signal}: finishing the current job, if any, then exiting`);
        drain.abort();
        return;
      }
      log.write('warn', 'core', `Received ${signal} again: exiting at once`);
      killRunningPrograms();
      process.exit(128 + os.constants.signals[signal]);
    });
  }
  return drain.signal;
}

function scrubbed(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = Object.entries(env).filter(([name]) => !isAgentVariable(name));
  return Object.fromEntries(kept.map(([name, value = '']) => [name, value]));
}

function executableOnPath(name: string, path: string): string | undefined {
  const files = path
    .split(delimiter)
    .filter(Boolean)
    .map((directory) => join(directory, name));
  return files.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function reasonToLeave(error: unknown, address: string): string {
  if (!(error instanceof AgentApiError)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (error.fault === 'token-rejected') {
    return `${address} rejected the agent token (401): it is wrong or was revoked. Create a token for the pool and start again.`;
  }
  if (error.fault === 'refused') return `HCP Terraform refused to register this agent: ${error.message}`;
  if (error.fault === 'agent-gone') return `This agent is no longer registered, so it exits: ${error.message}`;
  return error.message;
}
