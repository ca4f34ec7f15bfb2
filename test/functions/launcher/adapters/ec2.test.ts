import { EC2Client } from '@aws-sdk/client-ec2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ec2Gateways } from '../../../../functions/launcher/adapters/ec2/client.ts';
import { NOW } from '../core/builders.ts';
import { GATEWAY } from '../core/gateway-builders.ts';
import { answered, type Ec2Server, refused, reset, silent, startEc2Server } from './ec2-server.ts';

const signal = new AbortController().signal;
let ec2: Ec2Server;
let clients: EC2Client[];
let gateways: Ec2Gateways;
let nowMs: number;

/** Long enough for a busy machine. A shorter time would repeat requests that the server answers late. */
const PATIENT_MS = 10_000;

function connect(requestTimeout: number): Ec2Gateways {
  const credentials = { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' };
  const requestHandler = { requestTimeout, throwOnRequestTimeout: true };
  const settings = { endpoint: ec2.endpoint, region: 'eu-central-1', credentials, requestHandler };
  const client = new EC2Client({ ...settings, maxAttempts: 2 });
  const endClient = new EC2Client({ ...settings, maxAttempts: 1 });
  clients.push(client, endClient);
  return new Ec2Gateways({
    client,
    endClient,
    names: [GATEWAY.name, 'launcher/gateway-2'],
    clock: { now: () => nowMs },
  });
}

beforeEach(async () => {
  ec2 = await startEc2Server();
  nowMs = NOW;
  clients = [];
  gateways = connect(PATIENT_MS);
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  await ec2.close();
});

const actions = (): (string | undefined)[] => ec2.requests.map(({ Action }) => Action);
const item = (text: string): string => `<item>${text}</item>`;
const tag = (key: string, value: string): string => item(`<key>agent-launcher:${key}</key><value>${value}</value>`);
const instance = (more: string, tags = tag('gateway', GATEWAY.name)): string =>
  item(
    `<instanceId>i-0a1b</instanceId><launchTime>2026-03-01T10:00:00.000Z</launchTime>${more}<tagSet>${tags}</tagSet>`,
  );
const RUNNING = '<instanceState><code>16</code><name>running</name></instanceState>';
const listed = (...instances: string[]): string =>
  `<reservationSet>${instances.map((one) => item(`<reservationId>r-1</reservationId><instancesSet>${one}</instancesSet>`)).join('')}</reservationSet>`;

describe('the list of instances', () => {
  it('has what EC2 and the tags say about each instance', async () => {
    const tags = [
      tag('gateway', GATEWAY.name),
      tag('config', 'config-1'),
      tag('created', '2026-03-01T09:00:00.000Z'),
      tag('failures', '2'),
      tag('last-used', '2026-03-01T11:59:00.000Z'),
      tag('used-since', '2026-03-01T11:00:00.000Z'),
      tag('ready', '2026-03-01T10:00:09Z'),
      tag('problem', 'disk-full'),
      item('<key>Name</key><value>gateway</value>'),
    ].join('');
    const details =
      '<ipAddress>192.0.2.1</ipAddress><networkInterfaceSet><item><networkInterfaceId>eni-1</networkInterfaceId></item></networkInterfaceSet>';
    ec2.on('DescribeInstances', answered('DescribeInstances', listed(instance(RUNNING + details, tags))));
    expect(await gateways.instances(signal)).toEqual([
      {
        id: 'i-0a1b',
        gateway: GATEWAY.name,
        state: 'running',
        launchedAtMs: Date.parse('2026-03-01T10:00:00Z'),
        stateReason: undefined,
        endRequestedMs: undefined,
        networkInterfaceId: 'eni-1',
        publicAddress: '192.0.2.1',
        config: 'config-1',
        createdAtMs: Date.parse('2026-03-01T09:00:00Z'),
        failures: 2,
        lastUsedMs: Date.parse('2026-03-01T11:59:00Z'),
        usedSinceMs: Date.parse('2026-03-01T11:00:00Z'),
        readyMs: Date.parse('2026-03-01T10:00:09Z'),
        problem: 'disk-full',
      },
    ]);
    expect(ec2.requests).toEqual([
      {
        Action: 'DescribeInstances',
        'Filter.1.Name': 'tag:agent-launcher:gateway',
        'Filter.1.Value.1': GATEWAY.name,
        'Filter.1.Value.2': 'launcher/gateway-2',
      },
    ]);
  });

  it('has all pages', async () => {
    const page = (state: string, token = '') =>
      answered('DescribeInstances', listed(instance(`<instanceState><name>${state}</name></instanceState>`)) + token);
    ec2.on('DescribeInstances', page('terminated', '<nextToken>more</nextToken>'), page('stopped'));
    expect(await gateways.instances(signal)).toMatchObject([{ state: 'terminated' }, { state: 'stopped' }]);
    expect(ec2.requests[1]).toMatchObject({ NextToken: 'more' });
  });

  it('is empty if EC2 knows none', async () => {
    ec2.on('DescribeInstances', answered('DescribeInstances', '<reservationSet/>'));
    expect(await gateways.instances(signal)).toEqual([]);
  });

  it('treats tags that nobody can read as missing', async () => {
    const tags = [tag('gateway', GATEWAY.name), tag('last-used', 'yesterday'), tag('failures', '-1')].join('');
    ec2.on('DescribeInstances', answered('DescribeInstances', listed(instance(RUNNING, tags))));
    expect(await gateways.instances(signal)).toMatchObject([{ lastUsedMs: undefined, failures: 0 }]);
  });

  it.each([
    [
      'Client.InternalError',
      'Client.InternalError: Client error on launch',
      'Client.InternalError: Client error on launch',
    ],
    ['Server.InternalError', undefined, 'Server.InternalError'],
    ['Client.UserInitiatedShutdown', 'Client.UserInitiatedShutdown: User initiated shutdown', undefined],
    ['Client.InstanceInitiatedShutdown', 'Client.InstanceInitiatedShutdown: Instance initiated shutdown', undefined],
  ])('says why EC2 changed a state, unless someone wanted it: %s', async (code, message, stateReason) => {
    const reason = `<stateReason><code>${code}</code>${message === undefined ? '' : `<message>${message}</message>`}</stateReason>`;
    ec2.on('DescribeInstances', answered('DescribeInstances', listed(instance(RUNNING + reason))));
    expect(await gateways.instances(signal)).toMatchObject([{ stateReason }]);
  });

  it.each([
    ['User initiated (2026-11-24 06:00:08 GMT)', Date.parse('2026-11-24T06:00:08Z')],
    ['User initiated', undefined],
    ['Server.ScheduledStop: Stopped due to scheduled retirement (2026-11-24 06:00:08 GMT)', undefined],
    ['', undefined],
  ])('says when someone requested a stop: %s', async (words, endRequestedMs) => {
    const stopped = `<instanceState><name>stopped</name></instanceState><reason>${words}</reason>`;
    ec2.on('DescribeInstances', answered('DescribeInstances', listed(instance(stopped))));
    expect(await gateways.instances(signal)).toMatchObject([{ endRequestedMs }]);
  });

  it('is never half of an answer that nobody can read', async () => {
    const unknown = '<instanceState><name>dreaming</name></instanceState>';
    ec2.on('DescribeInstances', answered('DescribeInstances', listed(instance(RUNNING), instance(unknown))));
    await expect(gateways.instances(signal)).rejects.toMatchObject({
      system: 'EC2',
      fault: 'unexpected-answer',
      request: 'DescribeInstances',
      message: expect.stringContaining("doesn't match the expected schema"),
    });
  });
});

describe('status checks', () => {
  const status = (id: string, own: string, system: string): string =>
    item(`<instanceId>${id}</instanceId><systemStatus>${system}</systemStatus><instanceStatus>${own}</instanceStatus>`);
  const OK = '<status>ok</status><details><item><name>reachability</name><status>passed</status></item></details>';
  const impaired = (since: string): string =>
    `<status>impaired</status><details><item><name>reachability</name><status>failed</status><impairedSince>${since}</impairedSince></item></details>`;

  it('show since when an instance or its host is impaired', async () => {
    const early = impaired('2026-03-01T11:50:00.000Z');
    const late = impaired('2026-03-01T11:55:00.000Z');
    const all = [status('i-1', OK, OK), status('i-2', late, OK), status('i-3', late, early)].join('');
    ec2.on(
      'DescribeInstanceStatus',
      answered('DescribeInstanceStatus', `<instanceStatusSet>${all}</instanceStatusSet>`),
    );
    expect(await gateways.impairedSinceMs(['i-1', 'i-2', 'i-3'], signal)).toEqual(
      new Map([
        ['i-2', Date.parse('2026-03-01T11:55:00Z')],
        ['i-3', Date.parse('2026-03-01T11:50:00Z')],
      ]),
    );
    expect(ec2.requests[0]).toMatchObject({ 'InstanceId.1': 'i-1', 'InstanceId.2': 'i-2', 'InstanceId.3': 'i-3' });
  });

  it('that EC2 doesn’t know show nothing', async () => {
    ec2.on('DescribeInstanceStatus', answered('DescribeInstanceStatus', '<instanceStatusSet/>'));
    expect(await gateways.impairedSinceMs(['i-1'], signal)).toEqual(new Map());
  });
});

describe('the creation of a gateway', () => {
  const address = 'ModifyNetworkInterfaceAttribute';
  const RUN = answered('RunInstances', '<reservationId>r-1</reservationId><instancesSet/>');

  it('asks for a public address, and has the launch template and all tags', async () => {
    ec2.on(address, answered(address));
    ec2.on('RunInstances', RUN);
    expect(await gateways.create(GATEWAY, 1, NOW, signal)).toEqual({ kind: 'done' });
    const now = '2026-03-01T12:00:00.000Z';
    expect(ec2.requests).toEqual([
      { Action: address, NetworkInterfaceId: 'eni-1', AssociatePublicIpAddress: 'true' },
      {
        Action: 'RunInstances',
        'LaunchTemplate.LaunchTemplateId': 'lt-1',
        'LaunchTemplate.Version': '1',
        MinCount: '1',
        MaxCount: '1',
        ClientToken: `eni-1/${NOW}`,
        'TagSpecification.1.ResourceType': 'instance',
        ...tagsOf('TagSpecification.1', {
          gateway: GATEWAY.name,
          config: 'config-1',
          created: now,
          failures: '1',
          'last-used': now,
          'used-since': now,
        }),
        'TagSpecification.2.ResourceType': 'volume',
        ...tagsOf('TagSpecification.2', { gateway: GATEWAY.name }),
      },
    ]);
  });

  it('with a fixed address asks for no other', async () => {
    ec2.on('RunInstances', RUN);
    await gateways.create({ ...GATEWAY, fixedAddress: true }, 0, NOW, signal);
    expect(actions()).toEqual(['RunInstances']);
  });

  it('happens although EC2 refuses the address, but not if EC2 doesn’t answer', async () => {
    ec2.on('RunInstances', RUN);
    ec2.on(address, refused('InvalidParameterValue', 'not the primary network interface'));
    expect(await gateways.create(GATEWAY, 0, NOW, signal)).toEqual({ kind: 'done' });
    ec2.on(address, reset);
    await expect(gateways.create(GATEWAY, 0, NOW, signal)).rejects.toMatchObject({ fault: 'unavailable' });
    expect(actions().filter((action) => action === 'RunInstances')).toHaveLength(1);
  });

  it('is repeated with the same client token if the answer is lost', async () => {
    ec2.on('RunInstances', reset, RUN);
    expect(await gateways.create({ ...GATEWAY, fixedAddress: true }, 0, NOW, signal)).toEqual({ kind: 'done' });
    expect(new Set(ec2.requests.map(({ ClientToken }) => ClientToken)).size).toBe(1);
    expect(ec2.requests).toHaveLength(2);
  });

  it('is overtaken if another tick has created an instance', async () => {
    ec2.on('RunInstances', refused('InvalidNetworkInterface.InUse', 'Interface: [eni-1] in use.'));
    expect(await gateways.create({ ...GATEWAY, fixedAddress: true }, 0, NOW, signal)).toEqual({
      kind: 'overtaken',
      detail: 'InvalidNetworkInterface.InUse: Interface: [eni-1] in use.',
    });
  });

  it('is refused with EC2’s message if EC2 has no capacity, although that is an error of the server', async () => {
    const message = 'We currently do not have sufficient t4g.nano capacity in the Availability Zone you requested.';
    ec2.on('RunInstances', refused('InsufficientInstanceCapacity', message, 500));
    expect(await gateways.create({ ...GATEWAY, fixedAddress: true }, 0, NOW, signal)).toEqual({
      kind: 'refused',
      refusal: {
        cause: 'capacity',
        detail: `InsufficientInstanceCapacity: ${message}`,
        remedy: expect.stringContaining('gatewayInstanceType'),
      },
    });
  });
});

function tagsOf(path: string, tags: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(tags).flatMap(([key, value], index) => [
    [`${path}.Tag.${index + 1}.Key`, `agent-launcher:${key}`],
    [`${path}.Tag.${index + 1}.Value`, value],
  ]);
  return Object.fromEntries(entries);
}

describe('a change of an instance', () => {
  it('starts it', async () => {
    ec2.on('StartInstances', answered('StartInstances', '<instancesSet/>'));
    expect(await gateways.start('i-1', signal)).toEqual({ kind: 'done' });
    expect(ec2.requests).toEqual([{ Action: 'StartInstances', 'InstanceId.1': 'i-1' }]);
  });

  it('notes its use in its tags', async () => {
    ec2.on('CreateTags', answered('CreateTags'));
    await gateways.mark('i-1', NOW - 60_000, NOW, signal);
    expect(ec2.requests).toEqual([
      {
        Action: 'CreateTags',
        'ResourceId.1': 'i-1',
        'Tag.1.Key': 'agent-launcher:last-used',
        'Tag.1.Value': '2026-03-01T12:00:00.000Z',
        'Tag.2.Key': 'agent-launcher:used-since',
        'Tag.2.Value': '2026-03-01T11:59:00.000Z',
      },
    ]);
  });

  it('asks for its address', async () => {
    const action = 'ModifyNetworkInterfaceAttribute';
    ec2.on(action, answered(action), refused('UnauthorizedOperation', 'You are not authorized.', 403));
    await gateways.requestAddress('eni-1', signal);
    await expect(gateways.requestAddress('eni-1', signal)).rejects.toMatchObject({
      fault: 'rejected',
      request: action,
    });
  });

  it('stops it with one request, which is never repeated', async () => {
    ec2.on('StopInstances', reset);
    await expect(gateways.stop('i-1', NOW, signal)).rejects.toMatchObject({ fault: 'unavailable' });
    expect(actions()).toEqual(['StopInstances']);
    ec2.on('StopInstances', answered('StopInstances', '<instancesSet/>'));
    expect(await gateways.stop('i-1', NOW, signal)).toEqual({ kind: 'done' });
    expect(ec2.requests[1]).toEqual({ Action: 'StopInstances', 'InstanceId.1': 'i-1' });
  });

  it('ends it after it has removed its protection', async () => {
    ec2.on('ModifyInstanceAttribute', answered('ModifyInstanceAttribute'));
    ec2.on('TerminateInstances', answered('TerminateInstances', '<instancesSet/>'));
    expect(await gateways.terminate('i-1', NOW, signal)).toEqual({ kind: 'done' });
    expect(ec2.requests).toEqual([
      { Action: 'ModifyInstanceAttribute', InstanceId: 'i-1', 'DisableApiTermination.Value': 'false' },
      { Action: 'TerminateInstances', 'InstanceId.1': 'i-1' },
    ]);
  });

  it('is not made after its time', async () => {
    expect(await gateways.stop('i-1', NOW - 1, signal)).toEqual({ kind: 'late' });
    expect(await gateways.terminate('i-1', NOW - 1, signal)).toEqual({ kind: 'late' });
    expect(actions()).toEqual([]);
    ec2.on('ModifyInstanceAttribute', (response) => {
      nowMs += 1;
      answered('ModifyInstanceAttribute')(response);
    });
    expect(await gateways.terminate('i-1', NOW, signal)).toEqual({ kind: 'late' });
    expect(actions()).toEqual(['ModifyInstanceAttribute']);
  });

  it.each([
    ['IncorrectInstanceState', "The instance 'i-1' is not in a state from which it can be started."],
    ['InvalidInstanceID.NotFound', "The instance ID 'i-1' does not exist"],
  ])('is overtaken if its state has changed: %s', async (code, message) => {
    for (const action of ['StartInstances', 'StopInstances', 'ModifyInstanceAttribute'])
      ec2.on(action, refused(code, message));
    const overtaken = { kind: 'overtaken', detail: `${code}: ${message}` };
    expect(await gateways.start('i-1', signal)).toEqual(overtaken);
    expect(await gateways.stop('i-1', NOW, signal)).toEqual(overtaken);
    expect(await gateways.terminate('i-1', NOW, signal)).toEqual(overtaken);
  });

  it('is refused while its protection still holds', async () => {
    const message =
      "The instance 'i-1' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.";
    ec2.on('ModifyInstanceAttribute', answered('ModifyInstanceAttribute'));
    ec2.on('TerminateInstances', refused('OperationNotPermitted', message));
    expect(await gateways.terminate('i-1', NOW, signal)).toMatchObject({
      kind: 'refused',
      refusal: { cause: 'access' },
    });
  });
});

describe('an error of EC2', () => {
  it.each([
    ['RequestLimitExceeded', 503, 'throttled', 2],
    ['Unavailable', 503, 'unavailable', 2],
    ['InternalError', 500, 'unavailable', 2],
    ['UnauthorizedOperation', 403, 'rejected', 1],
    ['SomethingNew', 400, 'rejected', 1],
  ])('%s with status %i is %s', async (code, status, fault, attempts) => {
    ec2.on('DescribeInstances', refused(code, 'said by the script', status));
    await expect(gateways.instances(signal)).rejects.toMatchObject({
      system: 'EC2',
      fault,
      status,
      requestId: 'request-2',
      request: 'DescribeInstances',
      message: expect.stringContaining(`${code}: said by the script`),
    });
    expect(ec2.requests).toHaveLength(attempts);
  });

  it('that throttles a change is no refusal', async () => {
    ec2.on('StartInstances', refused('RequestLimitExceeded', 'Request limit exceeded.', 503));
    await expect(gateways.start('i-1', signal)).rejects.toMatchObject({ fault: 'throttled' });
    ec2.on('CreateTags', refused('RequestLimitExceeded', 'Request limit exceeded.', 503));
    await expect(gateways.mark('i-1', NOW, NOW, signal)).rejects.toMatchObject({ fault: 'throttled' });
  });

  it('that nobody can read, or no answer, is reported as such', async () => {
    ec2.on('DescribeInstances', silent);
    await expect(connect(50).instances(signal)).rejects.toMatchObject({
      fault: 'unavailable',
      message: expect.stringContaining('no answer'),
    });
    ec2.on('DescribeInstanceStatus', reset);
    await expect(gateways.impairedSinceMs(['i-1'], signal)).rejects.toMatchObject({
      message: 'EC2: no answer (ECONNRESET) (DescribeInstanceStatus)',
    });
  });

  it('ends with the tick', async () => {
    ec2.on('DescribeInstances', silent);
    await expect(gateways.instances(AbortSignal.timeout(20))).rejects.toMatchObject({ fault: 'unavailable' });
    expect(ec2.requests.length).toBeLessThan(2);
  });
});
