/** Checks against the account and the region of the deployment. */
import { PHASES } from '../../../functions/launcher/contract.ts';
import { FIPS_REGIONS, hasFipsEndpoints } from '../../aws/fips.ts';
import { GUARDDUTY_ACCOUNTS, guardDutyRegionFault } from '../../aws/guardduty.ts';
import { hasFunctionUrls } from '../../aws/lambda-features.ts';
import { shown } from '../../credentials.ts';
import type { SettingsFault } from '../errors.ts';
import type { ReadableNetwork, ReadablePool, ReadableSettings } from '../read.ts';
import { encryptionTargetFaults } from './encryption.ts';

/** Account and region of the deployment, if they are known. */
export interface DeployTarget {
  readonly account?: string | undefined;
  readonly region?: string | undefined;
  /** Whether the secret at a path can be in a different account, because its readers have permissions for the KMS key. */
  readonly canDecrypt?: (path: string) => boolean;
}

/**
 * Faults of ARNs with a different region or account than the stack. With these, synthesis would succeed, but the deployment or
 * the launcher would fail.
 *
 * CloudWatch notifies topics in its region only, and the launcher uses Secrets Manager in its region.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
 *
 * To read a secret of a different account, the reader's own policy must allow kms:Decrypt on the secret's key, in addition to the
 * policies of the secret and the key. Without `encryption.secretsKeyArn`, the roles don't have this permission. IAM refuses to
 * attach a customer managed policy of a different account. https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples_cross.html
 */
export function* targetFaults(
  settings: ReadableSettings,
  { account, region, canDecrypt = () => false }: DeployTarget,
): Iterable<SettingsFault> {
  const {
    apiTokenSecret,
    agentImage,
    agentTokenRotation,
    alarmTopicArn,
    caCertificates,
    encryption,
    launcher,
    network,
    nudge,
    pools = [],
  } = settings;
  const ofPools = (key: 'apiTokenSecret' | 'agentTokenSecret') =>
    pools.map((pool, index) => ({ path: `pools.${index}.${key}`, value: pool?.[key] }));
  const read = [
    { path: 'apiTokenSecret', value: apiTokenSecret },
    ...ofPools('apiTokenSecret'),
    { path: 'nudge.hmacKeySecret', value: nudge?.hmacKeySecret },
    { path: 'agentTokenRotation.apiTokenSecret', value: agentTokenRotation?.apiTokenSecret },
    { path: 'caCertificates.secret', value: caCertificates?.secret },
    { path: 'launcher.httpsProxyCredentialsSecret', value: launcher?.httpsProxyCredentialsSecret },
    { path: 'agentImage.credentialsSecret', value: agentImage?.credentialsSecret },
  ];
  const secrets = [...read, ...ofPools('agentTokenSecret')];
  yield* encryptionTargetFaults(settings, { account, region });
  if (region !== undefined) {
    yield* regionFaults([{ path: 'alarmTopicArn', value: alarmTopicArn }], 'a topic', region);
    yield* regionFaults(read, 'a secret', region);
    if (nudge !== undefined && !hasFunctionUrls(region)) yield functionUrlFault(region);
    if (settings.fips === true && !hasFipsEndpoints(region)) yield fipsFault(region);
  }
  yield* secretAccountFaults(
    // The key of keyArn is in the account of the stack, so it isn't the key of a secret of another account.
    secrets.filter(({ path }) => encryption?.secretsKeyArn === undefined && !canDecrypt(path)),
    account,
  );
  if (account !== undefined) yield* policyAccountFaults(pools, account);
  if (account !== undefined) yield* roleAccountFaults(pools, account);
  if (account !== undefined) yield* boundaryAccountFault(settings.roles?.permissionsBoundary, account);
  if (network !== undefined && region !== undefined) yield* networkFaults(network, region);
}

function fipsFault(region: string): SettingsFault {
  return {
    path: 'fips',
    given: `true, while the stack is deployed to ${region}, where ECS has no FIPS endpoint`,
    allowed: `true in ${FIPS_REGIONS.join(', ')}`,
    remedy: 'deploy to one of these regions, or remove fips',
  };
}

function functionUrlFault(region: string): SettingsFault {
  return {
    path: 'nudge',
    given: `a nudge, while the stack is deployed to ${region}, where Lambda has no function URLs`,
    allowed: 'a nudge in regions with function URLs, which GovCloud and China do not have',
    remedy:
      'remove nudge, and set idlePollSeconds for a shorter wait; or remove the region from lib/aws/lambda-features.ts if AWS has added function URLs',
  };
}

function* networkFaults(
  { guardDuty, availabilityZones = [] }: ReadableNetwork,
  region: string,
): Iterable<SettingsFault> {
  // The sidecar's image is in an AWS account that depends on the region.
  const fault = guardDuty === true ? guardDutyRegionFault(region) : undefined;
  if (fault !== undefined) {
    yield {
      path: 'network.guardDuty',
      given: `true, while the stack is deployed to ${region}: ${fault.fault}`,
      allowed: `true in ${Object.keys(GUARDDUTY_ACCOUNTS).join(', ')}`,
      remedy: fault.remedy,
    };
  }
  const others = availabilityZones.filter((zone) => zone !== undefined && !zone.startsWith(region));
  if (others.length === 0) return;
  yield {
    path: 'network.availabilityZones',
    given: `${others.map(shown).join(', ')}, while the stack is deployed to ${region}`,
    allowed: `zones of ${region}, such as ${region}a`,
    remedy: `use zones of ${region}, or set AWS_REGION to the region that you deploy to`,
  };
}

