/**
 * The environment variables of the functions that get the pools. The settings measure their size, and the constructs write them. So this
 * code uses plain values and creates no construct.
 */
import { CONNECTION_ENV } from '../../functions/connection/contract.ts';
import { ENV, type GatewayStart } from '../../functions/launcher/contract.ts';
import { ROTATION_ENV, type RotatedPoolEnvironment } from '../../functions/token-rotation/contract.ts';
import { taskFamilies } from '../names.ts';

/** How a function reaches HCP Terraform and AWS. */
export interface ConnectionValues {
  readonly httpsProxy?: string | undefined;
  readonly noProxy?: readonly string[] | undefined;
  /** Name or ARN of the secret. */
  readonly httpsProxyCredentialsSecret?: string | undefined;
  /** Key of the login, if the secret is a JSON object. */
  readonly httpsProxyCredentialsJsonKey?: string | undefined;
  /** Name or ARN of the secret. */
  readonly caCertificatesSecret?: string | undefined;
}

export interface LauncherValues extends ConnectionValues {
  readonly hostname: string;
  readonly organization: string;
  /** Name or ARN of the secret. */
  readonly apiTokenSecret: string;
  /** JSON of the pools. */
  readonly pools: string;
  readonly cluster: string;
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
  readonly assignPublicIp: boolean;
  readonly activePollSeconds: number;
  readonly idlePollSeconds: number;
  readonly startDeadlineSeconds: number;
  readonly scheduleSeconds: number;
  readonly version: string;
  readonly agentsCeiling?: number | undefined;
  readonly wakeUpsQueueUrl?: string | undefined;
  readonly gateways?: GatewayValues | undefined;
}

/** The gateways that the launcher starts. */
export interface GatewayValues {
  /** JSON of the gateways. */
  readonly all: string;
  readonly idleMinutes: number;
  readonly start: GatewayStart;
  readonly maxAgeDays: number;
}

/** Exactly the variables that the launcher expects. None contains a login. */
export function launcherVariables(values: LauncherValues): Record<string, string> {
  const { agentsCeiling, gateways } = values;
  return present({
    [ENV.hostname]: values.hostname,
    [ENV.organization]: values.organization,
    [ENV.apiTokenSecret]: values.apiTokenSecret,
    [ENV.agentPools]: values.pools,
    [ENV.cluster]: values.cluster,
    [ENV.subnets]: values.subnetIds.join(','),
    [ENV.securityGroups]: values.securityGroupIds.join(','),
    [ENV.assignPublicIp]: values.assignPublicIp ? 'ENABLED' : 'DISABLED',
    [ENV.activePollSeconds]: String(values.activePollSeconds),
    [ENV.idlePollSeconds]: String(values.idlePollSeconds),
    [ENV.startDeadlineSeconds]: String(values.startDeadlineSeconds),
    [ENV.scheduleSeconds]: String(values.scheduleSeconds),
    [ENV.version]: values.version,
    [ENV.agentsCeiling]: agentsCeiling === undefined ? undefined : String(agentsCeiling),
    [ENV.wakeUpsQueueUrl]: values.wakeUpsQueueUrl,
    ...connectionVariables(values),
    ...(gateways !== undefined && {
      [ENV.gateways]: gateways.all,
      [ENV.gatewayIdleMinutes]: String(gateways.idleMinutes),
      [ENV.gatewayStart]: gateways.start,
      [ENV.gatewayMaxAgeDays]: String(gateways.maxAgeDays),
    }),
  });
}

function connectionVariables(values: ConnectionValues): Record<string, string | undefined> {
  const { noProxy = [] } = values;
  return {
    [CONNECTION_ENV.httpsProxy]: values.httpsProxy,
    [CONNECTION_ENV.noProxy]: noProxy.length > 0 ? noProxy.join(',') : undefined,
    [CONNECTION_ENV.httpsProxyCredentialsSecret]: values.httpsProxyCredentialsSecret,
    [CONNECTION_ENV.httpsProxyCredentialsJsonKey]: values.httpsProxyCredentialsJsonKey,
    [CONNECTION_ENV.caCertificatesSecret]: values.caCertificatesSecret,
  };
}

export interface RotationValues extends ConnectionValues {
  readonly hostname: string;
  /** Name or ARN of the secret. */
  readonly apiTokenSecret: string;
  /** Key of the API token, if the secret is a JSON object. */
  readonly apiTokenJsonKey?: string | undefined;
  /** JSON of the pools. */
  readonly pools: string;
  readonly cluster: string;
  readonly days: number;
  readonly ignoreOtherAgents: boolean;
  readonly account: string;
  readonly stack: string;
}

/** Exactly the variables that the rotation expects, except for the region, which Lambda sets. None contains a login. */
export function rotationVariables(values: RotationValues): Record<string, string> {
  return present({
    [ROTATION_ENV.hostname]: values.hostname,
    [ROTATION_ENV.apiTokenSecret]: values.apiTokenSecret,
    [ROTATION_ENV.apiTokenJsonKey]: values.apiTokenJsonKey,
    [ROTATION_ENV.pools]: values.pools,
    [ROTATION_ENV.cluster]: values.cluster,
    [ROTATION_ENV.familyPrefixes]: taskFamilies(values.cluster, '').join(','),
    [ROTATION_ENV.days]: String(values.days),
    [ROTATION_ENV.ignoreOtherAgents]: String(values.ignoreOtherAgents),
    [ROTATION_ENV.account]: values.account,
    [ROTATION_ENV.stack]: values.stack,
    ...connectionVariables(values),
  });
}

/** The pool's entry in the rotation's environment. */
export function rotatedPool({
  name,
  id,
  organization,
  secret,
  jsonKey,
}: RotatedPoolEnvironment): RotatedPoolEnvironment {
  return {
    name,
    ...(id !== undefined && { id }),
    organization,
    secret,
    ...(jsonKey !== undefined && { jsonKey }),
  };
}

/** Lambda's limit for all variables of a function. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
export const MOST_VARIABLE_BYTES = 4096;

/**
 * The variables that a function also has: the options of Node, the file with certificates, FIPS, and the name for log lines and
 * metrics, which is that of the stack.
 */
const OTHER_BYTES = 220;

/**
 * Size of a function's variables. Lambda measures them as JSON, as its error message shows, so a quotation mark in a value counts as two
 * bytes. https://github.com/github-aws-runners/terraform-aws-github-runner/issues/3594
 */
export function variableBytes(variables: Readonly<Record<string, string>>): number {
  return Buffer.byteLength(JSON.stringify(variables)) + OTHER_BYTES;
}

function present(variables: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
