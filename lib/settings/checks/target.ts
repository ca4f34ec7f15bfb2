/** Checks against the account and the region of the deployment. */
import { PHASES } from '../../../functions/launcher/contract.ts';
import { GUARDDUTY_ACCOUNTS, guardDutyRegionFault } from '../../aws/guardduty.ts';
import { shown } from '../../credentials.ts';
import type { SettingsFault } from '../errors.ts';
import type { ReadablePool, ReadableSettings } from '../read.ts';

/** Where the stack is deployed to, as far as it is known. */
export interface DeployTarget {
  readonly account?: string | undefined;
  readonly region?: string | undefined;
  /** Paths of secrets whose readers may also use their key, so that they may be of another account. */
  readonly readableKeys?: ReadonlySet<string>;
}

/**
 * ARNs of another region or account than the stack's, which would deploy and then fail.
 *
 * CloudWatch notifies topics in its region only, and the launcher uses Secrets Manager in its region.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
 *
 * A secret of another account needs kms:Decrypt on its key in the reader's own policy, in addition to the policies of the
 * secret and the key. Settings name no key, so the roles don't have it. IAM attaches no customer managed policy of another
 * account. https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples_cross.html
 */
export function targetFaults(
  settings: ReadableSettings,
  { account, region, readableKeys }: DeployTarget,
): SettingsFault[] {
  const { apiTokenSecret, alarmTopicArn, network, pools = [] } = settings;
  const ofPools = (key: 'apiTokenSecret' | 'agentTokenSecret') =>
    pools.map((pool, index) => ({ path: `pools.${index}.${key}`, value: pool?.[key] }));
  const read = [{ path: 'apiTokenSecret', value: apiTokenSecret }, ...ofPools('apiTokenSecret')];
  const topic = { path: 'alarmTopicArn', value: alarmTopicArn };
  return [
    ...regionFaults([topic], 'a topic', region),
    ...regionFaults(read, 'a secret', region),
    ...secretAccountFaults(
      [...read, ...ofPools('agentTokenSecret')].filter(({ path }) => readableKeys?.has(path) !== true),
      account,
    ),
    ...policyAccountFaults(pools, account),
    ...guardDutyFaults(network, region),
    ...zoneFaults(network, region),
  ];
}

function zoneFaults(network: ReadableSettings['network'], region: string | undefined): SettingsFault[] {
  const zones = network?.availabilityZones ?? [];
  const others = zones.filter((zone) => zone !== undefined && region !== undefined && !zone.startsWith(region));
  if (others.length === 0) return [];
  return [
    {
      path: 'network.availabilityZones',
      given: `${others.map(shown).join(', ')}, while the stack is deployed to ${region}`,
      allowed: `zones of ${region}, such as ${region}a`,
      remedy: `use zones of ${region}, or set AWS_REGION to the region that you deploy to`,
    },
  ];
}

/** The sidecar's image is in an account of AWS that differs by region. */
function guardDutyFaults(network: ReadableSettings['network'], region: string | undefined): SettingsFault[] {
  const fault = region === undefined || network?.guardDuty !== true ? undefined : guardDutyRegionFault(region);
  if (fault === undefined) return [];
  return [
    {
      path: 'network.guardDuty',
      given: `true, while the stack is deployed to ${region}: ${fault.fault}`,
      allowed: `true in ${Object.keys(GUARDDUTY_ACCOUNTS).join(', ')}`,
      remedy: fault.remedy,
    },
  ];
}

interface ValueAt {
  readonly path: string;
  readonly value: string | undefined;
}

function regionFaults(places: readonly ValueAt[], what: string, region: string | undefined): SettingsFault[] {
  return places.flatMap(({ path, value }) => {
    const its = partOfArn(value, 3);
    if (region === undefined || its === undefined || its === region) return [];
    return [
      {
        path,
        given: `${shown(value)}, while the stack is deployed to ${region}`,
        allowed: `${what} in ${region}`,
        remedy: `use ${what} of ${region}, or set AWS_REGION to the region that you deploy to`,
      },
    ];
  });
}

/** Without a known account, all secrets must at least be of one account. */
function secretAccountFaults(secrets: readonly ValueAt[], account: string | undefined): SettingsFault[] {
  const first = secrets.find(({ value }) => partOfArn(value, 4) !== undefined);
  const own = account ?? partOfArn(first?.value, 4);
  return secrets.flatMap(({ path, value }) => {
    const its = partOfArn(value, 4);
    if (own === undefined || its === undefined || its === own) return [];
    const compared =
      account === undefined
        ? `while ${first?.path} is in account ${own}`
        : `while the stack is deployed to account ${own}`;
    return [
      {
        path,
        given: `${shown(value)}, a secret of account ${its}, ${compared}`,
        allowed: 'secrets of the account that the stack is deployed to',
        remedy: `create the secret in ${account === undefined ? 'the account of the stack' : `account ${own}`}. A secret of another account needs a customer managed key, resource policies on the secret and the key, and kms:Decrypt in the reader's role, which this stack doesn't grant`,
      },
    ];
  });
}

function policyAccountFaults(
  pools: readonly (ReadablePool | undefined)[],
  account: string | undefined,
): SettingsFault[] {
  return pools.flatMap((pool, index) =>
    rolesOf(pool, `pools.${index}`).flatMap(({ path, role }) => {
      return (role.taskRolePolicyArns ?? []).flatMap((arn, place) => {
        const its = partOfArn(arn, 4);
        if (account === undefined || its === undefined || its === 'aws' || its === account) return [];
        return [
          {
            path: `${path}.taskRolePolicyArns.${place}`,
            given: `${shown(arn)}, a policy of account ${its}, while the stack is deployed to account ${account}`,
            allowed: `policies of AWS and of account ${account}: IAM attaches no policy of another account`,
            remedy: `create the policy in account ${account}, or put its statements into taskRoleStatements`,
          },
        ];
      });
    }),
  );
}

type Role = Pick<ReadablePool, 'taskRolePolicyArns'>;

/** The settings that describe task roles: those of the pool and of its phases. */
function rolesOf(pool: ReadablePool | undefined, path: string): { path: string; role: Role }[] {
  const ofPhases = PHASES.map((phase) => ({ path: `${path}.phases.${phase}`, role: pool?.phases?.[phase] ?? {} }));
  return [{ path, role: pool ?? {} }, ...ofPhases];
}

/** A part of an ARN by its position; `undefined` if the value isn't an ARN or lacks the part. */
function partOfArn(value: string | undefined, position: number): string | undefined {
  if (value === undefined || !value.startsWith('arn:')) return undefined;
  return value.split(':')[position] || undefined;
}
