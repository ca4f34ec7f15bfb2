import { describe, expect, it } from 'vitest';
import { checkAddresses, checkLambda, checkVcpu, type VcpuUse, vcpuNeed } from '../../../../cli/core/doctor/quotas.ts';
import { DENIED, lane, pool, shown, task } from './builders.ts';

const phases = (planCpu: number, applyCpu: number) => [
  lane({ phases: ['plan'], capacity: 'spot', task: { value: task({ cpu: planCpu }) } }),
  lane({ phases: ['apply'], task: { value: task({ cpu: applyCpu }) } }),
];

describe('the vCPUs of the pools', () => {
  it('are maxAgents times the size of a task, added up', () => {
    const large = pool({ name: 'large', maxAgents: 3, lanes: [lane({ task: { value: task({ cpu: 4096 }) } })] });
    expect(vcpuNeed([pool(), large], 'on-demand')).toEqual({ all: 22, largest: 4, unknown: [] });
  });

  it('are those of the largest lane, because maxAgents applies to the whole pool', () => {
    expect(vcpuNeed([pool({ lanes: phases(512, 2048) })], 'on-demand').all).toBe(20);
  });

  it('of Spot tasks also count on demand, where they run if Spot has no capacity', () => {
    const pools = [pool({ lanes: phases(4096, 1024) })];
    expect(vcpuNeed(pools, 'spot').all).toBe(40);
    expect(vcpuNeed(pools, 'on-demand').all).toBe(40);
  });

  it('are unknown for a pool whose task definition can’t be read', () => {
    expect(vcpuNeed([pool({ lanes: [lane({ task: DENIED })] })], 'on-demand').unknown).toEqual(['aws']);
  });
});

const use = (launcher?: number, account?: number): VcpuUse => ({ launcher, account: { value: account } });

describe('a quota of vCPUs', () => {
  const need = { all: 22, largest: 4, unknown: [] };
  it.each([
    [22, 'ok'],
    [21, 'warning'],
    [4, 'warning'],
    [3, 'error'],
    [0.25, 'error'],
  ])('of %d is reported as %s if the pools use 22, and a task 4', (value, severity) => {
    expect(checkVcpu('on-demand', need, { value }, use()).map((finding) => finding.severity)).toEqual([severity]);
  });

  it('that is too low says how to raise it, with its real code', () => {
    expect(shown(checkVcpu('on-demand', need, { value: 6 }, use()))[0]).toContain(
      '--service-code fargate --quota-code L-3032A538 --desired-value 22',
    );
    expect(shown(checkVcpu('spot', need, { value: 6 }, use()))[0]).toContain('--quota-code L-36FBB829');
  });

  it('of one vCPU is in the singular', () => {
    expect(checkVcpu('on-demand', need, { value: 1 }, use())[0]?.what).toContain('is one vCPU, but');
  });

  it('says how much the launcher’s tasks and the account use, as far as it is known', () => {
    for (const value of [0, 6, 4000]) {
      const what = (known: VcpuUse) => checkVcpu('on-demand', need, { value }, known)[0]?.what;
      expect(what(use(3))).toMatch(/ The launcher’s live tasks use 3 now\.$/);
      expect(what(use(undefined, 5))).toMatch(/ The account uses 5 now\.$/);
      expect(what(use(3, 5))).toMatch(/ The account uses 5 now, the launcher’s live tasks 3\.$/);
      expect(what(use())).not.toContain(' now');
    }
  });

  it.each([
    ['leaves enough for all agents', 24, use(3, 5), 'ok'],
    ['leaves too little for all agents', 23, use(3, 5), 'warning'],
    ['is used only by the launcher, whose tasks the metric does not show yet', 22, use(5, 3), 'ok'],
    ['is used by tasks of which some may be the launcher’s', 22, use(undefined, 22), 'ok'],
  ])('that %s is reported as it matters', (_, value, known, severity) => {
    expect(checkVcpu('on-demand', need, { value }, known).map((finding) => finding.severity)).toEqual([severity]);
  });

  it('that others use says how many vCPUs all of them need', () => {
    expect(shown(checkVcpu('on-demand', need, { value: 23 }, use(3, 5)))).toEqual([
      'warning quotas.fargate-on-demand: The quota "Fargate On-Demand vCPU resource count" is 23 vCPUs, and all pools at maxAgents use 22, ' +
        'but others in the account use 2 now. The quota is for all clusters of the account. ECS refuses to start more agents at the quota, and jobs wait. ' +
        'Request more: aws service-quotas request-service-quota-increase --service-code fargate --quota-code L-3032A538 --desired-value 24. Or lower maxAgents or cpu.',
    ]);
  });

  it('isn’t checked for Spot if no pool uses it', () => {
    expect(checkVcpu('spot', vcpuNeed([pool()], 'spot'), { value: 0 }, use())).toEqual([]);
  });

  it('that can’t be read, its use, and pools of an unknown size, are warnings', () => {
    const part = { all: 10, largest: 1, unknown: ['gcp'] };
    const findings = checkVcpu('on-demand', part, DENIED, use());
    expect(findings.map(({ severity }) => severity)).toEqual(['warning', 'warning']);
    expect(shown(findings)[0]).toContain('pool gcp');
    const hidden = checkVcpu('on-demand', need, { value: 4000 }, { launcher: 0, account: DENIED });
    expect(hidden.map(({ severity }) => severity)).toEqual(['ok', 'warning']);
    expect(shown(hidden)[1]).toContain('Allow cloudwatch:GetMetricStatistics');
  });
});

describe('free addresses', () => {
  const subnets = (...free: number[]) => ({
    value: free.map((each, index) => ({ subnet: `subnet-${index}`, free: each })),
  });
  it.each([
    ['are enough', subnets(10, 10), 20, 0, 'ok'],
    ['are too few', subnets(10, 9), 20, 0, 'error'],
    ['are enough because some agents already run', subnets(10, 9), 20, 1, 'ok'],
    ['are missing in one of the subnets', subnets(0, 30), 20, 0, 'warning'],
  ] as const)('that %s are reported as it matters', (_, value, agents, live, severity) => {
    expect(checkAddresses(value, agents, live).severity).toBe(severity);
  });

  it('that can’t be read are a warning', () => {
    expect(checkAddresses(DENIED, 1, 0).severity).toBe('warning');
  });
});

describe('Lambda’s concurrency', () => {
  it.each([
    ['of an ordinary account', 1000, 900, undefined, 'ok'],
    ['of a new account', 10, 10, undefined, 'note'],
    ['of a new account with a reservation', 10, 10, 1, 'error'],
    ['with a reservation that leaves too little', 1000, 110, 20, 'warning'],
    ['with a reservation', 1000, 900, 1, 'ok'],
    ['that other functions have reserved', 100, 0, undefined, 'error'],
  ])('%s is reported as it matters', (_, limit, unreserved, reserved, severity) => {
    expect(checkLambda({ value: { limit, unreserved } }, reserved).severity).toBe(severity);
  });

  it('that can’t be read is a warning', () => {
    expect(checkLambda(DENIED, 1).severity).toBe('warning');
  });
});
