import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../functions/launcher/config.ts';
import { ENV } from '../../../functions/launcher/contract.ts';
import { ConfigError } from '../../../functions/launcher/errors.ts';

const good = {
  [ENV.hostname]: 'app.terraform.io',
  [ENV.organization]: 'acme',
  [ENV.apiTokenSecret]: 'acme/api-token',
  [ENV.agentPools]: JSON.stringify([
    { name: 'default', maxAgents: 5, lanes: [{ taskDefinition: 'launcher-default' }] },
  ]),
  [ENV.cluster]: 'launcher',
  [ENV.subnets]: 'subnet-a,subnet-b',
  [ENV.securityGroups]: 'sg-a',
};

/** The environment with these pools and these other variables. */
const withPools = (pools: readonly object[], more: Record<string, string | undefined> = {}) => ({
  ...good,
  [ENV.agentPools]: JSON.stringify(pools),
  ...more,
});
/** The environment with one pool of these lanes. */
const withLanes = (lanes: readonly object[], more: Record<string, string | undefined> = {}, maxAgents = 10) =>
  withPools([{ name: 'x', maxAgents, lanes }], more);

const PLAN = { taskDefinition: 'x-plan', phases: ['plan'] };
const APPLY = { taskDefinition: 'x-apply', phases: ['apply'], policies: false };

