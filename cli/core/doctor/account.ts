/** Checks of the AWS account: credentials, region, bootstrap stack and service-linked role. */
import { couldNotCheck, error, type Finding, note, type Observed, ok } from './findings.ts';

export interface Identity {
  readonly account: string;
  readonly arn: string;
  readonly region: string;
}

/** Codes of Node, and the SDK's time limits: no answer came from AWS. */
const NO_CONNECTION = /ENOTFOUND|EAI_AGAIN|ECONN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|TimeoutError/;

export function checkIdentity(identity: Observed<Identity>): Finding {
  if ('value' in identity) {
    const { account, arn, region } = identity.value;
    return ok('account.identity', `AWS account ${account} in ${region}, as ${arn}.`);
  }
  const { reason } = identity.failure;
  return error('account.identity', {
    what: `AWS can’t be used: ${reason}`,
    why: 'Nothing can be deployed, and doctor can’t check AWS.',
    todo: NO_CONNECTION.test(reason)
      ? 'Check the region, the network and the proxy (HTTPS_PROXY, NO_PROXY).'
      : 'Sign in as for the AWS CLI (for example "aws sso login"), set AWS_REGION, or pass --profile and --region.',
  });
}

/** The version that the templates of the CDK require: https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html */
export const BOOTSTRAP_VERSION = 6;

/** Name of the parameter with the bootstrap stack's version. @param qualifier the CDK's default is `hnb659fds` */
export function bootstrapParameter(qualifier: string): string {
  return `/cdk-bootstrap/${qualifier}/version`;
}

/** @param version value of the parameter; `undefined`: there is none */
export function checkBootstrap(version: Observed<string | undefined>, deployed: boolean): Finding {
  const id = 'account.bootstrap';
  if ('failure' in version) {
    return couldNotCheck(id, 'the version of the CDK bootstrap stack', version.failure, 'ssm:GetParameter');
  }
  const todo =
    'Run "npx cdk bootstrap" once in this account and region. An administrator may have to do it, because it creates roles.';
  if (version.value === undefined) {
    const what = 'This account and region have no CDK bootstrap stack.';
    if (deployed) {
      return note(id, {
        what,
        why: 'What is deployed works without it, but "cdk deploy" needs it.',
        todo: `Nothing, if you deploy the template without the CDK. Otherwise: ${todo}`,
      });
    }
    return error(id, { what, why: '"cdk deploy" uploads the function’s code and the image to it.', todo });
  }
  const number = Number(version.value);
  if (number >= BOOTSTRAP_VERSION) return ok(id, `The CDK bootstrap stack has version ${version.value}.`);
  return error(id, {
    what: `The CDK bootstrap stack has version ${version.value}, but the template requires version ${BOOTSTRAP_VERSION}.`,
    why: 'The deployment is refused.',
    todo,
  });
}

/** @param exists whether the role `AWSServiceRoleForECS` exists */
export function checkServiceLinkedRole(exists: Observed<boolean>): Finding {
  const id = 'account.service-linked-role';
  if ('failure' in exists) {
    return couldNotCheck(id, 'the service-linked role of ECS', exists.failure, 'iam:GetRole');
  }
  if (exists.value) return ok(id, 'The service-linked role of ECS exists.');
  return error(id, {
    what: 'The service-linked role of ECS (AWSServiceRoleForECS) doesn’t exist.',
    why: 'ECS creates it together with the account’s first cluster, but IAM is slower, so that the first deployment can fail with "Unable to assume the service linked role".',
    todo: 'Run "aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com" once per account.',
  });
}
