/** Tests the services in local/aws with random input. They must respond, or refuse it with an error of AWS's API. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ApiError } from '../../local/aws/core/api-error.ts';
import { filterPattern } from '../../local/aws/core/filter-pattern.ts';
import { formInput } from '../../local/aws/query-protocol.ts';
import { AwsServices } from '../../local/aws/services.ts';
import { xml } from '../../local/aws/xml.ts';
import { damage, damagedBy } from './arbitrary.ts';

const Target = { Arn: 'arn:aws:lambda:x:0:function:f', RoleArn: 'arn:aws:iam::000000000000:role/r' };
const schedule = {
  Name: 's',
  GroupName: 'default',
  ScheduleExpression: 'rate(1 minute)',
  FlexibleTimeWindow: { Mode: 'OFF' },
  Target,
};
const metric = { Namespace: 'N', MetricName: 'M', Dimensions: [{ Name: 'a', Value: 'b' }] };
const range = { StartTime: 0, EndTime: 1_000 };
/** Inputs with the members of every action. */
const templates: readonly object[] = [
  { StackName: 'L', NextToken: 'cGFnZTp4' },
  { FunctionName: 'f', Qualifier: '$LATEST', Payload: Buffer.from('{}'), InvocationType: 'RequestResponse' },
  { FunctionName: 'f', EventSourceArn: 'arn:aws:sqs:x:0:q', Marker: 'x', MaxItems: '1' },
  schedule,
  { logGroupName: '/g', logStreamNames: ['s'], startTime: 0, endTime: 9, filterPattern: '{ $.a = 1 }', limit: 1 },
  { logGroupIdentifier: '/g', logStreamNamePrefix: 's', startFromHead: false, nextToken: 'x' },
  { logGroupName: '/g', logStreamName: 's', orderBy: 'LogStreamName', descending: true },
  { logGroupNamePrefix: '/', limit: 1 },
  { AlarmNamePrefix: 'L', StateValue: 'ALARM', MaxRecords: 1 },
  { ...range, MetricDataQueries: [{ Id: 'm', MetricStat: { Metric: metric, Period: 60, Stat: 'Sum' } }] },
  { ...range, ...metric, Period: 60, Statistics: ['Sum', 'Average'] },
  {
    Filter: [{ Name: 'vpc-id', Value: ['x', '*('] }],
    SubnetId: ['subnet-1'],
    VpcId: 'x',
    Attribute: 'enableDnsSupport',
  },
  {
    LaunchTemplate: { LaunchTemplateId: 'lt-1', Version: '1' },
    MinCount: '1',
    MaxCount: '1',
    ClientToken: 'x',
    TagSpecification: [],
  },
  { InstanceId: ['i-aaaaaaaaaaaaaaaaa'] },
  { InstanceId: 'i-aaaaaaaaaaaaaaaaa', DisableApiTermination: { Value: 'true' } },
  { NetworkInterfaceId: 'eni-1', AssociatePublicIpAddress: 'true' },
  { ResourceId: ['i-aaaaaaaaaaaaaaaaa'], Tag: [{ Key: 'a', Value: 'c' }] },
  { Filter: [{ Name: 'tag:a', Value: ['b', '('] }], MaxResults: '5', NextToken: 'cGFnZTp4' },
  { RoleName: 'AWSServiceRoleForECS', ResourceId: 'x' },
  { Name: '/x', Names: ['/x'], ServiceCode: 'fargate', QuotaCode: 'L-3032A538' },
  { repositoryName: 'agents', imageIds: [{ imageTag: '1' }], repositoryNames: ['agents'] },
];

