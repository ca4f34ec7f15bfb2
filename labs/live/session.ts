/** One run of the lab, from the options to the report. It always removes what it created, and always writes a report of what it saw. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Agent, type Dispatcher } from 'undici';
import { readDeployment } from '../../cli/aws/deployment.ts';
import { usersToken } from '../../cli/hcp-terraform/token.ts';
import type { GatewayStart } from '../../functions/launcher/contract.ts';
import { LEAST_GATEWAY_IDLE_MINUTES } from '../../lib/defaults.ts';
import { LabAws } from './aws.ts';
import { type CdkOptions, cdk, writeApp } from './cdk.ts';
import { Cleanup, type CreatedThing } from './cleanup.ts';
import type { Evidence } from './evidence.ts';
import { evidence as evidenceSchema } from './evidence.ts';
import { type GatewayLab, proveGateway } from './gateway.ts';
import { LabHcpTerraform } from './hcp-terraform.ts';
import { type LabDeps, type LabTarget, LIVE_TIMING, prove, type Timing, tryPermissions } from './live.ts';
import { publishedFacts } from './published.ts';
import { findingsOf, reportOf } from './report.ts';

/** In a system of emulators, everything is faster, and a run is over after the agent's own stop timeout. */
export const LOCAL_TIMING: Timing = { sleepSeconds: 3, idleSeconds: 5, patienceMs: 4 * 60_000 };

/** The line that `npm start -- --keep --json` prints. */
export interface LocalSystem {
  readonly hostname: string;
  readonly organization: string;
  readonly apiToken: string;
  /** PEM text of the certificate authority. */
  readonly ca: string;
  readonly agentPool: { readonly id: string; readonly name: string };
  readonly stackName: string;
}

export interface LiveOptions {
  readonly organization: string;
  readonly hostname: string;
  readonly region: string | undefined;
  readonly profile: string | undefined;
  readonly agentVersion: string;
}

export interface SessionDeps {
  readonly version: string;
  /** Unique part of every name: lower-case letters and digits. */
  readonly id: string;
  /** Folder of the report and of the list of created things. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => number;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly note: (text: string) => void;
  /** Asks a question. @returns whether the answer is yes */
  readonly confirm: (question: string) => Promise<boolean>;
  readonly signal: AbortSignal;
  /** Sends the requests to HCP Terraform. Default: one that verifies certificates. */
  readonly dispatcher?: Dispatcher;
  /** Runs the CDK CLI. Default: the one of this clone. */
  readonly cdk?: typeof cdk;
}

export interface SessionResult {
  readonly evidence: Evidence;
  /** Whether every step ran, everything was removed, and no statement was refuted. */
  readonly ok: boolean;
  readonly report: string;
}

export const COST = 'The lab takes about 20 minutes and costs about 5 US cents, 20 at most.';

/** The user can fix the cause: the message says what to do. */
export class LabError extends Error {
  override readonly name = 'LabError';
}

/** What a session shows: everything, or only a gateway. */
export interface Proof {
  /** Time and price of a session that deploys a stack. */
  readonly cost: string;
  /** The setting `network` of that stack. */
  readonly network: object;
  readonly prove: (target: LabTarget, evidence: Evidence, lab: LabDeps) => Promise<void>;
}

export const EVERYTHING: Proof = { cost: COST, network: { egress: 'public-ip' }, prove };

export const GATEWAY_COST =
  'The lab takes about 25 minutes and costs about 5 US cents: the stack and its gateway exist for this time, and the launcher waits some minutes before it stops the gateway.';

/** @param start the setting `gatewayStart` of a stack that the lab deploys */
export function gatewayProof(lab: GatewayLab, start: GatewayStart): Proof {
  return {
    cost: GATEWAY_COST,
    network: { egress: 'on-demand', gatewayIdleMinutes: LEAST_GATEWAY_IDLE_MINUTES, gatewayStart: start },
    prove: (target, evidence, deps) => proveGateway(target, evidence, deps, lab),
  };
}

/** The connections of a session to AWS and HCP Terraform. */
function connect({ hostname, organization, region, profile }: LiveOptions, { env, dispatcher }: SessionDeps) {
  const found = usersToken(hostname, env);
  if (found === undefined) {
    throw new LabError(`There is no token for ${hostname}. Run \`terraform login ${hostname}\`, or set TFE_TOKEN.`);
  }
  const aws = new LabAws({ region, profile });
  const hcpTerraform = new LabHcpTerraform({
    hostname,
    organization,
    token: found.token,
    ...(dispatcher !== undefined && { dispatcher }),
  });
  return { aws, hcpTerraform, found };
}

/** How the CDK CLI runs in the folder of the app: in the same region and with the same profile as the other calls to AWS. */
function cdkOptions(folder: string, { region, profile }: LiveOptions, note: CdkOptions['note']): CdkOptions {
  return {
    folder,
    env: {
      ...(region !== undefined && { AWS_REGION: region }),
      ...(profile !== undefined && { AWS_PROFILE: profile }),
    },
    note,
  };
}

