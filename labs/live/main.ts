/** `npm run live`: the command line of the live proof. The only file of the lab that reads the process. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { CommandError } from '../../cli/io.ts';
import { GATEWAY_STARTS } from '../../functions/launcher/contract.ts';
import { LIVE_TIMING } from './live.ts';
import {
  COST,
  EVERYTHING,
  gatewayProof,
  LabError,
  type LiveOptions,
  runClean,
  runDeployed,
  runLive,
  runLocal,
  type SessionDeps,
} from './session.ts';

const HELP = `Usage: npm run live -- [gateway] --organization NAME [OPTIONS]

Deploys the stack into a sandbox account, runs plan and apply in three workspaces, measures, removes everything,
and writes a report that settles the statements that are marked as unverified. ${COST}

With the word gateway, it only shows what AWS does with the gateway of network.egress on-demand: its first start, its
start from stopped, what its log says, a refused host, and its stop when idle. With --stack, that takes five minutes.

It needs AWS credentials that may deploy (bootstrap the account and region first: npx cdk bootstrap), and a token
for HCP Terraform that may manage agent pools, workspaces and teams: from \`terraform login\` or TFE_TOKEN.

Options:
  --organization NAME    the organization in HCP Terraform
  --hostname HOST        default: app.terraform.io
  --region, --profile    as in the AWS CLI
  --agent-version X.Y.Z  default: 1.33.0
  --stack NAME           with gateway: use this stack, which has network.egress on-demand, and leave it as it was.
                         If no task is alive, its gateway is stopped once, so that its start can be measured
  --until-stopped        with gateway and --stack: also wait until the launcher stops the idle gateway
  --gateway-start MODE   with gateway and without --stack: before-tasks (default) or with-tasks
  --out FOLDER           folder of the reports (default: out/live)
  --yes                  don't ask
  --local FILE           try the lab without accounts: FILE has the output of \`npm start --silent -- --keep --json\`.
                         Nothing is deployed
  --clean FILE           remove what a killed run left: FILE is its created.json. Repeat its --profile
  --help                 print this text

Exit codes: 0 everything ran and no statement was refuted; 1 a step failed, something is left, or a statement was
refuted; 2 the command line is wrong.
`;

const localLine = z.object({
  url: z.url(),
  ca: z.string(),
  organization: z.string(),
  apiToken: z.string(),
  agentPool: z.object({ id: z.string(), name: z.string() }),
  environment: z.record(z.string(), z.string()),
});
const VERSION = z.object({ version: z.string() });

process.exitCode = await main();

async function main(): Promise<number> {
  let values: ReturnType<typeof options>;
  try {
    values = options();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n(add --help for the options)\n`);
    return 2;
  }
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const { organization, local, clean, stack } = values;
  const fault = faultOf(values);
  if (fault !== undefined) {
    process.stderr.write(`${fault}\n(add --help for the options)\n`);
    return 2;
  }
  if (organization === undefined && local === undefined) {
    process.stderr.write(
      '--organization is missing. Pass the name of the organization in HCP Terraform, or --local FILE.\n',
    );
    return 2;
  }
  try {
    const deps = sessionDeps(values.out, values.yes === true);
    const given: LiveOptions = {
      organization: organization ?? '',
      hostname: values.hostname,
      region: values.region,
      profile: values.profile,
      agentVersion: values['agent-version'],
    };
    if (clean !== undefined) {
      const left = await runClean(clean, given, deps);
      for (const what of left) process.stderr.write(`left: ${what}\n`);
      return left.length === 0 ? 0 : 1;
    }
    const isShort = stack !== undefined || local !== undefined;
    const proof = values.gateway
      ? gatewayProof({ untilStopped: !isShort || values['until-stopped'] === true }, values['gateway-start'])
      : EVERYTHING;
    const result =
      local !== undefined
        ? await runLocal(localSystem(local), deps, undefined, proof)
        : stack !== undefined
          ? await runDeployed({ ...given, stack }, deps, LIVE_TIMING, proof)
          : await runLive(given, deps, undefined, proof);
    if (result === undefined) return 0;
    process.stdout.write(result.report);
    process.stderr.write(`The report is in ${deps.folder}: report.md, report.json\n`);
    return result.ok ? 0 : 1;
  } catch (error) {
    if (!(error instanceof LabError) && !(error instanceof CommandError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      stack: { type: 'string' },
      'until-stopped': { type: 'boolean' },
      'gateway-start': { type: 'string', default: 'before-tasks' },
      organization: { type: 'string' },
      hostname: { type: 'string', default: 'app.terraform.io' },
      region: { type: 'string' },
      profile: { type: 'string' },
      'agent-version': { type: 'string', default: '1.33.0' },
      out: { type: 'string', default: 'out/live' },
      yes: { type: 'boolean' },
      local: { type: 'string' },
      clean: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const start = GATEWAY_STARTS.find((one) => one === values['gateway-start']);
  const [unknown] = positionals.filter((word) => word !== 'gateway');
  if (unknown !== undefined) throw new Error(`Unknown word ${JSON.stringify(unknown)}; allowed: gateway.`);
  if (start === undefined) {
    const given = JSON.stringify(values['gateway-start']);
    throw new Error(`--gateway-start is ${given}; allowed: ${GATEWAY_STARTS.join(', ')}.`);
  }
  return { ...values, gateway: positionals.length > 0, 'gateway-start': start };
}

function faultOf({ gateway, stack, 'until-stopped': untilStopped }: ReturnType<typeof options>): string | undefined {
  if (!gateway && (stack !== undefined || untilStopped === true)) {
    return '--stack and --until-stopped have no effect without the word gateway; add it: npm run live -- gateway';
  }
  return undefined;
}

/** Reads the line of the running system, and sets the variables of its AWS for the SDK. */
function localSystem(file: string) {
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((one) => one.startsWith('{'));
  const parsed = localLine.safeParse(line === undefined ? undefined : JSON.parse(line));
  if (!parsed.success) {
    throw new LabError(
      `${file} has no line of \`npm start --silent -- --keep --json\`. Start it, and write its output to the file.`,
    );
  }
  const { url, ca, organization, apiToken, agentPool, environment } = parsed.data;
  Object.assign(process.env, environment);
  const hostname = new URL(url).host;
  return { hostname, organization, apiToken, ca: readFileSync(ca, 'utf8'), agentPool, stackName: 'AgentLauncher' };
}

function sessionDeps(out: string, yes: boolean): SessionDeps {
  const id = randomBytes(4).toString('hex');
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      process.stderr.write('Interrupted. Removing what was created; this can take some minutes.\n');
      interrupted.abort(new Error(`interrupted by ${signal}`));
    });
  }
  return {
    version: VERSION.parse(JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'))).version,
    id,
    folder: join(out, id),
    env: process.env,
    now: Date.now,
    sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
    note: (text) => void process.stderr.write(`${text}\n`),
    confirm: async (question) => {
      if (yes) return true;
      const prompt = createInterface({ input: process.stdin, output: process.stderr });
      try {
        return /^y(es)?$/i.test(await prompt.question(`${question} [y/N] `, { signal: interrupted.signal }));
      } finally {
        prompt.close();
      }
    },
    signal: interrupted.signal,
  };
}