/** An account with one resource of each kind. */
function account(): AwsServices {
  const aws = new AwsServices({
    place: { region: 'eu-central-1', accountId: '000000000000' },
    scheduler: { now: () => 1_000, after: () => () => undefined },
    hex: (digits) => 'a'.repeat(digits),
    network: { subnets: [{ id: 'subnet-1', availabilityZone: 'eu-central-1a' }], securityGroups: ['sg-1'] },
  });
  aws.cloudFormation.put({ name: 'L', outputs: [{ key: 'a', value: 'b' }] });
  aws.functions.put({ name: 'f', environment: {}, memoryMiB: 256, timeoutSeconds: 58, logGroup: '/g' });
  aws.functions.setInvoker('f', async () => undefined);
  aws.functions.addMapping({ functionName: 'f', eventSourceArn: 'arn:aws:sqs:x:0:q', batchSize: 1 });
  aws.schedules.put({ ...schedule, FlexibleTimeWindow: { Mode: 'OFF' } });
  aws.cloudWatch.putAlarm({ name: 'L: x', state: 'ALARM' });
  aws.repositories.push({ repository: 'agents', digest: 'sha256:x', tags: ['1'] });
  aws.instances.templates.putImage('ami-1');
  aws.instances.interfaces.put({
    id: 'eni-1',
    subnetId: 'subnet-1',
    vpcId: 'vpc-1',
    availabilityZone: 'eu-central-1a',
    privateAddress: '10.0.0.9',
  });
  aws.instances.templates.put({
    id: 'lt-1',
    version: 1,
    imageId: 'ami-1',
    instanceType: 't4g.nano',
    networkInterfaceId: 'eni-1',
    tags: { a: 'b' },
  });
  aws.instances.run({ templateId: 'lt-1', version: '1', clientToken: 'x', tags: {} });
  aws.logs.store.createGroup('/g');
  for (let index = 0; index < 20; index += 1) aws.logs.store.add('/g', 's', `{"a":${index}}`, index);
  return aws;
}

it('every action of local/aws responds to every input, or refuses it with an error of the API', async () => {
  const aws = account();
  const actions = aws.all.flatMap((service) => Object.values(service.actions));
  const outcomes = { answered: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...actions),
      fc.constantFrom(...templates),
      fc.option(damage, { freq: 1 }),
      async (run, template, change) => {
        const input = change === null ? template : damagedBy(template, change);
        // The server's parsers always return an object.
        if (typeof input !== 'object' || input === null || Array.isArray(input)) return;
        try {
          const output = await run(input);
          JSON.stringify(output);
          xml(output, 'member');
          outcomes.answered += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(ApiError);
          outcomes.refused += 1;
        }
      },
    ),
    { numRuns: 10_000 },
  );
  expect(outcomes.answered).toBeGreaterThan(500);
  expect(outcomes.refused).toBeGreaterThan(500);
});

const part = fc.constantFrom(
  ...[
    '{',
    '}',
    '(',
    ')',
    '$.a',
    '$.a[0].b',
    '=',
    '!=',
    '<',
    '>=',
    '&&',
    '||',
    '"x"',
    '"',
    '%x%',
    '%',
    '*',
    '1',
    '-1e3',
  ],
  ...['IS', 'NULL', 'TRUE', 'NOT', 'EXISTS', '?a', '-a', 'a', '\\', ' ', '$', '[', ']', '\u0000', '💥'],
);
const message = fc.oneof(fc.string(), fc.json({ maxDepth: 3 }), fc.constant('{"a":[{"b":"x"}]}'));

it('every filter pattern matches or does not match an event, or is refused with an error of the API', () => {
  const outcomes = { matched: 0, refused: 0 };
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), fc.constantFrom('', ' '), message, (parts, separator, event) => {
      try {
        if (filterPattern(parts.join(separator))(event)) outcomes.matched += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(ApiError);
        outcomes.refused += 1;
      }
    }),
    { numRuns: 20_000 },
  );
  expect(outcomes.matched).toBeGreaterThan(50);
  expect(outcomes.refused).toBeGreaterThan(50);
});

it('every form becomes an input without members of the prototype, or is refused', () => {
  const name = fc.array(fc.constantFrom('Filter', 'member', '1', '2', '999999', '__proto__', 'Value', ''), {
    minLength: 1,
    maxLength: 24,
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.string()), { maxLength: 8 }), (fields) => {
      const form = new URLSearchParams(fields.map(([parts, value]): [string, string] => [parts.join('.'), value]));
      try {
        JSON.stringify(formInput(form));
      } catch (error) {
        expect(error).toBeInstanceOf(ApiError);
      }
      expect(Object.keys(Object.prototype)).toEqual([]);
    }),
    { numRuns: 5_000 },
  );
});
