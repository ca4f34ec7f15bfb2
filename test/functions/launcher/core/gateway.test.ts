import { describe, expect, it } from 'vitest';
import { decideGateways, type GatewayInput, permissionOf } from '../../../../functions/launcher/core/gateway.ts';
import type { GatewayInstance, GatewayView } from '../../../../functions/launcher/core/gateway-types.ts';
import { minutes, NOW, seconds } from './builders.ts';
import { GATEWAY, gatewayInput, gatewayInstance, RULES } from './gateway-builders.ts';

function decideOne(instances: readonly Partial<GatewayInstance>[], overrides: Partial<GatewayInput> = {}): GatewayView {
  const [view] = decideGateways(gatewayInput(instances.map(gatewayInstance), overrides));
  if (view === undefined) throw new Error('no gateway was decided');
  return view;
}
const kinds = ({ actions }: GatewayView): string[] => actions.map(({ kind }) => kind);

describe('a launch', () => {
  const WANTED = { wanted: true };
  const waits = { kind: 'held', hold: 'starting' };

  it('waits after an old mark was renewed, until every tick sees the new one', () => {
    const renewed = (ago: number) => ({ lastUsedMs: NOW - ago, usedSinceMs: NOW - ago });
    expect(decideOne([renewed(seconds(30))], WANTED).launch).toMatchObject(waits);
    expect(decideOne([renewed(seconds(31))], WANTED).launch).toEqual({ kind: 'allowed', needsMarks: false });
  });

  it('waits after a start until no request of an overlapping tick can stop the gateway again', () => {
    const started = { launchedAtMs: NOW - seconds(12), readyMs: NOW - seconds(3), lastUsedMs: NOW - seconds(13) };
    const launch = (usedSince: number) =>
      decideOne([{ ...started, usedSinceMs: NOW - seconds(usedSince) }], WANTED).launch;
    expect(launch(13)).toMatchObject(waits);
    expect(launch(30)).toMatchObject(waits);
    expect(launch(31)).toEqual({ kind: 'allowed', needsMarks: false });
  });

  describe('after a gateway slept', () => {
    const asleep = { state: 'stopped', publicAddress: undefined } as const;
    const usedSince = (instance: Partial<GatewayInstance>) => {
      const [mark] = decideOne([{ ...asleep, ...instance }], { ...WANTED, liveTasks: 1 }).actions;
      return mark?.kind === 'mark' ? NOW - mark.usedSinceMs : undefined;
    };

    it('does not wait for the requests that stopped it, because its use begins when it was stopped', () => {
      // EC2's clock may be five seconds behind the launcher's, and its time has no fractions of a second.
      expect(usedSince({ endRequestedMs: NOW - minutes(20) })).toBe(minutes(20) - seconds(6));
      expect(usedSince({ endRequestedMs: NOW - seconds(7) })).toBe(seconds(1));
      expect(usedSince({ endRequestedMs: NOW - seconds(2) })).toBe(0);
    });

    it.each([
      ['EC2 does not say when it was stopped', {}],
      ['it was not ready after its last start', { launchedAtMs: NOW - minutes(4), endRequestedMs: NOW - minutes(2) }],
      ['another tick may replace it', { config: 'old', endRequestedMs: NOW - minutes(20) }],
      [
        'a tick that begins a minute later may replace it',
        { createdAtMs: NOW - RULES.maxAgeMs + seconds(59), endRequestedMs: NOW - minutes(20) },
      ],
    ])('waits if %s', (_, instance) => {
      expect(usedSince(instance)).toBe(0);
    });
  });

  it('keeps the start of an unbroken use if it renews a mark that is young enough, and begins a new one otherwise', () => {
    const renewed = (age: number) => decideOne([{ lastUsedMs: NOW - age }], WANTED).actions;
    expect(renewed(minutes(8) - 1)).toMatchObject([{ kind: 'mark', usedSinceMs: NOW - minutes(60) }]);
    expect(renewed(minutes(8))).toMatchObject([{ kind: 'mark', usedSinceMs: NOW }]);
    expect(decideOne([{ lastUsedMs: NOW - seconds(59) }], WANTED).actions).toEqual([]);
  });

  it('treats a mark without a beginning as a new one', () => {
    const mark = { lastUsedMs: NOW - seconds(10), usedSinceMs: undefined };
    expect(decideOne([mark], WANTED).launch).toMatchObject(waits);
  });

  it('needs all gateways, and gives the most serious reason to wait', () => {
    const second = { ...GATEWAY, name: 'launcher/gateway-2', networkInterfaceId: 'eni-2' };
    const of = (more: Partial<GatewayInstance>) => {
      const other = { id: 'i-2', gateway: second.name, networkInterfaceId: 'eni-2', ...more };
      const input = gatewayInput([gatewayInstance({ state: 'stopped' }), gatewayInstance(other)], WANTED);
      return permissionOf(decideGateways({ ...input, gateways: [GATEWAY, second] }));
    };
    expect(of({})).toMatchObject({ hold: 'asleep' });
    expect(of({ state: 'pending', launchedAtMs: NOW })).toMatchObject({ hold: 'starting' });
    expect(of({ problem: 'disk-full' })).toMatchObject({ hold: 'unhealthy' });
    const both = [gatewayInstance(), gatewayInstance({ id: 'i-2', gateway: second.name, networkInterfaceId: 'eni-2' })];
    const input = { ...gatewayInput(both, WANTED), gateways: [GATEWAY, second] };
    expect(permissionOf(decideGateways(input))).toEqual({ kind: 'allowed', needsMarks: false });
    const old = [...both.slice(0, 1), gatewayInstance({ ...both[1], lastUsedMs: NOW - minutes(5) })];
    expect(permissionOf(decideGateways({ ...input, instances: old }))).toEqual({ kind: 'allowed', needsMarks: true });
  });

  describe('together with the start of the gateway', () => {
    const together = { wanted: true, rules: { ...RULES, start: 'with-tasks' as const } };
    const started = (ago: number) => ({
      launchedAtMs: NOW - ago,
      readyMs: NOW - minutes(90),
      lastUsedMs: NOW - Math.min(ago, seconds(30)),
      usedSinceMs: NOW - minutes(20),
    });
    const asleep = { state: 'stopped', publicAddress: undefined, endRequestedMs: NOW - minutes(20) } as const;

    it('is allowed as soon as the start of a gateway that sleeps is accepted, if it can be used', () => {
      expect(decideOne([asleep], together).launch).toMatchObject({ hold: 'asleep', untilStarted: true });
      const cannot = [
        decideOne([{ ...asleep, problem: 'disk-full' }], { ...together, liveTasks: 1 }),
        decideOne([{ ...asleep, config: 'old' }], { ...together, liveTasks: 1 }),
        decideOne([{ ...asleep, readyMs: undefined, launchedAtMs: NOW - minutes(1) }], together),
        decideOne([{ ...asleep, endRequestedMs: NOW - seconds(36) }], together),
        decideOne([{ ...asleep, endRequestedMs: undefined }], together),
        decideOne([asleep], { wanted: true }),
        decideOne([{ ...asleep, state: 'stopping' }], together),
      ];
      for (const { launch } of cannot) expect(launch).not.toHaveProperty('untilStarted');
      const earlier = { ...asleep, endRequestedMs: NOW - seconds(37) };
      expect(decideOne([earlier], together).launch).toMatchObject({ untilStarted: true });
    });

    it('waits if one of two gateways sleeps, and the other one can’t be used', () => {
      const second = { ...GATEWAY, name: 'launcher/gateway-2', networkInterfaceId: 'eni-2' };
      const permissionWith = (other: Partial<GatewayInstance>) => {
        const two = { id: 'i-2', gateway: second.name, networkInterfaceId: 'eni-2', ...other };
        const input = gatewayInput([gatewayInstance(asleep), gatewayInstance(two)], together);
        return permissionOf(decideGateways({ ...input, gateways: [GATEWAY, second] }));
      };
      expect(permissionWith({})).toMatchObject({ hold: 'asleep', untilStarted: true });
      expect(permissionWith(asleep)).toMatchObject({ hold: 'asleep', untilStarted: true });
      expect(permissionWith({ state: 'stopping' })).toEqual({
        kind: 'held',
        hold: 'asleep',
        reason: expect.any(String),
      });
    });

    it.each(['pending', 'running'] as const)('is allowed while the gateway is %s and not ready', (state) => {
      const allowed = { kind: 'allowed', needsMarks: false };
      expect(decideOne([{ ...started(seconds(3)), state, publicAddress: undefined }], together).launch).toEqual(
        allowed,
      );
      expect(decideOne([{ ...started(minutes(5) - 1), state }], together).launch).toEqual(allowed);
    });

    it('waits for the first boot of a gateway, which installs packages for minutes', () => {
      for (const state of ['pending', 'running'] as const) {
        const first = { ...started(minutes(1)), state, readyMs: undefined };
        expect(decideOne([first], together).launch).toMatchObject({ hold: 'starting' });
      }
    });

    it('waits if the gateway isn’t ready after five minutes, is stopped, or stops', () => {
      expect(decideOne([started(minutes(5))], together).launch).toMatchObject({ hold: 'unhealthy' });
      for (const state of ['stopped', 'stopping'] as const)
        expect(decideOne([{ ...started(minutes(1)), state }], together).launch).toMatchObject({ hold: 'asleep' });
    });

    it('keeps a gateway that never became ready until ECS shows the tasks that were launched with it', () => {
      const failed = { ...started(minutes(6)), usedSinceMs: NOW - minutes(6) };
      const of = (lastUsed: number) => kinds(decideOne([{ ...failed, lastUsedMs: NOW - lastUsed }], together));
      expect(of(seconds(30))).toEqual([]);
      const later = { ...started(minutes(8)), lastUsedMs: NOW - minutes(7) };
      expect(kinds(decideOne([later], together))).toEqual(['terminate']);
    });
  });
});

