import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../../local/aws/core/api-error.ts';
import { KEY_UNUSABLE } from '../../../../local/aws/core/ec2/instances.ts';
import { INTERFACE, RUN, TEMPLATE, virtualInstances } from './virtual-instances.ts';

/** The code of EC2's error. */
function codeOf(action: () => unknown): string {
  try {
    action();
    return 'no error';
  } catch (error) {
    if (error instanceof ApiError) return error.code;
    throw error;
  }
}

describe('the life of an instance', () => {
  it('begins asleep if it is created so, and can be started', () => {
    const { time, instances } = virtualInstances();
    const states: string[] = [];
    const { id, state, wasRunning } = instances.runAsleep(RUN);
    instances.onChange(({ state: changed }) => states.push(changed));
    expect([state, wasRunning]).toEqual(['stopped', true]);
    time.pass(60_000);
    expect(states).toEqual([]);
    instances.start([id]);
    time.pass(6_000);
    expect(states).toEqual(['pending', 'running']);
  });

  it('takes the measured times from its creation to its end', () => {
    const { time, instances } = virtualInstances();
    const changes: (readonly [ms: number, state: string])[] = [];
    const from = time.now();
    instances.onChange(({ state }) => {
      if (changes.at(-1)?.[1] !== state) changes.push([time.now() - from, state]);
    });
    const { id } = instances.run(RUN);
    time.pass(20_000);
    instances.stop([id]);
    time.pass(20_000);
    instances.start([id]);
    time.pass(20_000);
    instances.protect(id, false);
    instances.terminate([id]);
    time.pass(60_000);
    expect(changes).toEqual([
      [0, 'pending'],
      [8_000, 'running'],
      [20_000, 'stopping'],
      [30_000, 'stopped'],
      [40_000, 'pending'],
      [46_000, 'running'],
      [60_000, 'shutting-down'],
      [90_000, 'terminated'],
    ]);
  });

  it('has a launch time per start, and keeps the time of its creation', () => {
    const { time, instances } = virtualInstances();
    const { id, createdAt } = instances.run(RUN);
    time.pass(10_000);
    instances.stop([id]);
    time.pass(10_000);
    instances.start([id]);
    expect(instances.get(id)).toMatchObject({ createdAt, launchedAt: createdAt + 20_000 });
  });

  it('is forgotten an hour after it was terminated, and its client token is not', () => {
    const { time, instances } = virtualInstances({}, { disableApiTermination: false });
    const { id } = instances.run({ ...RUN, clientToken: 'one' });
    instances.terminate([id]);
    time.pass(30_000);
    expect(instances.all().map(({ state }) => state)).toEqual(['terminated']);
    time.pass(3_600_000);
    expect(instances.all()).toEqual([]);
    expect(codeOf(() => instances.run({ ...RUN, clientToken: 'one' }))).toBe('IdempotentInstanceTerminated');
  });

  it.each(['stop', 'terminate'] as const)('ends with %s when its operating system powers off', (shutdownBehavior) => {
    const { time, instances } = virtualInstances({}, { shutdownBehavior });
    const { id } = instances.run(RUN);
    instances.powerOff(id);
    time.pass(8_000);
    expect(instances.get(id)?.state).toBe('running');
    instances.powerOff(id);
    time.pass(30_000);
    expect(instances.get(id)).toMatchObject({
      state: shutdownBehavior === 'stop' ? 'stopped' : 'terminated',
      stateReason: { code: 'Client.InstanceInitiatedShutdown' },
    });
  });
});

