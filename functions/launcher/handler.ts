/**
 * The launcher's Lambda function. This file only connects the parts. No other file reads `process.env`.
 *
 * Between invocations, a warm function keeps the configuration, the clients with their connections, the API tokens, the pools' ids, the
 * request budgets, and the list of reported warnings. The function works correctly even if it loses all of that.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { ECSClient } from '@aws-sdk/client-ecs';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { EcsTasks } from './adapters/ecs/client.ts';
import { HcpTerraformClient } from './adapters/hcp-terraform/client.ts';
import { HcpTerraformHttp } from './adapters/hcp-terraform/http.ts';
import { RunStatusReader } from './adapters/hcp-terraform/run-statuses.ts';
import { connections, sendOver } from './adapters/hcp-terraform/send.ts';
import { SecretsManagerSecrets } from './adapters/secrets.ts';
import { SqsWakeUps } from './adapters/wake-ups.ts';
import { parseConfig } from './config.ts';
import { METRICS_NAMESPACE, SERVICE } from './contract.ts';
import { activeCostOf } from './core/wake-up.ts';
import { hasErrors } from './invocation.ts';
import type { Clock } from './ports.ts';
import { TickReport } from './report.ts';
import { type Tick, type TickTime, tick } from './tick.ts';
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
const logger = new Logger({ serviceName });
const metrics = new Metrics({ serviceName, namespace: METRICS_NAMESPACE });
const clock: Clock = {
  now: Date.now,
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, { signal });
  },
  timeout: (ms) => AbortSignal.timeout(ms),
};

/** Created on first use, so that a wrong configuration fails the invocation and appears in its log. */
let launcher: ReturnType<typeof compose> | undefined;

function compose() {
  const config = parseConfig(process.env);
  const secrets = new SecretsManagerSecrets(new SecretsManagerClient(AWS_CLIENT));
  const http = new HcpTerraformHttp({
    hostname: config.hostname,
    secrets,
    send: sendOver(connections(), config.hostname, SERVICE),
  });
  const hcpTerraform = new HcpTerraformClient({ http, hostname: config.hostname, ...clock });
  const tasks = new EcsTasks({
    client: new ECSClient(AWS_CLIENT),
    launchClient: new ECSClient({ ...AWS_CLIENT, maxAttempts: 1 }),
    placement: config.placement,
    clock,
  });
  const pollBudget = () => hcpTerraform.pollBudget();
  const ticks = new TickReport({ logger, metrics, pollBudget });
  const { wakeUpsQueueUrl: queueUrl, apiTokenSecret, activePollMs, idlePollMs } = config;
  return new WokenInvocations({
    tick: (time: TickTime) => tick(config.pools, config.tick, { hcpTerraform, tasks, now: clock.now }, time),
    report: (ticked: Tick) => ticks.report(ticked),
    pollBudget,
    clock,
    activePollMs,
    idlePollMs,
    activeCost: activeCostOf(config.pools),
    wakeUps: queueUrl === undefined ? undefined : new SqsWakeUps(new SQSClient(AWS_CLIENT), queueUrl),
    runStatuses: new RunStatusReader(http, apiTokenSecret),
    notSent: (error) => ticks.wakeUpNotSent(error),
    notFollowed: (runId) => logger.debug('a run of a nudge could not be read', { runId }),
  });
}

/** Runs one invocation. It takes no decision from the event, because it reads the state of HCP Terraform and ECS instead. */
async function launch(event: unknown, context: Context): Promise<void> {
  launcher ??= compose();
  const last = await launcher.run(wokenBy(event), clock.now() + context.getRemainingTimeInMillis() - RESERVE_MS);
  if (last !== undefined && hasErrors(last)) {
    const errors = last.pools.flatMap(({ errors }) => errors);
    throw new AggregateError(errors, [...new Set(errors.map(({ message }) => message))].join('; '));
  }
}

export const handler = middy(launch).use(injectLambdaContext(logger));
