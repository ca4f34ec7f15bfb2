/**
 * The Lambda function behind the nudge's URL. This file only connects the parts. No other file reads `process.env`.
 *
 * It receives HCP Terraform's run tasks and notifications, and wakes the launcher up. It decides nothing: the launcher reads the state of
 * HCP Terraform and ECS as in any other tick.
 */
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { reportTo } from './adapters/callback.ts';
import { SecretsManagerHmacKey } from './adapters/hmac-key.ts';
import { wakeUpsIn } from './adapters/wake-ups.ts';
import { parseConfig } from './config.ts';
import { RecentSignatures } from './core/recent.ts';
import { type ReceiveDeps, type Response, receive } from './receive.ts';

/** Two attempts with these timeouts take less than the function's timeout. */
const AWS_CLIENT = {
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
};

/** Created on first use, so that a wrong configuration fails the invocation and appears in its log. */
let deps: ReceiveDeps | undefined;

function compose(): ReceiveDeps {
  const { hostname, hmacKeySecret, wakeUpsQueueUrl } = parseConfig(process.env);
  return {
    hostname,
    keys: new SecretsManagerHmacKey(new SecretsManagerClient(AWS_CLIENT), hmacKeySecret, Date.now),
    recent: new RecentSignatures(),
    reportPassed: reportTo(hostname, fetch),
    wakeUp: wakeUpsIn(new SQSClient(AWS_CLIENT), wakeUpsQueueUrl),
    log: console,
  };
}

export async function handler(event: unknown): Promise<Response> {
  deps ??= compose();
  return receive(event, deps);
}