describe('a request in a state that does not allow it', () => {
  it('is refused or has no effect, as in EC2', () => {
    const { time, instances } = virtualInstances({}, { disableApiTermination: false });
    const { id } = instances.run(RUN);
    const start = () => codeOf(() => instances.start([id]));
    const stop = () => codeOf(() => instances.stop([id]));
    const terminate = () => codeOf(() => instances.terminate([id]));
    const stateNow = () => instances.get(id)?.state;

    expect([stop(), start(), stateNow()]).toEqual(['IncorrectInstanceState', 'no error', 'pending']);
    time.pass(8_000);
    expect([start(), stateNow()]).toEqual(['no error', 'running']);
    expect([stop(), stop(), stateNow()]).toEqual(['no error', 'no error', 'stopping']);
    expect(start()).toBe('IncorrectInstanceState');
    time.pass(10_000);
    expect([stop(), stateNow()]).toEqual(['no error', 'stopped']);
    start();
    // An instance that was running before can be stopped while it is starting again.
    expect([stateNow(), stop(), stateNow()]).toEqual(['pending', 'no error', 'stopping']);
    expect([terminate(), stateNow()]).toEqual(['no error', 'shutting-down']);
    expect([start(), stop(), terminate()]).toEqual(['IncorrectInstanceState', 'IncorrectInstanceState', 'no error']);
    time.pass(60_000);
    expect([start(), stop(), terminate(), stateNow()]).toEqual([
      'IncorrectInstanceState',
      'IncorrectInstanceState',
      'no error',
      'terminated',
    ]);
  });

  it('changes no instance if one of several is refused', () => {
    const { time, instances } = virtualInstances();
    const { id } = instances.run(RUN);
    time.pass(8_000);
    expect(codeOf(() => instances.stop([id, 'i-other']))).toBe('InvalidInstanceID.NotFound');
    expect(codeOf(() => instances.tag([id, 'i-other'], { a: 'b' }))).toBe('InvalidInstanceID.NotFound');
    expect(instances.get(id)).toMatchObject({ state: 'running', tags: TEMPLATE.tags });
  });

  it('does not terminate a protected instance', () => {
    const { instances } = virtualInstances();
    const { id } = instances.run(RUN);
    expect(codeOf(() => instances.terminate([id]))).toBe('OperationNotPermitted');
    instances.protect(id, false);
    instances.terminate([id]);
    expect(instances.get(id)?.state).toBe('shutting-down');
  });
});

describe('the network interface', () => {
  it('belongs to one instance until that is terminated', () => {
    const { time, instances } = virtualInstances({}, { disableApiTermination: false });
    const { id } = instances.run(RUN);
    const next = () => codeOf(() => instances.run(RUN));
    expect(next()).toBe('InvalidNetworkInterface.InUse');
    time.pass(8_000);
    instances.stop([id]);
    time.pass(10_000);
    expect(next()).toBe('InvalidNetworkInterface.InUse');
    instances.start([id]);
    time.pass(6_000);
    instances.terminate([id]);
    expect(next()).toBe('InvalidNetworkInterface.InUse');
    time.pass(30_000);
    expect(next()).toBe('no error');
  });

  it('has a public address only while its instance runs, and another one after each start', () => {
    const { time, instances } = virtualInstances();
    instances.associateAddress(INTERFACE.id, true);
    const { id } = instances.run(RUN);
    const address = () => instances.get(id)?.publicAddress;
    expect(address()).toBeUndefined();
    time.pass(8_000);
    const first = address();
    expect(first).toMatch(/^198\.51\.100\.\d+$/);
    instances.stop([id]);
    expect(address()).toBeUndefined();
    time.pass(10_000);
    instances.start([id]);
    time.pass(6_000);
    expect(address()).toMatch(/^198\.51\.100\.\d+$/);
    expect(address()).not.toBe(first);
  });

  it('gets or loses its address while its instance runs', () => {
    const { time, instances } = virtualInstances();
    const { id } = instances.run(RUN);
    time.pass(8_000);
    expect(instances.get(id)?.publicAddress).toBeUndefined();
    instances.associateAddress(INTERFACE.id, true);
    expect(instances.get(id)?.publicAddress).toBeDefined();
    instances.associateAddress(INTERFACE.id, false);
    expect(instances.get(id)?.publicAddress).toBeUndefined();
  });

  it('gets no address if EC2 has none for interfaces that exist before their instance', () => {
    const { time, instances } = virtualInstances({ existingInterfaceGetsAddress: false });
    instances.associateAddress(INTERFACE.id, true);
    const { id } = instances.run(RUN);
    time.pass(8_000);
    expect(instances.get(id)?.publicAddress).toBeUndefined();
  });

  it('keeps an Elastic IP while its instance is stopped', () => {
    const { time, instances } = virtualInstances();
    instances.interfaces.put({ ...INTERFACE, elasticAddress: '203.0.113.7' });
    const { id } = instances.run(RUN);
    time.pass(8_000);
    instances.stop([id]);
    time.pass(10_000);
    expect(instances.get(id)).toMatchObject({ state: 'stopped', publicAddress: '203.0.113.7' });
  });
});

