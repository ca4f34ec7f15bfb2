/**
 * The launcher's Lambda function. This file only connects the parts. No other file reads `process.env`.
 *
 * Between invocations, a warm function keeps the configuration, the clients with their connections, the API tokens, the pools' ids, the
 * request budgets, ECS's launch rate, the tasks that it knows, when to read each API token's expiry, and the list of reported warnings. The
 * function works correctly even if it loses all of that.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { EC2Client } from '@aws-sdk/client-ec2';
import { ECSClient } from '@aws-sdk/client-ecs';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { type Connections, connect } from '../connection/connect.ts';
import { Ec2Gateways } from './adapters/ec2/client.ts';
import { EcsTasks } from './adapters/ecs/client.ts';
import { HcpTerraformClient } from './adapters/hcp-terraform/client.ts';
import { HcpTerraformHttp } from './adapters/hcp-terraform/http.ts';
import { RunStatusReader } from './adapters/hcp-terraform/run-statuses.ts';
import { connections, sendOver } from './adapters/hcp-terraform/send.ts';
import { TokenExpiryReader } from './adapters/hcp-terraform/token-expiry.ts';
import { SecretsManagerSecrets } from './adapters/secrets.ts';
import { SqsWakeUps } from './adapters/wake-ups.ts';
import { ApiTokenExpiry } from './api-token-expiry.ts';
import { type LauncherConfig, parseConfig } from './config.ts';
import { ENV, METRICS_NAMESPACE, SERVICE } from './contract.ts';
import { activeCostOf } from './core/wake-up.ts';
import { gatewaysAllow } from './gateway-reading.ts';
import { hasErrors } from './invocation.ts';
import type { Clock } from './ports.ts';
import { TickReport } from './report.ts';
import { errorsOf, type Tick, type TickTime, tick } from './tick.ts';
import { wokenBy } from './wake-ups.ts';
import { WokenInvocations } from './woken-invocation.ts';

/** Part of Lambda's timeout that is reserved for the report and the response. */
const RESERVE_MS = 2_000;

/** AWS usually answers in less than a second. Three attempts with these timeouts fit into a tick. */
const AWS_CLIENT = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 2_000, requestTimeout: 4_000, throwOnRequestTimeout: true },
};

/** The stack's name. It separates the logs and metrics of two launchers in one account. */
const serviceName = process.env['POWERTOOLS_SERVICE_NAME'] ?? SERVICE;
const version = process.env[ENV.version];
const logger = new Logger({ serviceName, ...(version !== undefined && { persistentKeys: { version } }) });
const metrics = new Metrics({ serviceName, namespace: METRICS_NAMESPACE });
const clock: Clock = {
  now: Date.now,
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, { signal });
  },
  timeout: (ms) => AbortSignal.timeout(ms),
};

/** Created on first use, so that a wrong configuration fails the invocation and appears in its log. */
let launcher: Awaited<ReturnType<typeof compose>> | undefined;

/** Returns the access to the gateways, if there are any. */
function gatewaysOf({ tick: { gateways: settings } }: LauncherConfig, { awsClient }: Pick<Connections, 'awsClient'>) {
  if (settings === undefined) return undefined;
  const gateways = new Ec2Gateways({
    client: new EC2Client(awsClient),
    endClient: new EC2Client({ ...awsClient, maxAttempts: 1 }),
    names: settings.all.map(({ name }) => name),
    clock,
  });
  return { gateways, allow: (signal: AbortSignal) => gatewaysAllow(settings, gateways, clock.now(), signal) };
}

async function compose() {
  const config = parseConfig(process.env);
  const access = await connect(config, AWS_CLIENT, clock);
  const { proxy, awsClient, secretsClient } = access;
  const secrets = new SecretsManagerSecrets(new SecretsManagerClient(secretsClient));
  const http = new HcpTerraformHttp({
    hostname: config.hostname,
    secrets,
    send: sendOver(connections({}, proxy), config.hostname, SERVICE, clock.timeout),
  });
  const hcpTerraform = new HcpTerraformClient({ http, hostname: config.hostname, ...clock });
  const tasks = new EcsTasks({
    client: new ECSClient(awsClient),
    launchClient: new ECSClient({ ...awsClient, maxAttempts: 1 }),
    placement: config.placement,
    clock,
  });
  const gatewayAccess = gatewaysOf(config, access);
  const ports = { hcpTerraform, tasks, gateways: gatewayAccess?.gateways, now: clock.now };
  const pollBudget = () => hcpTerraform.pollBudget();
  const ticks = new TickReport({ logger, metrics, pollBudget, scheduleMs: config.scheduleMs });
  const { wakeUpsQueueUrl: queueUrl, apiTokenSecret, activePollMs, idlePollMs } = config;
  const tokenExpiry = new ApiTokenExpiry({
    pools: config.pools,
    expiries: new TokenExpiryReader(http),
    clock,
    logger,
    metrics,
  });
  const invocations = new WokenInvocations({
    tick: (time: TickTime) => tick(config.pools, config.tick, ports, time),
    report: (ticked: Tick) => ticks.report(ticked),
    pollBudget,
    clock,
    activePollMs,
    idlePollMs,
    activeCost: activeCostOf(config.pools),
    gatewaysAllow: gatewayAccess?.allow,
    wakeUps: queueUrl === undefined ? undefined : new SqsWakeUps(new SQSClient(awsClient), queueUrl),
    runStatuses: new RunStatusReader(http, apiTokenSecret),
    notSent: (error) => ticks.wakeUpNotSent(error),
    notFollowed: (runId) => logger.debug('a run of a nudge could not be read', { runId }),
  });
  return { invocations, tokenExpiry };
}

/** Runs one invocation. It takes no decision from the event, because it reads the state of HCP Terraform and ECS instead. */
async function launch(event: unknown, context: Context): Promise<void> {
  launcher ??= await compose();
  const woken = wokenBy(event);
  const deadlineMs = clock.now() + context.getRemainingTimeInMillis() - RESERVE_MS;
  const last = await launcher.invocations.run(woken, deadlineMs);
  // A nudge's invocation must be short, because the next one may wait for it.
  if (woken === undefined) await launcher.tokenExpiry.report(deadlineMs);
  if (last !== undefined && hasErrors(last)) {
    const errors = errorsOf(last);
    throw new AggregateError(errors, [...new Set(errors.map(({ message }) => message))].join('; '));
  }
}

export const handler = middy(launch).use(injectLambdaContext(logger));
