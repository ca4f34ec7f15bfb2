/**
 * Permissions and network access that GuardDuty Runtime Monitoring needs in the agents' tasks.
 *
 * With automated agent configuration, GuardDuty adds a sidecar to every new Fargate task. The task pulls the sidecar's image
 * with its execution role, from a repository in an AWS account that depends on the region. The sidecar then sends its
 * observations to the service `guardduty-data`.
 *
 * GuardDuty creates a free interface endpoint for `guardduty-data` in the VPC, with private DNS and a security group that admits
 * the VPC's addresses. So the stack doesn't create an endpoint: a VPC can't have two endpoints with the same private name. https://docs.aws.amazon.com/guardduty/latest/ug/how-runtime-monitoring-works-ecs-fargate.html
 */
import { Aws, CfnMapping, CfnRule, Fn, Stack, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { GUARDDUTY_ACCOUNTS, GUARDDUTY_REGION_REMEDY, guardDutyRegionFault } from '../aws/guardduty.ts';

/** Repository of the sidecar's image. It has the same name in every account. */
export const GUARDDUTY_REPOSITORY = 'aws-guardduty-agent-fargate';

const MAPPING = 'GuardDutyAccounts';

/**
 * The account that hosts the sidecar's image in the stack's region. If the region is known only at deployment, CloudFormation
 * looks up the account, and refuses the stack in regions without one.
 *
 * @throws if the stack's region is known and has no such account
 */
export function guardDutyAccount(scope: Construct): string {
  const stack = Stack.of(scope);
  if (!Token.isUnresolved(stack.region)) {
    const account = GUARDDUTY_ACCOUNTS[stack.region];
    const fault = guardDutyRegionFault(stack.region);
    if (account !== undefined && fault === undefined) return account;
    throw new Error(`${fault?.fault}. To do: ${fault?.remedy}.`);
  }
  return mappingOf(stack).findInMap(Aws.REGION, 'Account');
}

/** Adds the mapping and the rule to the stack once. */
function mappingOf(stack: Stack): CfnMapping {
  const known = stack.node.tryFindChild(MAPPING);
  if (known instanceof CfnMapping) return known;
  new CfnRule(stack, 'GuardDutyRegion', {
    assertions: [
      {
        assert: Fn.conditionContains(Object.keys(GUARDDUTY_ACCOUNTS), Aws.REGION),
        assertDescription: `AWS's list of accounts that host GuardDuty's sidecar for Fargate doesn't include this region: ${GUARDDUTY_REGION_REMEDY}`,
      },
    ],
  });
  return new CfnMapping(stack, MAPPING, {
    mapping: Object.fromEntries(
      Object.entries(GUARDDUTY_ACCOUNTS).map(([region, account]) => [region, { Account: account }]),
    ),
  });
}

/**
 * Lets an execution role pull the sidecar's image.
 * https://docs.aws.amazon.com/guardduty/latest/ug/prereq-runtime-monitoring-ecs-support.html#before-enable-runtime-monitoring-ecs
 */
export function grantGuardDutyPull(scope: Construct, executionRole: iam.Role): void {
  executionRole.addToPrincipalPolicy(
    new iam.PolicyStatement({
      sid: 'GuardDutySidecar',
      actions: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      resources: [
        Stack.of(scope).formatArn({
          service: 'ecr',
          account: guardDutyAccount(scope),
          resource: 'repository',
          resourceName: GUARDDUTY_REPOSITORY,
        }),
      ],
    }),
  );
  executionRole.addToPrincipalPolicy(
    new iam.PolicyStatement({ actions: ['ecr:GetAuthorizationToken'], resources: ['*'] }),
  );
}
