/** Checks whether CloudTrail records what `auditEvents` reports. */

import { listed } from '../sentences.ts';
import { couldNotCheck, type Finding, type Observed, ok, warning } from './findings.ts';

export interface Trail {
  readonly name: string;
  readonly isLogging: Observed<boolean>;
  /** Whether it records management events that write, such as `RunTask`. */
  readonly recordsWrites: Observed<boolean>;
}

/** @param trails those that record calls in the region, also trails of other regions and of the organization */
export function checkTrails(trails: Observed<readonly Trail[]>): Finding {
  const id = 'account.cloudtrail';
  const subject = 'whether CloudTrail records what auditEvents reports';
  const permission = 'cloudtrail:DescribeTrails, cloudtrail:GetTrailStatus and cloudtrail:GetEventSelectors';
  if ('failure' in trails) return couldNotCheck(id, subject, trails.failure, permission);
  const isTrue = (fact: Observed<boolean>): boolean => 'value' in fact && fact.value;
  const working = trails.value.find(({ isLogging, recordsWrites }) => isTrue(isLogging) && isTrue(recordsWrites));
  if (working !== undefined) return ok(id, `The trail ${working.name} records management events in this region.`);
  // A part of a trail that couldn't be read may be fine.
  const failure = trails.value.map(unreadPart).find((one) => one !== undefined);
  if (failure !== undefined) return couldNotCheck(id, subject, failure, permission);
  const why = trails.value.map(({ name, isLogging }) =>
    isTrue(isLogging) ? `${name} records no management events that write` : `${name} is stopped`,
  );
  return warning(id, {
    what:
      why.length === 0
        ? 'No CloudTrail trail records the calls in this region.'
        : `No CloudTrail trail records management events in this region: ${listed(why)}.`,
    why: 'auditEvents is on, but EventBridge gets no records, so nobody is notified when anyone else starts a task or changes a function.',
    todo: 'Ask the people who run your organization’s trail, or create one (the first copy of management events is free). Or set auditEvents to false. docs/runbook.md, "A call that is not the launcher’s", says what the rules need.',
  });
}

/** The failure that leaves open whether the trail works; `undefined`: it certainly doesn't. */
function unreadPart({ isLogging, recordsWrites }: Trail) {
  const parts = [isLogging, recordsWrites];
  if (parts.some((part) => 'value' in part && !part.value)) return undefined;
  return parts.flatMap((part) => ('failure' in part ? [part.failure] : []))[0];
}

/** The event selectors of a trail, as far as this check evaluates them. */
export interface EventSelectors {
  readonly basic: readonly { readonly readWriteType: string; readonly managementEvents: boolean }[];
  readonly advanced: readonly (readonly FieldSelector[])[];
}

export interface FieldSelector {
  readonly field: string;
  readonly equals: readonly string[];
}

/**
 * Whether the selectors record management events that write. Events of sources that a selector excludes, such as KMS, don't matter here.
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-management-events-with-cloudtrail.html
 */
export function recordsWrites({ basic, advanced }: EventSelectors): boolean {
  if (basic.some((one) => one.managementEvents && one.readWriteType !== 'ReadOnly')) return true;
  return advanced.some((fields) => {
    const values = (name: string) => fields.filter(({ field }) => field === name).flatMap(({ equals }) => equals);
    return values('eventCategory').includes('Management') && !values('readOnly').includes('true');
  });
}
