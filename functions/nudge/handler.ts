/**
 * The Lambda function behind the nudge's URL. This file only connects the parts. No other file reads `process.env`.
 *
 * It receives HCP Terraform's run tasks and notifications, and wakes the launcher up. It decides nothing: the launcher reads the state of
 * HCP Terraform and ECS as in any other tick.
 */
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { trustCertificates } from '../connection/ca-certificates.ts';
import { secretText } from '../connection/secret-text.ts';
import { reportTo } from './adapters/callback.ts';
import { SecretsManagerHmacKey } from './adapters/hmac-key.ts';
import { wakeUpsIn } from './adapters/wake-ups.ts';
import { parseConfig } from './config.ts';
import { RecentSignatures } from './core/recent.ts';
import { type ReceiveDeps, type Response, receive } from './receive.ts';

/** One call with two attempts takes less than the function's timeout. If two calls are slow, Lambda ends the request, and HCP Terraform repeats it. */
const AWS_CLIENT = {
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
};

/** Timeout of reading the secret with the certificates. */
const SECRET_TIMEOUT_MS = 7_000;

const timeout = (ms: number): AbortSignal => AbortSignal.timeout(ms);

/** Created on first use, so that a wrong configuration fails the invocation and appears in its log. */
let deps: ReceiveDeps | undefined;

async function compose(): Promise<ReceiveDeps> {
  const { hostname, hmacKeySecret, hmacKeyJsonKey, wakeUpsQueueUrl, caCertificatesSecret } = parseConfig(process.env);
  const secrets = new SecretsManagerClient(AWS_CLIENT);
  if (caCertificatesSecret !== undefined) {
    trustCertificates(
      await secretText(secrets, caCertificatesSecret, timeout(SECRET_TIMEOUT_MS)),
      caCertificatesSecret,
    );
  }
  return {
    hostname,
    keys: new SecretsManagerHmacKey(secrets, { id: hmacKeySecret, jsonKey: hmacKeyJsonKey }, Date.now),
    recent: new RecentSignatures(),
    reportPassed: reportTo(hostname, fetch, timeout),
    wakeUp: wakeUpsIn(new SQSClient(AWS_CLIENT), wakeUpsQueueUrl),
    log: console,
  };
}

export async function handler(event: unknown): Promise<Response> {
  deps ??= await compose();
  return receive(event, deps);
}