describe('an idle gateway', () => {
  it('stays awake for at least seven minutes, because ECS may not show a new task until then', () => {
    const rules = { ...RULES, idleMs: minutes(5) };
    const unused = (ms: number) => kinds(decideOne([{ lastUsedMs: NOW - ms }], { rules }));
    expect(unused(minutes(7) - 1)).toEqual([]);
    expect(unused(minutes(7))).toEqual(['stop']);
    const launch = (ms: number) => decideOne([{ lastUsedMs: NOW - ms }], { rules, wanted: true }).launch;
    expect(launch(minutes(1))).toEqual({ kind: 'allowed', needsMarks: false });
    expect(launch(minutes(1) + 1)).toEqual({ kind: 'allowed', needsMarks: true });
    expect(launch(minutes(5))).toMatchObject({ kind: 'held' });
  });

  it('stays awake for the idle time after its start, even if its mark is older', () => {
    const started = { launchedAtMs: NOW - minutes(9), readyMs: NOW - minutes(8), lastUsedMs: NOW - minutes(90) };
    expect(kinds(decideOne([started]))).toEqual([]);
    expect(kinds(decideOne([{ ...started, launchedAtMs: NOW - minutes(10) }]))).toEqual(['stop']);
  });
});

describe('a gateway whose status checks fail', () => {
  const failing = (since: number) => ({ impairedSinceMs: new Map([['i-1', NOW - since]]) });

  it('holds launches at once, because a task could not pull its image', () => {
    const view = decideOne([{}], { ...failing(1), wanted: true, liveTasks: 2 });
    expect(view).toMatchObject({ status: 'unhealthy', launch: { kind: 'held', hold: 'unhealthy' } });
    expect(view.launch).toMatchObject({ reason: expect.stringContaining('its status checks fail') });
  });

  it('is replaced after three minutes, although tasks are alive or unknown', () => {
    for (const liveTasks of [0, 3, undefined]) {
      expect(kinds(decideOne([{}], { ...failing(minutes(3)), liveTasks }))).not.toContain('terminate');
      expect(decideOne([{}], { ...failing(minutes(3) + 1), liveTasks }).actions).toMatchObject([
        { kind: 'terminate', cause: 'impaired' },
      ]);
    }
  });

  it('does not matter while another instance fails, or after it was stopped', () => {
    expect(kinds(decideOne([{ id: 'i-2' }], failing(minutes(9))))).toEqual([]);
    expect(kinds(decideOne([{ state: 'stopped' }], failing(minutes(9))))).toEqual([]);
  });
});