describe('EC2 refuses a start', () => {
  it('without capacity, also of an instance that exists, as often as the test says', () => {
    const { time, instances } = virtualInstances();
    const { id } = instances.run(RUN);
    time.pass(8_000);
    instances.stop([id]);
    time.pass(10_000);
    instances.refuse({ cause: 'capacity', availabilityZone: 'eu-central-1b' });
    instances.refuse({ cause: 'capacity', availabilityZone: INTERFACE.availabilityZone, times: 1 });
    expect(codeOf(() => instances.start([id]))).toBe('InsufficientInstanceCapacity');
    expect(codeOf(() => instances.start([id]))).toBe('no error');
  });

  it('of a type that the zone does not have, until the test ends it', () => {
    const { instances } = virtualInstances();
    const end = instances.refuse({ cause: 'unsupported' });
    expect(codeOf(() => instances.run(RUN))).toBe('Unsupported');
    end();
    expect(codeOf(() => instances.run(RUN))).toBe('no error');
  });

  it('beyond the quota of vCPUs, which only running instances use', () => {
    const { time, instances } = virtualInstances({ vcpuQuota: () => 4 });
    instances.interfaces.put({ ...INTERFACE, id: 'eni-2' });
    instances.templates.put({ ...TEMPLATE, id: 'lt-2', networkInterfaceId: 'eni-2', instanceType: 't4g.xlarge' });
    const { id } = instances.run(RUN);
    const large = () => codeOf(() => instances.run({ ...RUN, templateId: 'lt-2' }));
    time.pass(8_000);
    expect(large()).toBe('VcpuLimitExceeded');
    instances.stop([id]);
    expect(large()).toBe('no error');
  });

  it('of an image, a parameter, a template or a version that does not exist', () => {
    const parameters = new Map([['/ami', 'ami-2']]);
    const { instances } = virtualInstances({ parameter: (name) => parameters.get(name) });
    const runs = (change: Partial<typeof TEMPLATE>, request: Partial<typeof RUN> = {}) => {
      instances.templates.put({ ...TEMPLATE, ...change });
      return codeOf(() => instances.run({ ...RUN, ...request }));
    };
    expect(runs({ imageId: 'ami-9' })).toBe('InvalidAMIID.NotFound');
    expect(runs({ imageId: 'resolve:ssm:/other' })).toBe('SsmInvalidParameter');
    expect(runs({ imageId: 'resolve:ssm:/ami' })).toBe('InvalidAMIID.NotFound');
    expect(runs({ networkInterfaceId: 'eni-9' })).toBe('InvalidNetworkInterfaceID.NotFound');
    expect(runs({}, { templateId: 'lt-9' })).toBe('InvalidLaunchTemplateId.NotFound');
    expect(runs({}, { version: '9' })).toBe('InvalidLaunchTemplateId.VersionNotFound');
    instances.templates.putImage('ami-2');
    expect(runs({ version: 2, imageId: 'resolve:ssm:/ami' }, { version: '$Latest' })).toBe('no error');
    expect(instances.all()).toMatchObject([{ imageId: 'ami-2', template: { version: 2 } }]);
  });

  it('after it accepted it: a new instance is terminated, another one stops again', () => {
    const { time, instances } = virtualInstances();
    instances.failLaunch({ reason: KEY_UNUSABLE, times: 1 });
    const lost = instances.run(RUN);
    time.pass(8_000);
    expect(instances.get(lost.id)).toMatchObject({ state: 'terminated', stateReason: KEY_UNUSABLE });
    const { id } = instances.run(RUN);
    time.pass(8_000);
    instances.stop([id]);
    time.pass(10_000);
    instances.failLaunch();
    instances.start([id]);
    time.pass(6_000);
    expect(instances.get(id)).toMatchObject({ state: 'stopped', stateReason: KEY_UNUSABLE });
  });
});