interface ValueAt {
  readonly path: string;
  readonly value: string | undefined;
}

function* regionFaults(places: readonly ValueAt[], what: string, region: string): Iterable<SettingsFault> {
  for (const { path, value } of places) {
    const its = partOfArn(value, 3);
    if (its === undefined || its === region) continue;
    yield {
      path,
      given: `${shown(value)}, while the stack is deployed to ${region}`,
      allowed: `${what} in ${region}`,
      remedy: `use ${what} of ${region}, or set AWS_REGION to the region that you deploy to`,
    };
  }
}

/**
 * Faults of secrets in a different account. If the stack's account is unknown, all secrets must at least be in the same account.
 */
function* secretAccountFaults(secrets: readonly ValueAt[], account: string | undefined): Iterable<SettingsFault> {
  const first = secrets.find(({ value }) => partOfArn(value, 4) !== undefined);
  const own = account ?? partOfArn(first?.value, 4);
  const compared =
    account === undefined
      ? `while ${first?.path} is in account ${own}`
      : `while the stack is deployed to account ${own}`;
  for (const { path, value } of secrets) {
    const its = partOfArn(value, 4);
    if (its === undefined || its === own) continue;
    yield {
      path,
      given: `${shown(value)}, a secret of account ${its}, ${compared}`,
      allowed: 'secrets of the account that the stack is deployed to',
      remedy: `create the secret in ${account === undefined ? 'the account of the stack' : `account ${own}`}. A secret of another account needs a customer managed key, resource policies on the secret and the key, and kms:Decrypt in the reader's role: set encryption.secretsKeyArn to the key (docs/encryption.md)`,
    };
  }
}

function* policyAccountFaults(pools: readonly (ReadablePool | undefined)[], account: string): Iterable<SettingsFault> {
  for (const [index, pool] of pools.entries()) {
    for (const { path, arns = [] } of policiesOf(pool, `pools.${index}`)) {
      for (const [place, arn] of arns.entries()) {
        const its = partOfArn(arn, 4);
        if (its === undefined || its === 'aws' || its === account) continue;
        yield {
          path: `${path}.taskRolePolicyArns.${place}`,
          given: `${shown(arn)}, a policy of account ${its}, while the stack is deployed to account ${account}`,
          allowed: `policies of AWS and of account ${account}: IAM refuses to attach a policy of another account`,
          remedy: `create the policy in account ${account}, or put its statements into taskRoleStatements`,
        };
      }
    }
  }
}

/** Faults of task roles in a different account: only a principal of the role's own account can pass it to ECS. */
function* roleAccountFaults(pools: readonly (ReadablePool | undefined)[], account: string): Iterable<SettingsFault> {
  for (const [index, pool] of pools.entries()) {
    const roles = [
      { path: `pools.${index}.taskRoleArn`, arn: pool?.taskRoleArn },
      ...PHASES.map((phase) => ({
        path: `pools.${index}.phases.${phase}.taskRoleArn`,
        arn: pool?.phases?.[phase]?.taskRoleArn,
      })),
    ];
    for (const { path, arn } of roles) {
      const its = partOfArn(arn, 4);
      if (its === undefined || its === account) continue;
      yield {
        path,
        given: `${shown(arn)}, a role of account ${its}, while the stack is deployed to account ${account}`,
        allowed: `a role of account ${account}: ECS accepts task roles of the same account only`,
        remedy: `use a role of account ${account}. To manage another account, let this role assume a role there, with assume_role in the provider's configuration`,
      };
    }
  }
}

function* boundaryAccountFault(boundary: string | undefined, account: string): Iterable<SettingsFault> {
  const its = partOfArn(boundary, 4);
  if (its === undefined || its === 'aws' || its === account || !/^\d/.test(its)) return;
  yield {
    path: 'roles.permissionsBoundary',
    given: `${shown(boundary)}, a policy of account ${its}, while the stack is deployed to account ${account}`,
    allowed: `a policy of AWS or of account ${account}`,
    remedy: `set only the name of the policy, so that each account uses its own: ${boundary?.replace(/^.*:policy\//, '')}`,
  };
}

/** The managed policies of a pool's task roles, including those of its phases. */
function policiesOf(pool: ReadablePool | undefined, path: string) {
  return [
    { path, arns: pool?.taskRolePolicyArns },
    ...PHASES.map((phase) => ({ path: `${path}.phases.${phase}`, arns: pool?.phases?.[phase]?.taskRolePolicyArns })),
  ];
}

/** A part of an ARN by its position; `undefined` if the value isn't an ARN or doesn't have this part. */
function partOfArn(value: string | undefined, position: number): string | undefined {
  if (value === undefined || !value.startsWith('arn:')) return undefined;
  return value.split(':')[position] || undefined;
}