describe('the problem that an instance reports', () => {
  it('counts only two minutes after its start, because it may be from its last run', () => {
    const started = (ago: number, problem: string) =>
      decideOne([{ launchedAtMs: NOW - ago, readyMs: NOW - ago, lastUsedMs: NOW - minutes(30), problem }], {
        wanted: true,
      });
    for (const problem of ['engine-dead', 'disk-full']) {
      expect(started(minutes(2) - 1, problem)).toMatchObject({ launch: { hold: 'starting' }, problems: [] });
      expect(started(minutes(2), problem)).toMatchObject({ launch: { hold: 'unhealthy' }, problems: [{}] });
    }
  });

  it('does not count if the filter of a stopped gateway doesn’t run', () => {
    const stopped = { state: 'stopped', problem: 'engine-dead', lastUsedMs: NOW - minutes(30) } as const;
    expect(kinds(decideOne([stopped]))).toEqual([]);
    expect(kinds(decideOne([{ ...stopped, problem: 'disk-full' }]))).toEqual(['terminate']);
  });
});

describe('replacements', () => {
  const failed = (failures: number, more: Partial<GatewayInstance> = {}): Partial<GatewayInstance> => ({
    launchedAtMs: NOW - minutes(6),
    createdAtMs: NOW - minutes(6),
    readyMs: undefined,
    failures,
    ...more,
  });
  const ended = { state: 'terminated', networkInterfaceId: undefined } as const;

  it('come at once after the first two failures, and once per hour after more', () => {
    for (const failures of [0, 1]) expect(kinds(decideOne([failed(failures)]))).toEqual(['terminate']);
    for (const failures of [2, 3]) {
      expect(kinds(decideOne([failed(failures)]))).toEqual([]);
      expect(kinds(decideOne([failed(failures, { createdAtMs: NOW - minutes(60) })]))).toEqual(['terminate']);
    }
  });

  it('count the failures before them', () => {
    const created = (last: Partial<GatewayInstance>) => decideOne([{ ...last, ...ended }]).actions;
    expect(decideOne([]).actions).toEqual([{ kind: 'create', gateway: GATEWAY, failures: 0 }]);
    expect(created(failed(0))).toMatchObject([{ kind: 'create', failures: 1 }]);
    expect(created(failed(1))).toMatchObject([{ kind: 'create', failures: 2 }]);
    expect(created(failed(2))).toEqual([]);
    expect(created(failed(2, { createdAtMs: NOW - minutes(60) }))).toMatchObject([{ kind: 'create', failures: 3 }]);
  });

  it('count a gateway that was ready, but ended within an hour', () => {
    const ready = (age: number, more: Partial<GatewayInstance> = {}) =>
      decideOne([
        { ...ended, createdAtMs: NOW - age, readyMs: NOW - age, launchedAtMs: NOW - age, failures: 1, ...more },
      ]);
    expect(ready(minutes(59)).actions).toMatchObject([{ failures: 2 }]);
    expect(ready(minutes(61)).actions).toMatchObject([{ failures: 0 }]);
    expect(ready(minutes(61), { problem: 'disk-full' }).actions).toMatchObject([{ failures: 1 }]);
    expect(ready(minutes(61), { launchedAtMs: NOW - minutes(10) }).actions).toMatchObject([{ failures: 1 }]);
  });

  it('begin to count again after a deployment, which may have repaired the gateway', () => {
    expect(kinds(decideOne([failed(5, { config: 'config-0' })]))).toEqual(['terminate']);
    expect(decideOne([failed(5, { config: 'config-0', ...ended })]).actions).toMatchObject([{ failures: 0 }]);
  });

  it('count instances that ended because EC2 had no capacity, so that their number is limited', () => {
    const stateReason = 'Server.InsufficientInstanceCapacity: Insufficient capacity';
    expect(decideOne([failed(1, { ...ended, stateReason })]).actions).toMatchObject([{ failures: 2 }]);
    expect(decideOne([failed(2, { ...ended, stateReason })])).toMatchObject({
      actions: [],
      problems: [{ remedy: expect.stringContaining('gatewayInstanceType') }],
    });
  });

  it('of a stopped gateway come at once after a deployment, because EC2 may not be able to start the old one', () => {
    const old = { state: 'stopped', config: 'config-0' } as const;
    const view = decideOne([old], { wanted: true });
    expect(view).toMatchObject({
      actions: [{ kind: 'terminate', cause: 'new-config' }],
      launch: { hold: 'unhealthy' },
    });
    for (const liveTasks of [1, undefined])
      expect(kinds(decideOne([old], { wanted: true, liveTasks }))).toEqual(['mark', 'start']);
    expect(kinds(decideOne([{ ...old, state: 'running' }], { wanted: true }))).toEqual([]);
    const tooOld = { state: 'stopped', createdAtMs: NOW - RULES.maxAgeMs - 1 } as const;
    expect(kinds(decideOne([tooOld], { wanted: true }))).toEqual(['mark', 'start']);
  });

  it('wait until the last instance has ended, because its network interface is in use until then', () => {
    const both = [{ id: 'i-0', ...ended }, { state: 'shutting-down' as const }];
    expect(decideOne(both)).toMatchObject({ status: 'replacing', actions: [], launch: { hold: 'starting' } });
  });

  it('are decided by the newest instance that has ended', () => {
    const both = [
      { id: 'i-0', ...failed(0), ...ended, createdAtMs: NOW - minutes(9) },
      { id: 'i-1', ...failed(1), ...ended, createdAtMs: NOW - minutes(8) },
    ];
    expect(decideOne(both).actions).toMatchObject([{ failures: 2 }]);
    const untagged = both.map((instance) => ({
      ...instance,
      createdAtMs: undefined,
      launchedAtMs: instance.createdAtMs,
    }));
    expect(decideOne(untagged).actions).toMatchObject([{ failures: 2 }]);
  });

  it('are a problem if they fail, and say what EC2 said', () => {
    const stateReason = 'Client.InternalError: Client error on launch';
    const view = decideOne([{ ...failed(2), ...ended, stateReason }], { wanted: true });
    expect(view.launch).toMatchObject({
      hold: 'unhealthy',
      reason: `the last 3 instances of gateway ${GATEWAY.name} failed; the launcher creates the next one in 54 min`,
    });
    expect(view.problems).toMatchObject([{ cause: 'never-ready', detail: expect.stringContaining(stateReason) }]);
  });

  it.each([
    ['Client.InternalError: Client error on launch', /kms:CreateGrant/],
    ['Server.InsufficientInstanceCapacity: Insufficient capacity', /gatewayInstanceType/],
    ['Client.VolumeLimitExceeded: Volume limit exceeded', /quota/],
    [undefined, /system log/],
  ])('have the remedy for what EC2 says: %s', (stateReason, remedy) => {
    const { problems } = decideOne([{ ...failed(0), state: 'stopped', stateReason }]);
    expect(problems).toMatchObject([{ cause: 'never-ready', remedy: expect.stringMatching(remedy) }]);
  });

  it('of an outdated gateway wait until it is idle, and are overdue after a week', () => {
    const old = (days: number) => decideOne([{ createdAtMs: NOW - days * minutes(1440) }], { liveTasks: 1 });
    expect(old(36)).toMatchObject({ actions: [], problems: [] });
    expect(old(38)).toMatchObject({ actions: [], problems: [{ cause: 'overdue' }] });
  });

  it('are overdue after a week although a deployment has changed the gateway since', () => {
    const old = (days: number) =>
      decideOne([{ createdAtMs: NOW - days * minutes(1440), config: 'config-0' }], { liveTasks: 1 });
    expect(old(36).problems).toEqual([]);
    expect(old(38).problems).toMatchObject([{ cause: 'overdue' }]);
  });

  it('leave an instance alone that has the network interface, if another one has not', () => {
    const view = decideOne([{ id: 'i-0', networkInterfaceId: 'eni-0', createdAtMs: NOW }, { id: 'i-1' }]);
    expect(view.instance?.id).toBe('i-1');
  });

  it('treat a start without a tag for the creation as the creation', () => {
    expect(kinds(decideOne([failed(2, { createdAtMs: undefined })]))).toEqual([]);
  });
});