function faultsOf(environment: Record<string, string | undefined>) {
  try {
    parseConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('no fault was found');
}

describe('the environment', () => {
  it('makes the launcher a standby of a pool in milliseconds, from 30 s to 15 minutes', () => {
    const standby = (standbySeconds: number) =>
      withPools([{ name: 'x', maxAgents: 1, standbySeconds, lanes: [{ taskDefinition: 'x' }] }]);
    expect(parseConfig(standby(30)).pools[0]).toMatchObject({ standbyMs: 30_000 });
    expect(parseConfig(standby(900)).pools[0]).toMatchObject({ standbyMs: 900_000 });
    for (const wrong of [29, 901, 30.5]) expect(faultsOf(standby(wrong)).message).toContain('standbySeconds');
  });

  it('limits the jobs of a lane in milliseconds, from one hour to a week', () => {
    const limited = (limits: object) =>
      withPools([{ name: 'x', maxAgents: 1, lanes: [{ taskDefinition: 'x', ...limits }] }]);
    expect(parseConfig(limited({ maxPlanHours: 1 })).pools[0]?.lanes[0]).toMatchObject({
      maxJobMs: { plan: 3_600_000 },
    });
    expect(parseConfig(limited({ maxPlanHours: 2, maxApplyHours: 168 })).pools[0]?.lanes[0].maxJobMs).toEqual({
      plan: 7_200_000,
      apply: 604_800_000,
    });
    for (const wrong of [0, 169, 1.5]) {
      expect(faultsOf(limited({ maxPlanHours: wrong })).message).toContain('maxPlanHours');
      expect(faultsOf(limited({ maxApplyHours: wrong })).message).toContain('maxApplyHours');
    }
  });

  it('becomes the configuration, with defaults for optional values', () => {
    expect(parseConfig(good)).toEqual({
      hostname: 'app.terraform.io',
      pools: [
        {
          name: 'default',
          organization: 'acme',
          apiTokenSecret: 'acme/api-token',
          lanes: [{ phases: ['plan', 'apply'], taskDefinition: 'launcher-default', capacity: 'on-demand' }],
          maxAgents: 5,
        },
      ],
      placement: {
        cluster: 'launcher',
        subnets: ['subnet-a', 'subnet-b'],
        securityGroups: ['sg-a'],
        assignPublicIp: 'DISABLED',
      },
      tick: {
        limits: { startDeadlineMs: 300_000, backOffBaseMs: 30_000, backOffMaxMs: 900_000 },
        agentsCeiling: undefined,
      },
      activePollMs: 5_000,
      idlePollMs: 60_000,
      wakeUpsQueueUrl: undefined,
      scheduleMs: 60_000,
      apiTokenSecret: 'acme/api-token',
    });
  });

  it('can set an organization and an API token for a single pool', () => {
    const own = [
      {
        name: 'x',
        id: 'apool-1',
        organization: 'other',
        apiTokenSecret: 's',
        maxAgents: 1,
        lanes: [{ taskDefinition: 't', phases: ['plan', 'apply'] }],
      },
    ];
    expect(parseConfig(withPools(own)).pools).toMatchObject(own);
  });

  it('can set a lane for each phase', () => {
    expect(parseConfig(withLanes([{ ...PLAN, capacity: 'spot' }, APPLY])).pools[0]?.lanes).toEqual([
      { taskDefinition: 'x-plan', phases: ['plan'], capacity: 'spot' },
      { taskDefinition: 'x-apply', phases: ['apply'], capacity: 'on-demand', acceptsPolicies: false },
    ]);
  });

  it('is refused if pools share a task definition family or a name, and the error lists all faults', () => {
    const pools = [
      { name: 'x', maxAgents: 1, lanes: [PLAN, APPLY] },
      { name: 'x-apply', maxAgents: 1, lanes: [{ taskDefinition: 'x-apply' }] },
      { name: 'X', maxAgents: 1, lanes: [{ taskDefinition: 'X-Plan' }] },
    ];
    const { faults } = faultsOf(withPools(pools));
    expect(faults).toMatchObject([{ name: ENV.agentPools }]);
    expect(faults[0]?.given).toMatch(
      /\(pool name x is shared by pool 0 and pool 2; task definition family x-plan is shared by pool x and pool X; task definition family x-apply is shared by pool x and pool x-apply\)$/,
    );
  });

  it('is refused if two lanes start agents for policy evaluations, and the error has their names and a remedy', () => {
    const plan = { taskDefinition: 's_plan_x', phases: ['plan'] };
    const apply = { taskDefinition: 's_apply_x', phases: ['apply'] };
    const { faults } = faultsOf(withLanes([plan, apply]));
    expect(faults).toMatchObject([
      {
        name: ENV.agentPools,
        given: expect.stringContaining(
          '0.lanes: s_plan_x and s_apply_x both start agents for policy evaluations; only one of them may: set "policies": false in the others',
        ),
        allowed: expect.stringContaining('at least one has "policies": false'),
      },
    ]);
    const planOff = { ...plan, policies: false };
    const applyOff = { ...apply, policies: false };
    for (const lanes of [
      [planOff, apply],
      [plan, applyOff],
      [planOff, applyOff],
    ]) {
      expect(() => parseConfig(withLanes(lanes))).not.toThrow();
    }
  });

  it('is refused if two pools have the same id', () => {
    const pools = ['x', 'y'].map((name) => ({ name, id: 'apool-1', maxAgents: 1, lanes: [{ taskDefinition: name }] }));
    expect(faultsOf(withPools(pools)).faults[0]?.given).toMatch(/pool id apool-1 is shared by pool x and pool y/);
  });

  it.each([
    ['a pool whose warm agents leave no slot for the other lane', 2, undefined, ENV.agentPools],
    ['warm agents that leave no agent of agentsCeiling for another lane', 3, '2', ENV.agentsCeiling],
  ])('is refused with %s', (_, maxAgents, agentsCeiling, name) => {
    const lanes = [{ ...PLAN, warm: { agents: 2, idleSeconds: 3600 } }, APPLY];
    expect(faultsOf(withLanes(lanes, { [ENV.agentsCeiling]: agentsCeiling }, maxAgents)).faults).toMatchObject([
      { name },
    ]);
    expect(() => parseConfig(withLanes(lanes, { [ENV.agentsCeiling]: '3' }, 3))).not.toThrow();
  });

  it('can contain a host with a port, in upper or lower case', () => {
    expect(parseConfig({ ...good, [ENV.hostname]: 'TFE.acme.example:8443' }).hostname).toBe('tfe.acme.example:8443');
  });

  it.each([
    [ENV.activePollSeconds, '0', { activePollMs: 0 }],
    [ENV.idlePollSeconds, '10', { idlePollMs: 10_000 }],
    [
      ENV.wakeUpsQueueUrl,
      'https://sqs.eu-central-1.amazonaws.com/1/q',
      { wakeUpsQueueUrl: 'https://sqs.eu-central-1.amazonaws.com/1/q' },
    ],
    [ENV.startDeadlineSeconds, '600', { tick: { limits: { startDeadlineMs: 600_000 } } }],
    [ENV.agentsCeiling, '1', { tick: { agentsCeiling: 1 } }],
    [ENV.assignPublicIp, 'ENABLED', { placement: { assignPublicIp: 'ENABLED' } }],
  ])('is read with %s', (name, value, expected) => {
    expect(parseConfig({ ...good, [name]: value })).toMatchObject(expected);
  });

  it('causes one error that lists every fault', () => {
    expect(faultsOf({}).faults.map(({ name }) => name)).toEqual(Object.keys(good));
  });

  it('an error doesn’t contain the given values, because a token may be in the wrong variable', () => {
    const error = faultsOf({ ...good, [ENV.hostname]: 'x.atlasv1.secret token' });
    expect(error.message).not.toContain('atlasv1');
  });
});

describe('a variable of the environment', () => {
  const withLane = (lane: object, pool: object = {}) =>
    withPools([{ name: 'x', maxAgents: 100, lanes: [{ taskDefinition: 'x', ...lane }], ...pool }]);
  const namesOf = (environment: Record<string, string | undefined>) => {
    try {
      parseConfig(environment);
      return [];
    } catch (error) {
      return error instanceof ConfigError ? error.faults.map(({ name }) => name) : [String(error)];
    }
  };
  const warm = (more: object = {}) => ({ warm: { agents: 1, idleSeconds: 60, ...more } });
  const schedule = (more: object = {}) =>
    warm({ schedule: { days: ['Mon'], fromMinute: 0, toMinute: 1, timeZone: 'Europe/Berlin', ...more } });

  it.each([
    [ENV.hostname, 'a', 'tfe.acme.example:1', 'tfe.acme.example:65535'],
    [ENV.organization, ' acme '],
    [ENV.subnets, Array.from({ length: 16 }, (_, n) => `s${n}`).join()],
    [ENV.securityGroups, 'a,b,c,d,e'],
    [ENV.activePollSeconds, '60'],
    [ENV.idlePollSeconds, '5', '60'],
    [ENV.startDeadlineSeconds, '30', '3600'],
    [ENV.agentsCeiling, '999999999'],
  ])('%s can have its minimum and its maximum', (name, ...values) => {
    for (const value of values) expect(namesOf({ ...good, [name]: value }), value).toEqual([]);
  });

  it.each([
    [ENV.hostname, 'https://app.terraform.io', 'tfe.acme.example:', 'tfe.acme.example:123456', ''],
    [ENV.hostname, '.acme.example', 'acme.example.', 'a b', 'a/b', '-a'],
    [ENV.organization, '', ' '],
    [ENV.apiTokenSecret, ' '],
    [ENV.agentPools, 'not json', '[]'],
    [ENV.cluster, ' '],
    [ENV.subnets, ',', Array.from({ length: 17 }, (_, n) => `s${n}`).join()],
    [ENV.securityGroups, ' , ', 'a,b,c,d,e,f'],
    [ENV.assignPublicIp, 'yes'],
    [ENV.activePollSeconds, '61', '1.5', ' 1', '1 s', '-1', 'often', ''],
    [ENV.idlePollSeconds, '0', '4', '61', '7.5', ''],
    [ENV.wakeUpsQueueUrl, 'wake-ups', ''],
    [ENV.startDeadlineSeconds, '1', '29', '3601'],
    [ENV.agentsCeiling, '-1', '0', '1000000000000', ''],
  ])('%s can’t have other values', (name, ...values) => {
    for (const value of values) expect(namesOf({ ...good, [name]: value }), value).toEqual([name]);
  });

  it('is read as a list of names, without spaces and empty entries', () => {
    const { placement } = parseConfig({
      ...good,
      [ENV.subnets]: ' subnet-a , ,subnet-b,',
      [ENV.securityGroups]: ' sg-a ',
    });
    expect(placement).toMatchObject({ subnets: ['subnet-a', 'subnet-b'], securityGroups: ['sg-a'] });
  });

  it.each<[string, object, object?]>([
    ['the longest family', { taskDefinition: `a_-Z9${'x'.repeat(250)}` }],
    ['the least idle time', warm()],
    ['the most idle time', warm({ idleSeconds: 86_400 })],
    ['a schedule of the whole day', schedule({ fromMinute: 0, toMinute: 1440 })],
    ['a schedule of the last minute', schedule({ fromMinute: 1439, toMinute: 1440 })],
    ['the most frequent sweep', { sweepMinutes: 10 }],
    ['the least frequent sweep', { sweepMinutes: 1440 }],
    ['an id', {}, { id: 'apool-Az09' }],
  ])('can describe a pool with %s', (_, lane, pool) => {
    expect(namesOf(withLane(lane, pool))).toEqual([]);
  });

  it.each<[string, object, object?]>([
    ['a family that is too long', { taskDefinition: 'x'.repeat(256) }],
    ['a family with a revision', { taskDefinition: 'x:1' }],
    ['a family that begins with a space', { taskDefinition: ' x' }],
    ['no family', { taskDefinition: '' }],
    ['no phase', { phases: [] }],
    ['an unknown phase', { phases: ['plan', 'apply', 'test'] }],
    ['an unknown capacity', { capacity: 'on-demand' }],
    ['policies that are on', { policies: true }],
    ['a member that nobody knows', { colour: 'red' }],
    ['no warm agent', warm({ agents: 0 })],
    ['half a warm agent', warm({ agents: 1.5 })],
    ['too short an idle time', warm({ idleSeconds: 59 })],
    ['too long an idle time', warm({ idleSeconds: 86_401 })],
    ['a member of warm that nobody knows', warm({ colour: 'red' })],
    ['a schedule without a day', schedule({ days: [] })],
    ['a schedule with an unknown day', schedule({ days: ['Montag'] })],
    ['a schedule that begins before the day', schedule({ fromMinute: -1 })],
    ['a schedule that begins after the day', schedule({ fromMinute: 1440 })],
    ['a schedule that ends at its beginning', schedule({ toMinute: 0 })],
    ['a schedule that ends after the day', schedule({ toMinute: 1441 })],
    ['a schedule in no time zone', schedule({ timeZone: 'Middle/Earth' })],
    ['a schedule with a member that nobody knows', schedule({ colour: 'red' })],
    ['too frequent a sweep', { sweepMinutes: 9 }],
    ['too rare a sweep', { sweepMinutes: 1441 }],
    ['no lane', {}, { lanes: [] }],
    ['nobody for applies', PLAN],
    ['plans twice', {}, { lanes: [{ taskDefinition: 'x' }, PLAN] }],
    ['one family twice', {}, { lanes: [PLAN, { ...APPLY, taskDefinition: 'x-plan' }] }],
    ['applies on Spot', { capacity: 'spot' }],
    ['no agent', {}, { maxAgents: 0 }],
    ['a misspelt number of agents', {}, { maxAgents: undefined, maxAgent: 1 }],
    ['a name of two words', {}, { name: 'a b' }],
    ['an id without its letters', {}, { id: 'apool-' }],
    ['an id with something before it', {}, { id: 'my-apool-1' }],
    ['an id with something after it', {}, { id: 'apool-1/agents' }],
    ['a name with something before it', {}, { name: ' x' }],
    ['a name with something after it', {}, { name: 'x ' }],
    ['an empty organization', {}, { organization: ' ' }],
    ['an empty secret', {}, { apiTokenSecret: ' ' }],
    ['a member of the pool that nobody knows', {}, { colour: 'red' }],
  ])('can’t describe a pool with %s', (_, lane, pool) => {
    expect(namesOf(withLane(lane, pool))).toEqual([ENV.agentPools]);
  });

  it('is reported with its length, at most three faults, and a remedy if it is refused', () => {
    const lanes = { taskDefinition: '', capacity: 'x', warm: 1, sweepMinutes: 1 };
    const [fault] = faultsOf(withLane(lanes)).faults;
    expect(fault).toMatchObject({ name: ENV.agentPools, remedy: expect.stringContaining('set the variable') });
    expect(fault?.given).toMatch(
      /^\d+ characters \(0\.lanes\.0\.\w+: [^;]+; 0\.lanes\.0\.\w+: [^;]+; 0\.lanes\.0\.\w+: [^;]+\)$/,
    );
    expect(faultsOf({ ...good, [ENV.agentPools]: 'x' }).faults[0]?.given).toBe('1 characters (not JSON)');
    expect(faultsOf({ ...good, [ENV.cluster]: undefined }).faults[0]?.given).toBe('nothing');
  });

  it.each([
    [ENV.hostname, /host name with an optional port.*app\.terraform\.io/],
    [ENV.organization, /organization/],
    [ENV.apiTokenSecret, /secret/],
    [ENV.agentPools, /JSON list of pools.*"taskDefinition"/],
    [ENV.cluster, /ECS cluster/],
    [ENV.subnets, /1 to 16 subnet ids/],
    [ENV.securityGroups, /1 to 5 security group ids/],
    [ENV.assignPublicIp, /DISABLED or ENABLED/],
    [ENV.activePollSeconds, /integer from 0 to 60/],
    [ENV.idlePollSeconds, /integer from 5 to 60/],
    [ENV.wakeUpsQueueUrl, /URL of an SQS queue, or no value/],
    [ENV.startDeadlineSeconds, /integer from 30 to 3600/],
    [ENV.agentsCeiling, /integer of at least 1, or no value/],
  ])('%s is refused with what is allowed', (name, allowed) => {
    expect(faultsOf({ ...good, [name]: '' }).faults).toMatchObject([{ name, allowed: expect.stringMatching(allowed) }]);
  });

  it('AGENTS_CEILING applies to all pools of an organization together, and to each organization separately', () => {
    const pool = (name: string, more: object = {}) => ({
      name,
      maxAgents: 10,
      lanes: [{ taskDefinition: name, ...warm({ agents: 2 }) }],
      ...more,
    });
    const ceiling = { [ENV.agentsCeiling]: '4' };
    expect(namesOf(withPools([pool('a'), pool('b', { organization: 'other' })], ceiling))).toEqual([]);
    expect(faultsOf(withPools([pool('a'), pool('b')], ceiling)).faults).toMatchObject([
      {
        name: ENV.agentsCeiling,
        given: '4, with 4 warm agents in one organization',
        allowed: expect.stringMatching(/^at most \d warm agents$/),
        remedy: expect.stringContaining('deploy the stack'),
      },
    ]);
  });
});

describe('a lane with warm agents or sweeps', () => {
  const standingOf = (lane: object, more: Record<string, string> = {}) => {
    return parseConfig(withLanes([{ taskDefinition: 'x', ...lane }], more)).pools[0]?.lanes[0].standing;
  };
  const warm = { agents: 2, idleSeconds: 3600 };

  it('has its interval in milliseconds, and the configured warm agents', () => {
    expect(standingOf({ sweepMinutes: 10 })).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{12}$/),
      warm: undefined,
      sweepMs: 600_000,
    });
    expect(standingOf({ warm })).toMatchObject({ warm, sweepMs: undefined });
    expect(standingOf({})).toBeUndefined();
  });

  it('has a new id if a parameter of RunTask changes, because a client token belongs to one set of parameters', () => {
    const ids = [
      standingOf({ warm }),
      standingOf({ warm: { ...warm, idleSeconds: 3601 } }),
      standingOf({ warm, taskDefinition: 'y' }),
      standingOf({ warm }, { [ENV.subnets]: 'subnet-c' }),
    ].map((standing) => standing?.id);
    expect(new Set(ids).size).toBe(4);
    expect(standingOf({ warm: { ...warm, agents: 3 } })?.id).toBe(ids[0]);
  });
});

describe('pools that contradict themselves', () => {
  const givenFor = (lanes: object[], maxAgents = 10) => faultsOf(withLanes(lanes, {}, maxAgents)).faults[0]?.given;

  it('are refused, and the error says which rule they violate', () => {
    expect(givenFor([PLAN])).toContain('each phase must be in exactly one lane');
    expect(givenFor([PLAN, { ...APPLY, capacity: 'spot' }])).toContain(
      'a lane for applies must not use Spot, because an apply must not be interrupted',
    );
    const warm = { agents: 2, idleSeconds: 60 };
    expect(givenFor([{ ...PLAN, warm }, APPLY], 2)).toContain(
      'would use all of maxAgents, so jobs of the other phase could never start',
    );
    const schedule = { days: ['Mon'], fromMinute: 0, toMinute: 1, timeZone: 'x' };
    expect(givenFor([{ taskDefinition: 'x', warm: { ...warm, schedule } }])).toContain('not a time zone');
  });

  it('are the only reported fault even if an organization agent limit is set', () => {
    const { faults } = faultsOf({ ...good, [ENV.agentPools]: 'not json', [ENV.agentsCeiling]: '5' });
    expect(faults.map(({ name }) => name)).toEqual([ENV.agentPools]);
  });
});
