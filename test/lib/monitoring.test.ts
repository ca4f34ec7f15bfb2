import { Duration } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { METRICS, METRICS_NAMESPACE } from '../../functions/launcher/contract.ts';
import { Monitoring, type MonitoringProps, RUNBOOK_HEADINGS } from '../../lib/monitoring.ts';
import { emptyStack, text } from './synthesis.ts';

function monitoringIn(props: Partial<MonitoringProps> = {}): Template {
  const stack = emptyStack();
  new Monitoring(stack, 'Monitoring', {
    name: 'Test',
    pools: [
      { poolName: 'default', maxAgents: 10, usesSpot: true, hasStandingAgents: true, sweepsForRuns: true },
      { poolName: 'other', maxAgents: 3, usesSpot: false, hasStandingAgents: false, sweepsForRuns: false },
    ],
    schedule: Duration.minutes(1),
    oldestQueued: Duration.minutes(15),
    alarmTopic: Topic.fromTopicArn(stack, 'Topic', 'arn:aws:sns:eu-central-1:123456789012:alarms'),
    ...props,
  });
  return Template.fromStack(stack);
}

const alarmSchema = z.looseObject({
  Properties: z.looseObject({
    AlarmName: z.string(),
    AlarmDescription: z.string(),
    MetricName: z.string(),
    Namespace: z.string(),
    AlarmActions: z.array(z.string()).optional(),
  }),
});
const alarmsOf = (template: Template) =>
  Object.values(template.findResources('AWS::CloudWatch::Alarm')).map((alarm) => alarmSchema.parse(alarm).Properties);

it('has three alarms for the launcher and four or five for every pool, each with its heading in the runbook', () => {
  const alarms = alarmsOf(monitoringIn());
  expect(alarms).toHaveLength(12);
  for (const { AlarmName, AlarmDescription } of alarms) {
    const heading = Object.values(RUNBOOK_HEADINGS).find((known) => AlarmName.includes(known));
    expect(AlarmDescription).toContain(`Runbook: docs/runbook.md, "${heading}".`);
  }
  expect(new Set(alarms.map(({ AlarmName }) => AlarmName)).size).toBe(12);
});

it('watches metrics that the launcher writes, and no others', () => {
  const names: string[] = Object.values(METRICS);
  for (const { MetricName, Namespace } of alarmsOf(monitoringIn())) {
    expect(Namespace).toBe(METRICS_NAMESPACE);
    expect(names).toContain(MetricName);
  }
});

it('sends alarms to the topic, and nowhere when there is none', () => {
  const topic = 'arn:aws:sns:eu-central-1:123456789012:alarms';
  for (const alarm of alarmsOf(monitoringIn())) expect(alarm.AlarmActions).toEqual([topic]);
  const stack = emptyStack();
  new Monitoring(stack, 'Monitoring', {
    name: 'Test',
    pools: [],
    schedule: Duration.minutes(1),
    oldestQueued: Duration.minutes(15),
  });
  for (const alarm of alarmsOf(Template.fromStack(stack))) expect(alarm.AlarmActions).toBeUndefined();
});

it.each([
  [1, 300],
  [10, 1800],
])('with a tick every %i minutes takes silence of %i seconds for an alarm', (minutes, period) => {
  monitoringIn({ schedule: Duration.minutes(minutes) }).hasResourceProperties('AWS::CloudWatch::Alarm', {
    AlarmName: 'Test: Launcher silent',
    ComparisonOperator: 'LessThanThreshold',
    Statistic: 'SampleCount',
    Threshold: 1,
    Period: period,
    TreatMissingData: 'breaching',
  });
});

it('alarms when a job has waited longer than it may', () => {
  monitoringIn().hasResourceProperties('AWS::CloudWatch::Alarm', {
    AlarmName: 'Test: A job waits too long (default)',
    MetricName: METRICS.oldestQueuedSeconds,
    Threshold: 900,
    Dimensions: [
      { Name: 'pool', Value: 'default' },
      { Name: 'service', Value: 'Test' },
    ],
  });
});

it('alarms when a run stays in a post-plan status after three agents were started for it, where the pool starts them', () => {
  const template = monitoringIn();
  template.hasResourceProperties('AWS::CloudWatch::Alarm', {
    AlarmName: 'Test: A run stays in a post-plan status (default)',
    MetricName: METRICS.longestAfterPlanSeconds,
    Statistic: 'Maximum',
    ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    Threshold: 1200,
    Period: 60,
    EvaluationPeriods: 3,
    TreatMissingData: 'notBreaching',
    Dimensions: [
      { Name: 'pool', Value: 'default' },
      { Name: 'service', Value: 'Test' },
    ],
  });
  const pools = alarmsOf(template).flatMap(({ AlarmName }) => (AlarmName.includes('post-plan') ? [AlarmName] : []));
  expect(pools).toHaveLength(1);
});

it('shows every metric of the contract on the dashboard', () => {
  const [dashboard] = Object.values(monitoringIn().findResources('AWS::CloudWatch::Dashboard'));
  const body = text(
    z.looseObject({ Properties: z.looseObject({ DashboardBody: z.unknown() }) }).parse(dashboard).Properties
      .DashboardBody,
  );
  for (const name of Object.values(METRICS)) expect(body).toContain(`"${name}"`);
});
