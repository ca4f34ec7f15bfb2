/**
 * Notifies the alarm topic of calls that aren't the launcher's: tasks that somebody else starts in the cluster or from the pools' task
 * definitions, commands in running tasks, new task definitions, changes of the functions, and other functions that get one of their roles.
 * Each of them can take an agent token.
 *
 * The rules match records of CloudTrail. EventBridge receives these only if a trail logs management events in the region:
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
 *
 * CloudFormation's own calls aren't reported, or every deployment of the stack would be. So a person who makes these changes through
 * CloudFormation, in this stack or in another one, isn't reported either. CloudTrail sets `sourceIPAddress` to the name of the service for them, and a caller can't
 * forge it: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
 * The launcher's role is expected to start tasks. From this role, the second rule matches only what the launcher never does, so it
 * reports some uses of stolen credentials.
 *
 * A record can have an error code: attempts that AWS refused are reported too.
 */
import { Stack } from 'aws-cdk-lib';
import type { ISecurityGroup, ISubnet } from 'aws-cdk-lib/aws-ec2';
import { EventField, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { explain } from '../acknowledgement.ts';
import { auditRule, familyPrefix } from '../names.ts';

export interface AuditProps {
  /** Name of the launcher, and of its cluster. */
  readonly name: string;
  /** Role of the launcher's function. */
  readonly launcherRole: IRole;
  /** Where the launcher starts tasks. */
  readonly placement: {
    readonly subnets: readonly ISubnet[];
    readonly securityGroups: readonly ISecurityGroup[];
    readonly assignPublicIp: boolean;
  };
  /** The functions: their names without CDK tokens, and their roles. */
  readonly functions: readonly { readonly name: string; readonly role: IRole }[];
  readonly topic: ITopic;
}

/** The heading in docs/runbook.md. */
export const AUDIT_HEADING = 'A call that is not the launcher’s';

const STARTS = ['RunTask', 'StartTask', 'CreateService', 'UpdateService', 'CreateTaskSet'];

/** Lambda's names of the events contain the version of its API: https://docs.aws.amazon.com/lambda/latest/dg/logging-using-cloudtrail.html */
const FUNCTION_CHANGES = ['UpdateFunctionCode20150331v2', 'UpdateFunctionConfiguration20150331v2'];

/** Calls that can give a role to a function. */
const ROLE_PASSES = ['CreateFunction20150331', 'UpdateFunctionConfiguration20150331v2'];

/** Calls of ECS and Lambda, as EventBridge gets them from CloudTrail. */
const CALLS = { source: ['aws.ecs', 'aws.lambda'], detailType: ['AWS API Call via CloudTrail'] };

const isPresent = [{ exists: true }];

export class Audit extends Construct {
  constructor(scope: Construct, id: string, props: AuditProps) {
    super(scope, id);
    this.rule('Callers', 'callers', props, 'A caller other than the launcher', callers(props, Stack.of(this)));
    this.rule('Role', 'role', props, "The launcher's role", unusualCalls(props));
  }

  private rule(id: string, kind: string, { name, topic }: AuditProps, who: string, detail: object): void {
    const rule = new Rule(this, id, {
      ruleName: auditRule(name, kind),
      description: `${who} started a task or changed a function of ${name}`,
      eventPattern: { ...CALLS, detail: { ...detail } },
    });
    explain(rule, {
      EventBusDLQ: 'EventBridge repeats a failed delivery for 24 hours, and CloudTrail keeps the record of the call.',
    });
    const message = messageOf(name, who);
    // Without the target's usual grant: the stack's topic allows EventBridge already, and the policy of another topic isn't ours.
    rule.addTarget({ bind: () => ({ arn: topic.topicArn, input: message }) });
  }
}

/** What a person needs to judge the call. No parameters of the request, because these can contain secrets. */
function messageOf(name: string, who: string): RuleTargetInput {
  const of = (path: string) => EventField.fromPath(`$.detail.${path}`);
  return RuleTargetInput.fromText(
    `${name}: ${who} called ${of('eventName')} of ${of('eventSource')} at ${of('eventTime')}. ` +
      `Caller: ${of('userIdentity.arn')} (${of('userIdentity.type')}), from ${of('sourceIPAddress')}. ` +
      `Error, if AWS refused the call: ${of('errorCode')}. ` +
      `CloudTrail event in ${of('awsRegion')}: ${of('eventID')}. ` +
      `Runbook: docs/runbook.md, '${AUDIT_HEADING}'.`,
  );
}

/** Calls on this launcher's resources by other callers. Requests contain a name or an ARN, as the caller wrote it. */
function callers({ name, launcherRole, functions }: AuditProps, stack: Stack): object {
  const family = familyPrefix(name);
  const taskDefinition = stack.formatArn({ service: 'ecs', resource: 'task-definition', resourceName: family });
  return {
    sourceIPAddress: [{ 'anything-but': 'cloudformation.amazonaws.com' }],
    userIdentity: issuer({ exists: false }, { 'anything-but': launcherRole.roleArn }),
    $or: [
      {
        eventName: [...STARTS, 'ExecuteCommand'],
        requestParameters: { cluster: [name, { suffix: `:cluster/${name}` }] },
      },
      // In any cluster, because the task has the pool's agent token wherever it runs.
      {
        eventName: STARTS,
        requestParameters: { taskDefinition: [{ prefix: family }, { prefix: taskDefinition }] },
      },
      { eventName: ['RegisterTaskDefinition'], requestParameters: { family: [{ prefix: family }] } },
      {
        eventName: FUNCTION_CHANGES,
        requestParameters: { functionName: functions.flatMap((one) => [one.name, { suffix: `:${one.name}` }]) },
      },
      { eventName: ROLE_PASSES, requestParameters: { role: functions.map(({ role }) => role.roleArn) } },
    ],
  };
}

/** Calls with the launcher's role that the launcher's code never sends. */
function unusualCalls({ launcherRole, placement }: AuditProps): object {
  const runTask = (requestParameters: object) => ({ eventName: ['RunTask'], requestParameters });
  const placed = (awsvpcConfiguration: object) => runTask({ networkConfiguration: { awsvpcConfiguration } });
  return {
    userIdentity: issuer(launcherRole.roleArn),
    $or: [
      {
        eventName: [
          ...STARTS.filter((name) => name !== 'RunTask'),
          'ExecuteCommand',
          'RegisterTaskDefinition',
          ...new Set([...FUNCTION_CHANGES, ...ROLE_PASSES]),
        ],
      },
      // IAM can't restrict where a task runs. Lists match if any of their items does.
      placed({ subnets: otherThan(...placement.subnets.map(({ subnetId }) => subnetId)) }),
      placed({ securityGroups: otherThan(...placement.securityGroups.map(({ securityGroupId }) => securityGroupId)) }),
      placed({ assignPublicIp: otherThan(placement.assignPublicIp ? 'ENABLED' : 'DISABLED') }),
      runTask({ enableExecuteCommand: [true] }),
      runTask({ overrides: { taskRoleArn: isPresent } }),
      runTask({ overrides: { executionRoleArn: isPresent } }),
    ],
  };
}

function otherThan(...values: readonly string[]): readonly object[] {
  return [{ 'anything-but': values }];
}

/** The role whose session sent the request. Users and the root user have none. */
function issuer(...arn: readonly unknown[]): object {
  return { sessionContext: { sessionIssuer: { arn } } };
}
