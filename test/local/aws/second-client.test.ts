/**
 * Tests with AWS's Python SDK and the AWS CLI. These independent clients check responses against AWS's own model. They are skipped where the
 * programs are missing.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, type TestContext } from 'vitest';
import { LOCAL_VPC } from '../../../local/aws/services/ec2.ts';
import { type EcsServer, startEcs } from '../../../local/ecs/server.ts';
import { runProgram } from '../../processes.ts';
import { INTERFACE, TEMPLATE } from './core/virtual-instances.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../../..');
const CHECK = join(ROOT, 'bin/check-network.ts');

let server: EcsServer;
const AT_ONCE = { createMs: 0, startMs: 0, stopMs: 0, terminateMs: 0 };

beforeAll(async () => {
  server = await startEcs({ aws: { logs: { searchedPerPage: 3 }, instances: { times: AT_ONCE } } });
  const { aws } = server;
  aws.cloudFormation.put({ name: 'L', outputs: [{ key: 'ClusterName', value: 'a & b' }] });
  aws.functions.put({ name: 'f', environment: { A: 'b' }, memoryMiB: 256, timeoutSeconds: 58, logGroup: '/l' });
  aws.functions.setInvoker('f', async () => 'not today');
  aws.cloudWatch.putAlarm({ name: 'L: x', state: 'ALARM' });
  aws.schedules.put({
    Name: 's',
    ScheduleExpression: 'rate(1 minute)',
    FlexibleTimeWindow: { Mode: 'OFF' },
    Target: {
      Arn: 'arn:aws:lambda:eu-central-1:000000000000:function:f',
      RoleArn: 'arn:aws:iam::000000000000:role/r',
    },
  });
  aws.repositories.push({ repository: 'agents', digest: `sha256:${'a'.repeat(64)}`, tags: ['1'] });
  const email = (index: number) => ({ protocol: 'email', endpoint: `${index}@acme.example`, confirmed: index > 0 });
  aws.topics.put(
    't',
    Array.from({ length: 101 }, (_, index) => email(index)),
  );
  for (const index of [1, 2]) {
    aws.instances.interfaces.put({ ...INTERFACE, id: `eni-${index}` });
    aws.instances.templates.put({ ...TEMPLATE, id: `lt-${index}`, networkInterfaceId: `eni-${index}` });
  }
  aws.instances.templates.putImage(TEMPLATE.imageId);
  aws.logs.store.createGroup('/l');
  for (let index = 0; index < 7; index += 1) {
    aws.logs.store.add('/l', 's', JSON.stringify({ message: index % 2 === 0 ? 'tick' : 'other', index }), index);
  }
});
afterAll(() => server.close());

const environment = () => ({
  ...process.env,
  ENDPOINT: server.url,
  AWS_REGION: server.region,
  AWS_DEFAULT_REGION: server.region,
  AWS_ACCESS_KEY_ID: server.credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
  AWS_MAX_ATTEMPTS: '1',
  AWS_PAGER: '',
});

const script = `
import boto3, json, os
from botocore.exceptions import ClientError

def client(name):
    return boto3.client(name, endpoint_url=os.environ['ENDPOINT'])

def error(work):
    try:
        work()
    except ClientError as fault:
        return [fault.response['Error']['Code'], fault.response['Error']['Message'], fault.response['ResponseMetadata']['HTTPStatusCode']]

out = {}
stacks = client('cloudformation')
out['stack'] = stacks.describe_stacks(StackName='L')['Stacks'][0]['Outputs']
out['noStack'] = error(lambda: stacks.describe_stacks(StackName='x'))
out['account'] = client('sts').get_caller_identity()['Account']
functions = client('lambda')
out['variables'] = functions.get_function_configuration(FunctionName='f')['Environment']['Variables']
out['noFunction'] = error(lambda: functions.get_function_configuration(FunctionName='x'))
invoked = functions.invoke(FunctionName='f', Payload=b'{}')
out['invoked'] = [invoked['StatusCode'], invoked['FunctionError'], json.loads(invoked['Payload'].read())['errorMessage']]
out['concurrency'] = functions.get_account_settings()['AccountLimit']['ConcurrentExecutions']
logs = client('logs')
pages = logs.get_paginator('filter_log_events').paginate(logGroupName='/l', filterPattern='{ $.message = "tick" && $.index > 0 }')
out['events'] = [event['timestamp'] for event in pages.build_full_result()['events']]
out['streams'] = [stream['logStreamName'] for stream in logs.describe_log_streams(logGroupName='/l')['logStreams']]
schedules = client('scheduler')
schedule = schedules.get_schedule(Name='s')
members = schedules.meta.service_model.operation_model('UpdateSchedule').input_shape.members
schedules.update_schedule(**{**{key: schedule[key] for key in members if key in schedule}, 'State': 'DISABLED'})
out['schedule'] = schedules.get_schedule(Name='s')['State']
out['noSchedule'] = error(lambda: schedules.get_schedule(Name='x'))
out['alarms'] = [alarm['AlarmName'] for alarm in client('cloudwatch').describe_alarms(StateValue='ALARM')['MetricAlarms']]
out['role'] = client('iam').get_role(RoleName='AWSServiceRoleForECS')['Role']['AssumeRolePolicyDocument']['Version']
out['noRole'] = error(lambda: client('iam').get_role(RoleName='x'))
out['bootstrap'] = client('ssm').get_parameter(Name='/cdk-bootstrap/hnb659fds/version')['Parameter']['Value']
out['quota'] = client('service-quotas').get_service_quota(ServiceCode='fargate', QuotaCode='L-3032A538')['Quota']['Value']
out['image'] = client('ecr').describe_images(repositoryName='agents', imageIds=[{'imageTag': '1'}])['imageDetails'][0]['imageTags']
out['free'] = [subnet['AvailableIpAddressCount'] for subnet in client('ec2').describe_subnets()['Subnets']]
topics = client('sns')
topic = 'arn:aws:sns:eu-central-1:000000000000:t'
pages = topics.get_paginator('list_subscriptions_by_topic').paginate(TopicArn=topic)
subscriptions = pages.build_full_result()['Subscriptions']
out['subscriptions'] = [len(subscriptions), subscriptions[0]['SubscriptionArn'], subscriptions[100]['Endpoint']]
out['noTopic'] = error(lambda: topics.list_subscriptions_by_topic(TopicArn=topic + 'x'))
trails = client('cloudtrail')
out['trails'] = [[trail['Name'], trail['HomeRegion'], trail['HasCustomEventSelectors']] for trail in trails.describe_trails()['trailList']]
out['logging'] = trails.get_trail_status(Name='management-events')['IsLogging']
out['selectors'] = trails.get_event_selectors(TrailName='management-events')['EventSelectors'][0]['ReadWriteType']
out['noTrail'] = error(lambda: trails.get_trail_status(Name='x'))
ec2 = client('ec2')
def run(template, token, value='x'):
    tags = [{'ResourceType': 'instance', 'Tags': [{'Key': 'agent-launcher:created', 'Value': value}]}]
    return ec2.run_instances(LaunchTemplate={'LaunchTemplateId': template, 'Version': '1'}, MinCount=1, MaxCount=1,
                             ClientToken=token, TagSpecifications=tags)['Instances'][0]
def seen():
    by_tag = [{'Name': 'tag:agent-launcher:gateway', 'Values': ['L/*']}, {'Name': 'tag:agent-launcher:created', 'Values': ['x']}]
    pages = ec2.get_paginator('describe_instances').paginate(Filters=by_tag, PaginationConfig={'PageSize': 5}).build_full_result()
    return pages['Reservations'][0]['Instances'][0]
gateway = run('lt-1', 'one')
ids = [gateway['InstanceId']]
out['created'] = [gateway['State'], gateway['Architecture'], gateway['LaunchTime'].tzinfo is not None]
ec2.get_waiter('instance_running').wait(InstanceIds=ids)
out['same'] = run('lt-1', 'one')['InstanceId'] == ids[0]
out['mismatch'] = error(lambda: run('lt-1', 'one', 'y'))
out['inUse'] = error(lambda: run('lt-1', 'two'))
out['addressBefore'] = seen().get('PublicIpAddress')
ec2.modify_network_interface_attribute(NetworkInterfaceId='eni-1', AssociatePublicIpAddress=True)
out['address'] = [seen()['PublicIpAddress'], seen()['NetworkInterfaces'][0]['Association']['PublicIp']]
out['statuses'] = [one['InstanceStatus']['Status'] for one in ec2.describe_instance_status(InstanceIds=ids)['InstanceStatuses']]
ec2.create_tags(Resources=ids, Tags=[{'Key': 'agent-launcher:problem', 'Value': 'disk-full'}])
out['problem'] = [tag['Value'] for tag in seen()['Tags'] if tag['Key'] == 'agent-launcher:problem']
ec2.delete_tags(Resources=ids, Tags=[{'Key': 'agent-launcher:problem'}])
out['tags'] = [tag['Key'] for tag in seen()['Tags']]
stopping = ec2.stop_instances(InstanceIds=ids)['StoppingInstances'][0]
out['stopping'] = [stopping['PreviousState']['Name'], stopping['CurrentState']['Name']]
ec2.get_waiter('instance_stopped').wait(InstanceIds=ids)
out['stopped'] = [seen()['StateReason']['Code'], seen().get('PublicIpAddress')]
started = ec2.start_instances(InstanceIds=ids)['StartingInstances'][0]
out['starting'] = [started['PreviousState']['Name'], started['CurrentState']['Name']]
out['protected'] = error(lambda: ec2.terminate_instances(InstanceIds=ids))[0]
ec2.modify_instance_attribute(InstanceId=ids[0], DisableApiTermination={'Value': False})
ec2.terminate_instances(InstanceIds=ids)
ec2.get_waiter('instance_terminated').wait(InstanceIds=ids)
out['terminated'] = error(lambda: ec2.start_instances(InstanceIds=ids))
out['lostToken'] = error(lambda: run('lt-1', 'one'))[0]
out['free'] += [ec2.describe_network_interfaces(NetworkInterfaceIds=['eni-1'])['NetworkInterfaces'][0]['Status']]
out['noInstance'] = error(lambda: ec2.describe_instances(InstanceIds=['i-0']))
print(json.dumps(out))
`;

it('boto3 understands the responses, errors and pages of every service', async (context) => {
  const { code } = await runProgram('python3', ['-c', 'import boto3; boto3.client("scheduler", region_name="x")']);
  if (code !== 0) context.skip('Python has no boto3 with EventBridge Scheduler on this machine.');
  const { stdout } = await run('python3', ['-c', script], { env: environment() });
  expect(JSON.parse(stdout)).toEqual({
    stack: [{ OutputKey: 'ClusterName', OutputValue: 'a & b' }],
    noStack: ['ValidationError', 'Stack with id x does not exist', 400],
    account: '000000000000',
    variables: { A: 'b' },
    noFunction: [
      'ResourceNotFoundException',
      'Function not found: arn:aws:lambda:eu-central-1:000000000000:function:x',
      404,
    ],
    invoked: [200, 'Unhandled', 'not today'],
    concurrency: 1000,
    events: [2, 4, 6],
    streams: ['s'],
    schedule: 'DISABLED',
    noSchedule: ['ResourceNotFoundException', 'Schedule x does not exist.', 404],
    alarms: ['L: x'],
    role: '2012-10-17',
    noRole: ['NoSuchEntity', 'The role with name x cannot be found.', 404],
    bootstrap: '30',
    quota: 4000,
    image: ['1'],
    free: [250, 250, 250, 'available'],
    created: [{ Code: 0, Name: 'pending' }, 'arm64', true],
    same: true,
    mismatch: [
      'IdempotentParameterMismatch',
      'Arguments on this idempotent request are inconsistent with arguments used in previous request(s).',
      400,
    ],
    inUse: ['InvalidNetworkInterface.InUse', 'Interface: [eni-1] in use.', 400],
    addressBefore: null,
    address: ['198.51.100.1', '198.51.100.1'],
    statuses: ['initializing'],
    problem: ['disk-full'],
    tags: ['agent-launcher:gateway', 'agent-launcher:created'],
    stopping: ['running', 'stopping'],
    stopped: ['Client.UserInitiatedShutdown', null],
    starting: ['stopped', 'pending'],
    protected: 'OperationNotPermitted',
    terminated: [
      'IncorrectInstanceState',
      expect.stringContaining('is not in a state from which it can be started'),
      400,
    ],
    lostToken: 'IdempotentInstanceTerminated',
    noInstance: ['InvalidInstanceID.NotFound', "The instance ID 'i-0' does not exist", 400],
    subscriptions: [101, 'PendingConfirmation', '100@acme.example'],
    noTopic: ['NotFound', 'Topic does not exist', 404],
    trails: [['management-events', 'eu-central-1', false]],
    logging: true,
    selectors: 'All',
    noTrail: ['TrailNotFoundException', 'Unknown trail: x for the user: 000000000000', 400],
  });
}, 60_000);

/** Skips the test unless there is an aws CLI that reads AWS_ENDPOINT_URL. */
async function requireAwsCli(context: TestContext): Promise<void> {
  const { stdout: version } = await runProgram('aws', ['--version']);
  const [, major, minor] = /^aws-cli\/(\d+)\.(\d+)/.exec(version) ?? [];
  // Older versions don't read AWS_ENDPOINT_URL.
  const isNew = Number(minor) >= (major === '1' ? 29 : 13);
  if (major === undefined || !isNew) context.skip('There is no aws CLI that reads AWS_ENDPOINT_URL on this machine.');
}