describe('a client token', () => {
  it('creates one instance, and refuses other parameters', () => {
    const { time, instances } = virtualInstances({}, { disableApiTermination: false });
    const request = { ...RUN, clientToken: 'one', tags: { a: 'b', c: 'd' } };
    const { id } = instances.run(request);
    time.pass(8_000);
    expect(instances.run({ ...request, tags: { c: 'd', a: 'b' } })).toMatchObject({ id, state: 'running' });
    expect(codeOf(() => instances.run({ ...request, tags: { a: 'b' } }))).toBe('IdempotentParameterMismatch');
    instances.terminate([id]);
    expect(instances.run(request).id).toBe(id);
    time.pass(30_000);
    expect(codeOf(() => instances.run(request))).toBe('IdempotentInstanceTerminated');
  });

  it('is not used up by a request that EC2 refused', () => {
    const { instances } = virtualInstances();
    instances.refuse({ cause: 'capacity', times: 1 });
    const request = { ...RUN, clientToken: 'one' };
    expect(codeOf(() => instances.run(request))).toBe('InsufficientInstanceCapacity');
    expect(codeOf(() => instances.run({ ...request, tags: { a: 'b' } }))).toBe('no error');
  });
});

describe('what reads show', () => {
  it('is as old as the read lag, and a request acts on the truth', () => {
    const { time, instances } = virtualInstances({ times: { readLagMs: 3_000 } });
    const { id } = instances.run(RUN);
    const shown = () => instances.shown().map(({ state, tags }) => [state, tags['a']]);
    time.pass(2_999);
    expect(shown()).toEqual([]);
    instances.tag([id], { a: 'b' });
    time.pass(1);
    expect(shown()).toEqual([['pending', undefined]]);
    time.pass(3_000);
    expect(shown()).toEqual([['pending', 'b']]);
    time.pass(2_000);
    expect([instances.get(id)?.state, ...shown()]).toEqual(['running', ['pending', 'b']]);
    time.pass(3_000);
    expect(shown()).toEqual([['running', 'b']]);
  });

  it('can have another age for each instance and read, up to the read lag', () => {
    let lagMs = 0;
    const { time, instances } = virtualInstances({ times: { readLagMs: 3_000 }, readLagOf: () => lagMs });
    const { id } = instances.run(RUN);
    time.pass(5_000);
    instances.tag([id], { a: 'b' });
    time.pass(2_000);
    const shown = () => instances.shown().map(({ tags }) => tags['a']);
    expect(shown()).toEqual(['b']);
    lagMs = 2_500;
    expect(shown()).toEqual([undefined]);
  });

  it('lacks a terminated instance after the time that a test chooses', () => {
    const { time, instances } = virtualInstances({ terminatedShownMs: 60_000 }, { disableApiTermination: false });
    instances.terminate([instances.run(RUN).id]);
    time.pass(30_000 + 59_999);
    expect(instances.shown()).toHaveLength(1);
    time.pass(1);
    expect(instances.shown()).toEqual([]);
  });

  it('is older after a test aged the instance, and its state stays the same', () => {
    const { time, instances } = virtualInstances();
    const used = new Date(time.now()).toISOString();
    const { id, createdAt } = instances.run({ ...RUN, tags: { used, config: '4f2a' } });
    time.pass(8_000);
    instances.age(id, 600_000);
    const earlier = createdAt - 600_000;
    expect(instances.get(id)).toMatchObject({
      state: 'running',
      createdAt: earlier,
      launchedAt: earlier,
      tags: { used: new Date(earlier).toISOString(), config: '4f2a' },
    });
    instances.stop([id]);
    instances.age(id, 600_000);
    const stopped = new Date(time.now() - 600_000).toISOString().slice(11, 19);
    expect(instances.get(id)?.transitionReason).toBe(`User initiated (2026-11-24 ${stopped} GMT)`);
  });
});

describe('tags', () => {
  it('are removed by their key, or only with a value', () => {
    const { instances } = virtualInstances({}, { tags: {} });
    const { id } = instances.run({ ...RUN, tags: { a: '1', b: '2', c: '3' } });
    instances.untag([id], ['a', 'b', 'other'], { b: 'another' });
    expect(instances.get(id)?.tags).toEqual({ b: '2', c: '3' });
  });

  it('are at most 50, and none has a reserved key', () => {
    const { instances } = virtualInstances({}, { tags: {} });
    const { id } = instances.run(RUN);
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, '']));
    instances.tag([id], many(50));
    expect(codeOf(() => instances.tag([id], { another: '' }))).toBe('TagLimitExceeded');
    expect(codeOf(() => instances.run({ ...RUN, tags: { 'aws:x': '' } }))).not.toBe('no error');
    instances.untag([id], ['k0']);
    expect(codeOf(() => instances.tag([id], { 'aws:x': '' }))).toBe('InvalidParameterValue');
  });
});
