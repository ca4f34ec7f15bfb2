/** Checks that the variables of the functions fit into Lambda's limit. */
import type { GatewayEnvironment } from '../../../functions/launcher/gateway-environment.ts';
import {
  type ConnectionValues,
  type GatewayValues,
  launcherVariables,
  MOST_VARIABLE_BYTES,
  rotatedPool,
  rotationVariables,
  variableBytes,
} from '../../agent/function-variables.ts';
import { poolEnvironment } from '../../agent/pool-environment.ts';
import { hasWakeUps } from '../../network/launcher-apis.ts';
import { zonesOf } from '../../network/layout.ts';
import type { SettingsFault } from '../errors.ts';
import { poolSettings } from '../pool.ts';
import type { ReadableNetwork, ReadablePool, ReadableSettings } from '../read.ts';
import { secretReference } from '../secret-reference.ts';

/** IDs and names that are known only at deployment, with the length that AWS gives them. */
const SUBNET = 'subnet-0123456789abcdef0';
const GROUP = 'sg-0123456789abcdef0';
const ACCOUNT = '000000000000';
const QUEUE_URL = `https://sqs.ap-southeast-1.amazonaws.com/${ACCOUNT}/${'x'.repeat(80)}`;
const VERSION = '00.00.00';

const ALLOWED = `${MOST_VARIABLE_BYTES} bytes for all variables of a Lambda function. Quotation marks in the JSON of the pools count twice`;

/** The faults of functions whose variables are too long. Pools with an invalid setting don't count. */
export function* functionVariableFaults(
  settings: ReadableSettings,
  pools: readonly ReadablePool[],
): Iterable<SettingsFault> {
  const complete = pools.flatMap((pool) => poolSettings.safeParse(pool).data ?? []);
  yield* launcherFault(settings, complete);
  yield* rotationFault(settings, complete);
}

function connectionValues({ launcher = {}, caCertificates }: ReadableSettings): ConnectionValues {
  const { httpsProxy, noProxy = [], httpsProxyCredentialsSecret } = launcher;
  const login = httpsProxyCredentialsSecret === undefined ? undefined : secretReference(httpsProxyCredentialsSecret);
  return {
    httpsProxy,
    noProxy: noProxy.flatMap((entry) => entry ?? []),
    httpsProxyCredentialsSecret: login?.id,
    httpsProxyCredentialsJsonKey: login?.jsonKey,
    caCertificatesSecret: caCertificates?.secret,
  };
}

type Pool = ReturnType<typeof poolSettings.parse>;

function* launcherFault(settings: ReadableSettings, pools: readonly Pool[]): Iterable<SettingsFault> {
  const { stackName = '', network = {}, agentsCeiling } = settings;
  const { noProxy: exceptions = [] } = connectionValues(settings);
  const text = JSON.stringify(pools.map((pool) => poolEnvironment(stackName, pool)));
  const bytes = variableBytes(
    launcherVariables({
      hostname: settings.hostname ?? '',
      organization: settings.organization ?? '',
      apiTokenSecret: settings.apiTokenSecret ?? '',
      pools: text,
      cluster: stackName,
      subnetIds: (network.subnetIds ?? Array.from({ length: zonesOf(network) })).map(() => SUBNET),
      securityGroupIds: (network.securityGroupIds ?? [GROUP]).map(() => GROUP),
      assignPublicIp: network.egress === 'public-ip',
      activePollSeconds: settings.activePollSeconds ?? 0,
      idlePollSeconds: settings.idlePollSeconds ?? 0,
      startDeadlineSeconds: settings.startDeadlineSeconds ?? 0,
      scheduleSeconds: (settings.scheduleMinutes ?? 0) * 60,
      version: VERSION,
      agentsCeiling,
      ...connectionValues(settings),
      wakeUpsQueueUrl: hasWakeUps(settings) ? QUEUE_URL : undefined,
      gateways: network.egress === 'on-demand' ? gatewayValues(stackName, network) : undefined,
    }),
  );
  if (bytes <= MOST_VARIABLE_BYTES) return;
  const its = Buffer.byteLength(exceptions.join(','));
  if (its > Buffer.byteLength(text)) {
    yield {
      path: 'launcher.noProxy',
      given: `${exceptions.length} exceptions of ${its} bytes, with which the variables of the launcher have ${bytes} bytes`,
      allowed: ALLOWED,
      remedy: 'replace exceptions by a domain or a range that includes them, or let the proxy forward these requests',
    };
    return;
  }
  yield {
    path: 'pools',
    given: `${pools.length} pools, with which the variables of the launcher have ${bytes} bytes`,
    allowed: ALLOWED,
    remedy: 'shorten the names of pools, secrets or the stack, or deploy a second stack and move some pools there',
  };
}

/** The variables of the gateways, with IDs of the length that AWS gives them. */
function gatewayValues(stackName: string, network: ReadableNetwork): GatewayValues {
  const gateway: GatewayEnvironment = {
    name: `${stackName}/gateway-1-012345`,
    launchTemplateId: 'lt-0123456789abcdef0',
    launchTemplateVersion: '1000',
    networkInterfaceId: 'eni-0123456789abcdef0',
    config: '0123456789abcdef',
    fixedAddress: network.fixedAddress ?? false,
  };
  return {
    all: JSON.stringify(Array.from({ length: zonesOf(network) }, () => gateway)),
    idleMinutes: network.gatewayIdleMinutes ?? 0,
    start: network.gatewayStart ?? 'before-tasks',
    maxAgeDays: network.gatewayMaxAgeDays ?? 0,
  };
}

function* rotationFault(settings: ReadableSettings, pools: readonly Pool[]): Iterable<SettingsFault> {
  const { stackName = '', organization = '', agentTokenRotation: rotation } = settings;
  if (rotation === undefined) return;
  const rotated = pools.map((pool) => {
    const { id, jsonKey } = secretReference(pool.agentTokenSecret);
    return rotatedPool({ ...pool, organization: pool.organization ?? organization, secret: id, jsonKey });
  });
  const apiToken = secretReference(rotation.apiTokenSecret ?? '');
  const bytes = variableBytes(
    rotationVariables({
      hostname: settings.hostname ?? '',
      apiTokenSecret: apiToken.id,
      apiTokenJsonKey: apiToken.jsonKey,
      pools: JSON.stringify(rotated),
      cluster: stackName,
      days: rotation.days ?? 0,
      ignoreOtherAgents: rotation.ignoreOtherAgents ?? false,
      account: ACCOUNT,
      stack: stackName,
      ...connectionValues(settings),
    }),
  );
  if (bytes <= MOST_VARIABLE_BYTES) return;
  yield {
    path: 'agentTokenRotation',
    given: `${pools.length} pools, with which the variables of the rotation have ${bytes} bytes`,
    allowed: ALLOWED,
    remedy:
      'name the secrets by their names instead of their ARNs where they have no key, shorten the names of pools, secrets or the stack, or deploy a second stack and move some pools there',
  };
}