/** Removes what a run with a deployment created. Rejects if something is still there. */
function removerFor({ aws, hcpTerraform }: Pick<LabDeps, 'aws' | 'hcpTerraform'>, cli: CdkOptions, run: typeof cdk) {
  return async (thing: CreatedThing): Promise<void> => {
    if (thing.kind !== 'stack') return removeOther(thing, aws, hcpTerraform);
    if (!(await aws.stackExists(thing.id))) return;
    await run(['destroy', '--force'], cli);
    // The CLI succeeds if it finds no stack.
    if (await aws.stackExists(thing.id)) throw new Error(`the stack ${thing.id} still exists after cdk destroy`);
  };
}

/** Uses a stack that exists, and leaves it as it was. It only adds workspaces, which it removes again. */
export async function runDeployed(
  options: LiveOptions & { readonly stack: string },
  deps: SessionDeps,
  timing: Timing,
  proof: Pick<Proof, 'prove'>,
): Promise<SessionResult | undefined> {
  const { stack, organization, region } = options;
  const { aws, hcpTerraform, found } = connect(options, deps);
  try {
    const account = await aws.account();
    await hcpTerraform.check();
    const { pools } = await readDeployment(aws.aws, { stack });
    const poolName = pools[0]?.name ?? '';
    const poolId = pools[0]?.id ?? (await hcpTerraform.poolIdOf(poolName));
    const question = `This uses the stack ${stack} in the AWS account ${account}, and creates workspaces in the organization ${organization} for its pool ${poolName}, with the token from ${found.source}.\nIf no task is alive, it stops the gateway once, so that its start can be measured. Continue?`;
    if (!(await deps.confirm(question))) return undefined;
    const cleanup = newCleanup(deps, (thing) => removeOther(thing, aws, hcpTerraform));
    const evidence = newEvidence('deployed', options, deps, { region, account });
    return await finish(evidence, cleanup, deps, () =>
      proof.prove({ poolId, poolName, stackName: stack }, evidence, { ...deps, aws, hcpTerraform, cleanup, timing }),
    );
  } finally {
    await hcpTerraform.close();
  }
}

/** Deploys into an AWS account, and removes everything again. */
export async function runLive(
  options: LiveOptions,
  deps: SessionDeps,
  timing = LIVE_TIMING,
  proof: Proof = EVERYTHING,
): Promise<SessionResult | undefined> {
  const { hostname, organization, region, agentVersion } = options;
  const { id, note, confirm, now } = deps;
  const { aws, hcpTerraform, found } = connect(options, deps);
  const account = await aws.account();
  const place = { account, region: await aws.region() };
  await hcpTerraform.check();
  const question = `This creates a stack in the AWS account ${account}, and a pool and workspaces in the organization ${organization}, with the token from ${found.source}.\n${proof.cost}\nIt removes everything in the end, also after Ctrl-C. Continue?`;
  if (!(await confirm(question))) return undefined;

  const name = `agent-launcher-live-${id}`;
  const app = join(deps.folder, 'cdk');
  const { cdk: run = cdk } = deps;
  const cli = cdkOptions(app, options, note);
  const cleanup = newCleanup(deps, removerFor({ aws, hcpTerraform }, cli, run));
  const evidence = newEvidence('live', options, deps, { region, account });
  return await finish(evidence, cleanup, deps, async () => {
    const facts = publishedFacts({ agentVersion, signal: deps.signal });
    const lab: LabDeps = { ...deps, aws, hcpTerraform, cleanup, timing };
    const poolId = await hcpTerraform.createPool(name);
    cleanup.add({ kind: 'pool', id: poolId, byHand: `the page of the agent pool ${name} in HCP Terraform` });
    const target: LabTarget = { poolId, poolName: name, stackName: name };
    const teamToken = await tryPermissions(target, evidence, lab);
    for (const [secret, value] of [
      [`${name}/api-token`, teamToken ?? found.token],
      [`${name}/agent-token`, await hcpTerraform.createAgentToken(poolId)],
    ] as const) {
      const byHand = `aws secretsmanager delete-secret --region ${place.region} --force-delete-without-recovery --secret-id ${secret}`;
      cleanup.add({ kind: 'secret', id: secret, byHand, place });
      await aws.createSecret(secret, value);
    }
    writeApp(app, {
      organization,
      hostname,
      stackName: name,
      apiTokenSecret: `${name}/api-token`,
      idleWindowSeconds: 60,
      agentImage: { registry: `hashicorp/tfc-agent:${agentVersion}` },
      network: proof.network,
      pools: [{ name, id: poolId, agentTokenSecret: `${name}/agent-token`, maxAgents: 5, phases: {} }],
    });
    const byHand = `aws cloudformation delete-stack --region ${place.region} --stack-name ${name}`;
    cleanup.add({ kind: 'stack', id: name, byHand, place });
    const beganMs = now();
    await run(['deploy', '--require-approval', 'never', '--progress', 'events'], cli);
    const seconds = (now() - beganMs) / 1000;
    evidence.deployment = { seconds, resources: await aws.countResources(name) };
    await proof.prove(target, evidence, lab);
    evidence.published = await facts;
  }).finally(() => hcpTerraform.close());
}