describe('a start that EC2 accepts, and that then fails', () => {
  const stateReason = 'Client.InternalError: Client error on launch';
  const failed = {
    state: 'stopped',
    stateReason,
    launchedAtMs: NOW - minutes(1),
    endRequestedMs: NOW - minutes(20),
  } as const;

  it('is a problem at once, with its remedy, and the launcher tries again', () => {
    const view = decideOne([failed], { wanted: true });
    expect(kinds(view)).toEqual(['mark', 'start']);
    expect(view.problems).toMatchObject([
      { cause: 'start-failed', detail: expect.stringContaining(stateReason), remedy: expect.stringContaining('kms:') },
    ]);
    const other = decideOne([{ ...failed, stateReason: 'Server.InternalError: An internal error' }]);
    expect(other.problems).toMatchObject([{ remedy: expect.stringContaining('starts the gateway again') }]);
  });

  it('lets no task start together with the gateway', () => {
    const rules = { ...RULES, start: 'with-tasks' as const };
    expect(decideOne([failed], { wanted: true, rules }).launch).not.toHaveProperty('untilStarted');
  });

  it('ends with a deployment, which replaces the gateway', () => {
    const view = decideOne([{ ...failed, config: 'config-0' }], { wanted: true });
    expect(kinds(view)).toEqual(['terminate']);
    expect(view.problems).toMatchObject([{ cause: 'start-failed' }]);
  });

  it('is not what ended a gateway that was ready before', () => {
    const retired = { state: 'stopped', stateReason: 'Server.ScheduledStop: Stopped for a retirement' } as const;
    expect(decideOne([retired]).problems).toEqual([]);
  });
});