it('the aws CLI creates, stops, starts and terminates an instance', async (context) => {
  await requireAwsCli(context);
  const env = { ...environment(), AWS_ENDPOINT_URL: server.url };
  const ec2 = async (...args: string[]) =>
    (await run('aws', ['ec2', ...args, '--output', 'text'], { env })).stdout.trim();
  const template = 'LaunchTemplateId=lt-2,Version=1';
  const tags = 'ResourceType=instance,Tags=[{Key=of,Value=cli}]';
  const id = await ec2(
    ...['run-instances', '--launch-template', template, '--tag-specifications', tags],
    ...['--query', 'Instances[0].InstanceId'],
  );
  await ec2('wait', 'instance-running', '--instance-ids', id);
  await ec2('stop-instances', '--instance-ids', id);
  await ec2('modify-network-interface-attribute', '--network-interface-id', 'eni-2', '--associate-public-ip-address');
  await ec2('start-instances', '--instance-ids', id);
  const query = 'Reservations[].Instances[].[InstanceId,State.Name,PublicIpAddress,Tags[?Key==`of`]|[0].Value]';
  const shown = await ec2('describe-instances', '--filters', 'Name=tag:of,Values=cli', '--query', query);
  expect(shown.split('\t')).toEqual([id, 'running', expect.stringMatching(/^198\.51\.100\./), 'cli']);
  await ec2('modify-instance-attribute', '--instance-id', id, '--no-disable-api-termination');
  await ec2('terminate-instances', '--instance-ids', id);
  await ec2('wait', 'instance-terminated', '--instance-ids', id);
}, 180_000);

it('check-network finds nothing missing in the local VPC, with the aws CLI', async (context) => {
  await requireAwsCli(context);
  const network = { egress: 'existing-vpc', vpcId: LOCAL_VPC, subnetIds: server.subnets.map(({ id }) => id) };
  const fine = await runProgram(
    process.execPath,
    [CHECK, '-c', 'organization=acme', '-c', `network=${JSON.stringify(network)}`],
    { cwd: ROOT, env: { ...environment(), AWS_ENDPOINT_URL: server.url } },
  );
  expect([fine.code, fine.stderr]).toEqual([0, '']);
  expect(fine.stdout).toContain('has everything that agents need');
}, 180_000);
