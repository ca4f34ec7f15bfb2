/**
 * The Lambda function that rotates agent tokens. This file only connects the parts. No other file reads `process.env` or the clock.
 *
 * A schedule invokes it. It takes no decision from the event. Between two invocations, it keeps only its configuration and its connections.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { ECSClient } from '@aws-sdk/client-ecs';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { connect } from '../connection/connect.ts';
import { EcsPoolTasks } from './adapters/ecs.ts';
import { HcpTerraformTokens } from './adapters/hcp-terraform.ts';
import { ageMetrics } from './adapters/metrics.ts';
import { SecretsManagerTokens } from './adapters/secrets-manager.ts';
import { sendThrough } from './adapters/send.ts';
import { parseConfig } from './config.ts';
import { ROTATION_NAMESPACE } from './contract.ts';
import { rotate } from './rotate.ts';

const AWS_CLIENT = {
  maxAttempts: 4,
  requestHandler: { connectionTimeout: 2_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
};

const clock = {
  now: Date.now,
  sleep: async (ms: number): Promise<void> => {
    await delay(ms);
  },
  timeout: (ms: number): AbortSignal => AbortSignal.timeout(ms),
};

/** Kept between two invocations, so that certificates become trusted once. */
let connected: Awaited<ReturnType<typeof connectOnce>> | undefined;

export async function handler(): Promise<void> {
  connected ??= await connectOnce();
  const { config, secretsClient, awsClient, send } = connected;
  const { hostname, cluster, pools, account, region, stack, maxAgeMs, ignoreOtherAgents } = config;
  const apiToken = { secret: config.apiTokenSecret, jsonKey: config.apiTokenJsonKey };
  const secrets = new SecretsManagerTokens(new SecretsManagerClient(secretsClient));
  const hcpTerraform = new HcpTerraformTokens({
    hostname,
    apiToken: () => secrets.apiToken(apiToken),
    send,
    timeout: clock.timeout,
    sleep: clock.sleep,
  });
  await rotate(
    pools.map((pool) => ({ ...pool, owner: { account, region, stack, pool: pool.name } })),
    {
      hcpTerraform,
      secrets,
      ecs: new EcsPoolTasks(new ECSClient(awsClient), cluster),
      clock,
      maxAgeMs,
      ignoreOtherAgents,
      log: console,
      // The dimension `service` comes from POWERTOOLS_SERVICE_NAME, as for the launcher.
      reportAge: ageMetrics(new Metrics({ namespace: ROTATION_NAMESPACE })),
    },
  );
}

async function connectOnce() {
  const config = parseConfig(process.env);
  const { proxy, ...clients } = await connect(config, AWS_CLIENT, clock);
  return { config, send: sendThrough(proxy), ...clients };
}
