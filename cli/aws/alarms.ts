/** Reads the launcher's alarms. */
import { DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import type { Aws } from './clients.ts';
import { ask } from './errors.ts';

export interface Alarm {
  /** `<launcher>: <heading in the runbook>`, with the pool in brackets if it belongs to one. */
  readonly name: string;
  readonly state: 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';
  /** ISO 8601: since when the alarm has this state. */
  readonly since: string | undefined;
}

/** The alarms of the launcher with this name. */
export async function launcherAlarms(aws: Aws, launcher: string): Promise<Alarm[]> {
  const cloudWatch = await aws.cloudWatch();
  const alarms: Alarm[] = [];
  let NextToken: string | undefined;
  do {
    const page = await ask(
      'read the alarms',
      cloudWatch.send(
        new DescribeAlarmsCommand({
          // The name can't contain a colon, so the prefix doesn't match another launcher.
          AlarmNamePrefix: `${launcher}: `,
          AlarmTypes: ['MetricAlarm'],
          MaxRecords: 100,
          ...(NextToken !== undefined && { NextToken }),
        }),
      ),
    );
    for (const { AlarmName = '', StateValue = 'INSUFFICIENT_DATA', StateUpdatedTimestamp } of page.MetricAlarms ?? []) {
      alarms.push({ name: AlarmName, state: StateValue, since: StateUpdatedTimestamp?.toISOString() });
    }
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return alarms;
}
