/** Checks of customer managed keys and of the receiver of the logs. */
import { partitionOf } from '../../aws/partitions.ts';
import { shown } from '../../credentials.ts';
import { hasWakeUps } from '../../network/launcher-apis.ts';
import type { SettingsFault } from '../errors.ts';
import { exportKind } from '../logs.ts';
import type { ReadableSettings } from '../read.ts';
import { copiesImages } from '../task-images.ts';

/** Faults of keys that a use can't have, and of keys without a use. */
export function* encryptionFaults(settings: ReadableSettings): Iterable<SettingsFault> {
  const { encryption = {} } = settings;
  const { keyArn, ephemeralStorageKeyArn, queueKeyArn, topicKeyArn, gatewayVolumesKeyArn } = encryption;
  const [path, key] =
    ephemeralStorageKeyArn === undefined ? ['keyArn', keyArn] : ['ephemeralStorageKeyArn', ephemeralStorageKeyArn];
  if (key?.includes(':key/mrk-') === true) {
    yield {
      path: `encryption.${path}`,
      given: `${shown(key)}, a multi-Region key`,
      allowed: "a key of one region: Fargate doesn't support multi-Region keys for the disks of tasks",
      remedy: 'set encryption.ephemeralStorageKeyArn to a key of one region',
    };
  }
  if (queueKeyArn !== undefined && !hasWakeUps(settings)) {
    yield {
      path: 'encryption.queueKeyArn',
      given: `${shown(queueKeyArn)}, but the stack has no queue`,
      allowed: 'a key only with nudge, or with idlePollSeconds below 60',
      remedy: 'remove it, or set nudge or idlePollSeconds',
    };
  }
  if (topicKeyArn !== undefined && settings.alarmEmail === undefined) {
    yield {
      path: 'encryption.topicKeyArn',
      given: `${shown(topicKeyArn)}, but the stack creates no topic`,
      allowed: 'a key only with alarmEmail',
      remedy: 'remove it, or set alarmEmail. The topic of alarmTopicArn has its own key',
    };
  }
  const egress = settings.network?.egress;
  if (gatewayVolumesKeyArn !== undefined && egress !== undefined && egress !== 'on-demand') {
    yield {
      path: 'encryption.gatewayVolumesKeyArn',
      given: `${shown(gatewayVolumesKeyArn)}, but the stack has no gateways`,
      allowed: 'a key only with network.egress on-demand',
      remedy: 'remove it, or set network.egress to on-demand',
    };
  }
}

/** The fault of a key for a repository that the stack doesn't have. The construct can't know it: its images are objects. */
export function* imagesKeyFaults({
  encryption,
  agentImage = {},
  pools = [],
}: ReadableSettings): Iterable<SettingsFault> {
  const key = encryption?.imagesKeyArn;
  const readable = pools.flatMap((pool) => pool ?? []);
  if (key === undefined || readable.length === 0 || copiesImages({ agentImage, pools: readable })) return;
  yield {
    path: 'encryption.imagesKeyArn',
    given: `${shown(key)}, but the deployment copies no image`,
    allowed: 'a key only if the deployment copies an image into a repository of the stack',
    remedy: 'remove it, or set agentImage.copy to true',
  };
}

/** Faults of a role that the receiver of the logs needs or doesn't allow. */
export function* exportFaults({ logs = {} }: ReadableSettings): Iterable<SettingsFault> {
  const { exportTo, exportRoleArn } = logs;
  const kind = exportTo === undefined ? undefined : exportKind(exportTo);
  if (kind === 'stream' && exportRoleArn === undefined) {
    yield {
      path: 'logs.exportRoleArn',
      given: `nothing, with logs.exportTo ${shown(exportTo)}`,
      allowed: 'the ARN of a role: CloudWatch Logs needs one to write to a stream',
      remedy: 'set the role, or set logs.exportTo to a destination of CloudWatch Logs, which has its own role',
    };
  }
  if (exportRoleArn !== undefined && (exportTo === undefined || (kind !== undefined && kind !== 'stream'))) {
    yield {
      path: 'logs.exportRoleArn',
      given: `${shown(exportRoleArn)}, with logs.exportTo ${shown(exportTo)}`,
      allowed: 'a role only with a Kinesis or Firehose stream',
      remedy: 'remove it, or set logs.exportTo to a stream',
    };
  }
}

/**
 * Faults of ARNs in another region, account or partition than the stack's. Every service uses a key in its own region. Only the secrets'
 * key may be in another account: their readers have their own permissions, and the others are used by services.
 */
export function* encryptionTargetFaults(
  { encryption = {}, logs = {} }: ReadableSettings,
  { account, region }: { readonly account?: string | undefined; readonly region?: string | undefined },
): Iterable<SettingsFault> {
  const keys = Object.entries(encryption).map(([name, arn]) => ({
    path: `encryption.${name}`,
    what: 'a key',
    arn,
    // keyArn is also the key of the secrets, but the other uses decide.
    elsewhere: name === 'secretsKeyArn',
  }));
  const receiver = { path: 'logs.exportTo', what: 'a receiver', arn: logs.exportTo, elsewhere: isDestination(logs) };
  for (const { path, what, arn, elsewhere } of [...keys, receiver]) {
    if (arn === undefined || !arn.startsWith('arn:')) continue;
    const [, partition, , its = '', owner = ''] = arn.split(':');
    if (region !== undefined && (its !== region || partition !== partitionOf(region))) {
      yield {
        path,
        given: `${shown(arn)}, while the stack is deployed to ${region}`,
        allowed: `${what} in ${region} (arn:${partitionOf(region)}:…)`,
        remedy: `use ${what} of ${region}${what === 'a key' ? ' (a multi-Region key can have a replica there)' : ''}, or set AWS_REGION to the region that you deploy to`,
      };
    } else if (account !== undefined && owner !== account && !elsewhere) {
      yield {
        path,
        given: `${shown(arn)}, ${what} of account ${owner}, while the stack is deployed to account ${account}`,
        allowed: `${what} of account ${account}${what === 'a key' ? '; only encryption.secretsKeyArn may be in another account' : ', or a destination of CloudWatch Logs'}`,
        remedy:
          what === 'a key'
            ? `create a key in account ${account}${path === 'encryption.keyArn' ? '. If the key is for the secrets only, set it as encryption.secretsKeyArn' : ''}`
            : 'create a destination of CloudWatch Logs in the other account, and set its ARN',
      };
    }
  }
}

function isDestination({ exportTo = '' }: NonNullable<ReadableSettings['logs']>): boolean {
  return exportKind(exportTo) === 'destination';
}
