/**
 * `npm run --silent local:hcp-terraform -- --port N`: runs the emulator alone. It prints one JSON line on stdout when it is ready,
 * and everything else on stderr. It runs until SIGTERM or SIGINT.
 */
import { parseArgs } from 'node:util';
import { runUntilStopped } from '../stop-signal.ts';
import { startHcpTerraform } from './server.ts';

const HELP = `HCP Terraform on loopback, for integration tests and your own terraform CLI.

  npm run --silent local:hcp-terraform -- [options]

  --port N             port on localhost (default: 0, a free one)
  --organization NAME  name of the initial organization (default: acme)
  --agent-poll-ms N    poll interval of idle agents (default: 1000; the vendor's is 30000)
  --help

When ready it prints one JSON line on stdout:
  {"url","ca","organization","apiToken","agentPool":{"id","name","token"},"agentCommand"}
SIGTERM or SIGINT ends it.
`;

function fail(message: string): never {
  process.stderr.write(`hcp-terraform: ${message}\n\n${HELP}`);
  process.exit(2);
}

function integer(name: string, given: string, least: number, most: number): number {
  const value = Number(given);
  if (/^\d+$/.test(given) && value >= least && value <= most) return value;
  return fail(`--${name} is ${JSON.stringify(given)}; it must be an integer from ${least} to ${most}.`);
}

const text = (fallback: string) => ({ type: 'string', default: fallback }) as const;
const options = {
  port: text('0'),
  organization: text('acme'),
  'agent-poll-ms': text('1000'),
  help: { type: 'boolean', default: false },
} as const;

function commandLine() {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

const given = commandLine();
if (given.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
if (!/^[A-Za-z0-9_-]+$/.test(given.organization)) {
  fail(`--organization is ${JSON.stringify(given.organization)}; allowed are letters, digits, "-" and "_".`);
}

const port = integer('port', given.port, 0, 65_535);
const agentPollMs = integer('agent-poll-ms', given['agent-poll-ms'], 1, 600_000);
await runUntilStopped(
  () =>
    startHcpTerraform({
      port,
      organization: given.organization,
      agentPollMs,
      onEvent: ({ at, kind, id, status, detail }) => {
        process.stderr.write(`${new Date(at).toISOString()} ${kind} ${id} ${status} (${detail})\n`);
      },
    }),
  ({ url, caFile, organization, apiToken, agentPool, agentCommand }) => ({
    url,
    ca: caFile,
    organization,
    apiToken,
    agentPool,
    agentCommand,
  }),
).catch((error: unknown) => {
  process.stderr.write(`hcp-terraform: could not start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
