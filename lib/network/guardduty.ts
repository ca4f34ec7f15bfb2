/**
 * What GuardDuty Runtime Monitoring needs of the agents' tasks and their network.
 *
 * With automated agent configuration, GuardDuty adds a sidecar to every new Fargate task. The task pulls the sidecar's image
 * with its execution role, from a repository in an account of AWS that differs by region. The sidecar then sends what it saw to
 * `guardduty-data`.
 *
 * GuardDuty creates an interface endpoint for `guardduty-data` in the VPC, with private DNS and a security group that lets the
 * VPC's addresses in, and doesn't charge for it. So the stack doesn't create one: a second endpoint with the same private name
 * can't exist in a VPC. https://docs.aws.amazon.com/guardduty/latest/ug/how-runtime-monitoring-works-ecs-fargate.html
 */
import { Aws, CfnMapping, CfnRule, Fn, Stack, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { GUARDDUTY_ACCOUNTS, GUARDDUTY_REGION_REMEDY, guardDutyRegionFault } from '../aws/guardduty.ts';

/** Repository of the sidecar's image; the same name in every account. */
export const GUARDDUTY_REPOSITORY = 'aws-guardduty-agent-fargate';

const MAPPING = 'GuardDutyAccounts';

/**
 * The account that hosts the sidecar's image in the stack's region. If the region is only known at deployment, CloudFormation
 * looks the account up, and refuses the stack in other regions.
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

/** One mapping and one rule in each stack. */
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