describe('an instance that EC2 doesn’t finish stopping or ending', () => {
  it.each(['stopping', 'shutting-down'] as const)('is a problem after ten minutes: %s', (state) => {
    const problems = (ago: number) => decideOne([{ state, endRequestedMs: NOW - ago }], { wanted: true }).problems;
    expect(problems(minutes(10))).toEqual([]);
    expect(problems(minutes(10) + 1)).toMatchObject([
      { cause: 'stuck', detail: expect.stringContaining(state), remedy: expect.stringContaining('--force') },
    ]);
    expect(decideOne([{ state, endRequestedMs: undefined }]).problems).toEqual([]);
  });

  it('is none once it is stopped', () => {
    expect(decideOne([{ state: 'stopped', endRequestedMs: NOW - minutes(60) }]).problems).toEqual([]);
  });
});

describe('the status of a gateway', () => {
  it.each([
    ['asleep', { state: 'stopped' }],
    ['stopping', { state: 'stopping' }],
    ['replacing', { state: 'shutting-down' }],
    ['absent', { state: 'terminated' }],
    ['starting', { state: 'pending', launchedAtMs: NOW }],
    ['starting', { launchedAtMs: NOW - minutes(5) + 1 }],
    ['unhealthy', { launchedAtMs: NOW - minutes(5) }],
    ['unhealthy', { problem: 'disk-full' }],
    ['awake', {}],
  ] as const)('is %s: %j', (status, instance) => {
    expect(decideOne([instance]).status).toBe(status);
  });
});

describe('the address of a gateway', () => {
  it('is requested from EC2 unless it is an Elastic IP', () => {
    const without = { publicAddress: undefined, launchedAtMs: NOW - seconds(15), lastUsedMs: NOW };
    expect(kinds(decideOne([without]))).toEqual(['address']);
    expect(kinds(decideOne([without], { gateways: [{ ...GATEWAY, fixedAddress: true }] }))).toEqual([]);
    expect(kinds(decideOne([{ ...without, launchedAtMs: NOW - seconds(14) }]))).toEqual([]);
  });
});
