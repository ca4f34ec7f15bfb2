/** Reads facts about the AWS account. */
import { GetRoleCommand } from '@aws-sdk/client-iam';
import { GetParameterCommand } from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { nameOfAwsError } from '../aws/errors.ts';
import type { Context } from '../context.ts';
import {
  bootstrapParameter,
  checkBootstrap,
  checkIdentity,
  checkServiceLinkedRole,
  type Identity,
} from '../core/doctor/account.ts';
import type { Finding, Observed } from '../core/doctor/findings.ts';
import type { Checkup } from './doctor.ts';
import { cdkContext } from './machine.ts';
import { observe } from './observe.ts';
import { trailFindings } from './trails.ts';

export function observeIdentity({ aws }: Context): Promise<Observed<Identity>> {
  return observe(async () => {
    const sts = await aws.sts();
    const { Account = '', Arn = '' } = await sts.send(new GetCallerIdentityCommand({}));
    return { account: Account, arn: Arn, region: await sts.config.region() };
  });
}

/** The CDK's default: https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-customizing.html */
const DEFAULT_QUALIFIER = 'hnb659fds';
const QUALIFIER_KEY = '@aws-cdk/core:bootstrapQualifier';

export async function accountFindings(checkup: Checkup): Promise<Finding[]> {
  const { context, identity, deployment } = checkup;
  const qualifier = cdkContext(context)[QUALIFIER_KEY];
  const name = bootstrapParameter(typeof qualifier === 'string' ? qualifier : DEFAULT_QUALIFIER);
  const [bootstrap, role, trails] = await Promise.all([
    observe(() => bootstrapVersion(context, name)),
    observe(() => roleExists(context)),
    trailFindings(checkup),
  ]);
  return [
    checkIdentity(identity),
    checkBootstrap(bootstrap, deployment !== undefined),
    checkServiceLinkedRole(role),
    ...trails,
  ];
}

async function bootstrapVersion({ aws }: Context, name: string): Promise<string | undefined> {
  const ssm = await aws.ssm();
  try {
    return (await ssm.send(new GetParameterCommand({ Name: name }))).Parameter?.Value;
  } catch (error) {
    if (nameOfAwsError(error) === 'ParameterNotFound') return undefined;
    throw error;
  }
}

async function roleExists({ aws }: Context): Promise<boolean> {
  const iam = await aws.iam();
  try {
    await iam.send(new GetRoleCommand({ RoleName: 'AWSServiceRoleForECS' }));
    return true;
  } catch (error) {
    // The model names the exception NoSuchEntityException, and the service's code is NoSuchEntity.
    if (['NoSuchEntity', 'NoSuchEntityException'].includes(nameOfAwsError(error))) return false;
    throw error;
  }
}
