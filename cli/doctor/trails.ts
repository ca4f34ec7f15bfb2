/** Reads the CloudTrail trails, if the rules of `auditEvents` need one. */
import { DescribeStackResourcesCommand } from '@aws-sdk/client-cloudformation';
import {
  type Trail as ApiTrail,
  DescribeTrailsCommand,
  GetEventSelectorsCommand,
  GetTrailStatusCommand,
} from '@aws-sdk/client-cloudtrail';
import { auditRule } from '../../lib/names.ts';
import type { Aws } from '../aws/clients.ts';
import type { Deployment } from '../aws/deployment.ts';
import { nameOfAwsError } from '../aws/errors.ts';
import { couldNotCheck, type Finding, type Observed } from '../core/doctor/findings.ts';
import { checkTrails, recordsWrites, type Trail } from '../core/doctor/trails.ts';
import type { Checkup } from './doctor.ts';
import { observe } from './observe.ts';

export async function trailFindings({ context, deployment, settings }: Checkup): Promise<Finding[]> {
  const { aws } = context;
  const reports: Observed<boolean> =
    deployment !== undefined
      ? await observe(() => hasAuditRules(aws, deployment))
      : {
          value:
            settings !== undefined &&
            settings.auditEvents !== false &&
            (settings.alarmEmail !== undefined || settings.alarmTopicArn !== undefined),
        };
  if ('failure' in reports) {
    const permission = 'cloudformation:DescribeStackResources';
    return [couldNotCheck('account.cloudtrail', 'whether the stack reports audit events', reports.failure, permission)];
  }
  return reports.value ? [checkTrails(await observe(() => trails(aws)))] : [];
}

/** In an app that uses the construct, the rules may be in a nested stack. */
async function hasAuditRules(aws: Aws, { name }: Deployment): Promise<boolean> {
  const cloudFormation = await aws.cloudFormation();
  const rule = auditRule(name, 'callers');
  try {
    await cloudFormation.send(new DescribeStackResourcesCommand({ PhysicalResourceId: rule }));
    return true;
  } catch (error) {
    if (nameOfAwsError(error) === 'ValidationError') return false;
    throw error;
  }
}

async function trails(aws: Aws): Promise<Trail[]> {
  const cloudTrail = await aws.cloudTrail();
  const { trailList = [] } = await cloudTrail.send(new DescribeTrailsCommand({}));
  return Promise.all(
    trailList.map(async (trail) => ({
      name: trail.Name ?? '',
      isLogging: await observe(() => isLogging(aws, trail)),
      // Without own selectors, a trail records all management events.
      recordsWrites:
        trail.HasCustomEventSelectors === false ? { value: true } : await observe(() => writes(aws, trail)),
    })),
  );
}

/** A trail of another region or of the organization is found by its ARN only. */
async function isLogging(aws: Aws, { TrailARN: arn }: ApiTrail): Promise<boolean> {
  const cloudTrail = await aws.cloudTrail();
  return (await cloudTrail.send(new GetTrailStatusCommand({ Name: arn }))).IsLogging === true;
}

async function writes(aws: Aws, { TrailARN: arn }: ApiTrail): Promise<boolean> {
  const cloudTrail = await aws.cloudTrail();
  const { EventSelectors = [], AdvancedEventSelectors = [] } = await cloudTrail.send(
    new GetEventSelectorsCommand({ TrailName: arn }),
  );
  return recordsWrites({
    basic: EventSelectors.map(({ ReadWriteType = 'All', IncludeManagementEvents = true }) => ({
      readWriteType: ReadWriteType,
      managementEvents: IncludeManagementEvents,
    })),
    advanced: AdvancedEventSelectors.map(({ FieldSelectors = [] }) =>
      FieldSelectors.map(({ Field = '', Equals = [] }) => ({ field: Field, equals: Equals })),
    ),
  });
}