/** Runs against a system of emulators that is already up. It deploys nothing. */
export async function runLocal(
  system: LocalSystem,
  deps: SessionDeps,
  timing = LOCAL_TIMING,
  proof: Pick<Proof, 'prove'> = EVERYTHING,
): Promise<SessionResult> {
  const { hostname, organization, apiToken: token, ca, agentPool, stackName } = system;
  const aws = new LabAws({});
  const dispatcher = new Agent({ connect: { ca, timeout: 5_000 } });
  const hcpTerraform = new LabHcpTerraform({ hostname, organization, token, dispatcher });
  const cleanup = newCleanup(deps, (thing) => removeOther(thing, aws, hcpTerraform));
  const evidence = newEvidence('local', { hostname, organization }, deps, {});
  const target: LabTarget = { poolId: agentPool.id, poolName: agentPool.name, stackName };
  return await finish(evidence, cleanup, deps, async () => {
    await hcpTerraform.check();
    await proof.prove(target, evidence, { ...deps, aws, hcpTerraform, cleanup, timing });
  }).finally(() => hcpTerraform.close());
}

/**
 * Removes what an earlier run left, in the region of that run.
 * @returns what is still left
 * @throws LabError if the credentials are those of another account
 */
export async function runClean(file: string, given: LiveOptions, deps: SessionDeps): Promise<readonly string[]> {
  const things = Cleanup.read(file);
  const place = things.find((thing) => thing.place !== undefined)?.place;
  const options = { ...given, region: place?.region ?? given.region };
  const { aws, hcpTerraform } = connect(options, deps);
  try {
    const account = await aws.account();
    if (place !== undefined && account !== place.account) {
      throw new LabError(
        `The run created things in the AWS account ${place.account}, but the credentials are those of ${account}. Repeat its --profile.`,
      );
    }
    const cli = cdkOptions(join(file, '../cdk'), options, deps.note);
    const remove = removerFor({ aws, hcpTerraform }, cli, deps.cdk ?? cdk);
    const { left } = await new Cleanup({ file, remove, sleep: deps.sleep, note: deps.note }, things).run();
    return left;
  } finally {
    await hcpTerraform.close();
  }
}

function newCleanup({ folder, sleep, note }: SessionDeps, remove: (thing: CreatedThing) => Promise<void>): Cleanup {
  return new Cleanup({ file: join(folder, 'created.json'), remove, sleep: (ms) => sleep(ms), note });
}

function newEvidence(
  mode: Evidence['mode'],
  { hostname, organization }: Pick<LiveOptions, 'hostname' | 'organization'>,
  { version, now }: SessionDeps,
  place: { readonly region?: string | undefined; readonly account?: string },
): Evidence {
  const startedAt = new Date(now()).toISOString();
  return evidenceSchema.parse({ version, startedAt, mode, hostname, organization, ...place });
}

/** Does the work, removes everything, and writes the report. Rejects only if the report can't be written. */
async function finish(
  evidence: Evidence,
  cleanup: Cleanup,
  { folder, now, note, signal }: SessionDeps,
  work: () => Promise<void>,
): Promise<SessionResult> {
  try {
    await work();
  } catch (error) {
    // An aborted call only says that it was aborted.
    const cause: unknown = signal.aborted ? signal.reason : error;
    evidence.failure = cause instanceof Error ? cause.message : String(cause);
    note(`failed: ${evidence.failure}`);
  }
  Object.assign(evidence, await cleanup.run());
  evidence.endedAt = new Date(now()).toISOString();
  const report = reportOf(evidence);
  const findings = findingsOf(evidence).map(({ statement, finding }) => ({ ...statement, ...finding }));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'report.md'), report);
  writeFileSync(join(folder, 'report.json'), `${JSON.stringify({ evidence, findings }, undefined, 2)}\n`);
  const ok =
    evidence.failure === undefined &&
    evidence.left.length === 0 &&
    findings.every(({ result }) => result !== 'refuted');
  return { evidence, ok, report };
}

/** Removes everything but a stack. */
async function removeOther({ kind, id }: CreatedThing, aws: LabAws, hcpTerraform: LabHcpTerraform): Promise<void> {
  if (kind === 'secret') await aws.deleteSecret(id);
  else if (kind === 'pool') await hcpTerraform.remove(`/agent-pools/${id}`);
  else if (kind === 'workspace') await hcpTerraform.remove(`/workspaces/${id}`);
  else if (kind === 'team') await hcpTerraform.remove(`/teams/${id}`);
}
