/** Composition root of the agent emulator: the only code that reads arguments, environment, clock and signals. */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { runAgent } from './agent.ts';
import { type AgentApi, AgentApiError, createAgentApi, readCertificates } from './api.ts';
import { executeJob } from './job.ts';
import { type AgentLog, createLog } from './log.ts';
import { type AgentOptions, isAgentVariable, parseOptions, usage } from './options.ts';
import { killRunningPrograms } from './process.ts';
import { sampleEngine } from './sample.ts';
import { createTerraform } from './terraform.ts';

/** The release of the real agent whose documented behavior this emulator follows. */
const VERSION = '1.33.0';
const SIGNALS = { SIGINT: 2, SIGTERM: 15, SIGQUIT: 3 } as const;

process.title = 'tfc-agent';
// A closed output pipe must not end a job.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

const parsed = parseOptions(process.argv.slice(2), process.env, homedir());
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
  const log = createLog(
    { level: options.logLevel, json: options.logJson },
    () => new Date(),
    (line) => process.stdout.write(`${line}\n`),
  );
  for (const warning of warnings) log.write('warn', 'agent', warning);
  const drain = listenForSignals(log);

  const directories = { runs: join(options.dataDir, 'component', 'terraform', 'runs'), cache: options.cacheDir };
  let api: AgentApi;
  try {
    for (const directory of Object.values(directories)) mkdirSync(directory, { recursive: true, mode: 0o700 });
    const certificates = process.env['SSL_CERT_FILE'];
    api = createAgentApi({
      address: options.address,
      token: options.token,
      ...(certificates === undefined || certificates === ''
        ? {}
        : { extraCertificates: readCertificates(certificates) }),
    });
  } catch (error) {
    fail([error instanceof Error ? error.message : String(error)]);
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
  const settings = {
    api,
    engine,
    hooks,
    environment: scrubbed(process.env),
    runsDirectory: directories.runs,
    log,
  };

  log.write('info', 'agent', 'Starting', {
    'agent.name': options.name ?? '(its id)',
    'agent.version': VERSION,
    address: options.address,
    single: options.single,
  });
  try {
    await runAgent({
      registration: {
        ...(options.name === undefined ? {} : { name: options.name }),
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
  for (const [signal, number] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      if (!drain.signal.aborted) {
        log.write('info', 'core', `Received ${signal}: finishing the current job, if any, then leaving`);
        drain.abort();
        return;
      }
      log.write('warn', 'core', `Received ${signal} again: leaving at once`);
      killRunningPrograms();
      process.exit(128 + number);
    });
  }
  return drain.signal;
}

function scrubbed(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = Object.entries(env).flatMap(([name, value]): [string, string][] =>
    value === undefined || isAgentVariable(name) ? [] : [[name, value]],
  );
  return Object.fromEntries(kept);
}

function executableOnPath(name: string, path: string): string | undefined {
  for (const directory of path.split(delimiter).filter(Boolean)) {
    const file = join(directory, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this directory; try the next one.
    }
  }
  return undefined;
}

function reasonToLeave(error: unknown, address: string): string {
  if (!(error instanceof AgentApiError)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (error.fault === 'token-rejected') {
    return `${address} rejected the agent token (401): it is wrong or was revoked. Create a token for the pool and start again.`;
  }
  if (error.fault === 'refused') return `HCP Terraform does not let this agent register: ${error.message}`;
  if (error.fault === 'agent-gone')
    return `HCP Terraform does not know this agent any more, so it ends: ${error.message}`;
  return error.message;
}
