/** Checks that compare the settings of the alarms. */
import { shown } from '../../credentials.ts';
import type { SettingsFault } from '../errors.ts';
import type { ReadableSettings } from '../read.ts';

/** Faults of two topics. CloudWatch could notify both, but then nobody knows which of them is the one that people read. */
export function* alarmFaults({ alarmEmail, alarmTopicArn }: ReadableSettings): Iterable<SettingsFault> {
  if (alarmEmail === undefined || alarmTopicArn === undefined) return;
  yield {
    path: 'alarmEmail',
    given: `${shown(alarmEmail)}, with alarmTopicArn ${shown(alarmTopicArn)}`,
    allowed: 'one of alarmEmail and alarmTopicArn',
    remedy: `remove alarmTopicArn, and the stack creates a topic. Or remove alarmEmail, and subscribe the address to your topic: aws sns subscribe --topic-arn ${alarmTopicArn} --protocol email --notification-endpoint ${alarmEmail}`,
  };
}
