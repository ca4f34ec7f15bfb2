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
  it('becomes the configuration, with the defaults of what may be left out', () => {
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
        limits: { maxLaunchesPerTick: 50, startDeadlineMs: 300_000, backOffBaseMs: 30_000, backOffMaxMs: 900_000 },
        agentsCeiling: undefined,
      },
      activePollMs: 10_000,
    });
  });

  it('gives a pool its own organization and token where it has them', () => {
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
    expect(parseConfig({ ...good, [ENV.agentPools]: JSON.stringify(own) }).pools).toMatchObject(own);
  });

  it('gives a pool a lane for each phase where it has them', () => {
    const lanes = [
      { taskDefinition: 'x-plan', phases: ['plan'], capacity: 'spot' },
      { taskDefinition: 'x-apply', phases: ['apply'], policies: false },
    ];
    const pools = JSON.stringify([{ name: 'x', maxAgents: 1, lanes }]);
    expect(parseConfig({ ...good, [ENV.agentPools]: pools }).pools[0]?.lanes).toEqual([
      { taskDefinition: 'x-plan', phases: ['plan'], capacity: 'spot' },
      { taskDefinition: 'x-apply', phases: ['apply'], capacity: 'on-demand', acceptsPolicies: false },
    ]);
  });

  it.each([
    ['no lane', []],
    ['nobody for applies', [{ taskDefinition: 'x', phases: ['plan'] }]],
    ['plans twice', [{ taskDefinition: 'x' }, { taskDefinition: 'y', phases: ['plan'] }]],
    [
      'one family twice',
      [
        { taskDefinition: 'x', phases: ['plan'] },
        { taskDefinition: 'x', phases: ['apply'], policies: false },
      ],
    ],
    ['applies on Spot', [{ taskDefinition: 'x', capacity: 'spot' }]],
  ])('refuses a pool with %s', (_, lanes) => {
    const pools = JSON.stringify([{ name: 'x', maxAgents: 1, lanes }]);
    expect(faultsOf({ ...good, [ENV.agentPools]: pools }).faults).toMatchObject([{ name: ENV.agentPools }]);
  });

  it('refuses pools that share a task definition family or a name, all at once', () => {
    const pools = [
      {
        name: 'x',
        maxAgents: 1,
        lanes: [
          { taskDefinition: 's-x-plan', phases: ['plan'] },
          { taskDefinition: 's-x-apply', phases: ['apply'], policies: false },
        ],
      },
      { name: 'x-apply', maxAgents: 1, lanes: [{ taskDefinition: 's-x-apply' }] },
      { name: 'X', maxAgents: 1, lanes: [{ taskDefinition: 'S-X-Plan' }] },
    ];
    const { faults } = faultsOf({ ...good, [ENV.agentPools]: JSON.stringify(pools) });
    expect(faults).toMatchObject([{ name: ENV.agentPools }]);
    expect(faults[0]?.given).toMatch(
      /\(pool name x is shared by pool 0 and pool 2; task definition family s-x-plan is shared by pool x and pool X; task definition family s-x-apply is shared by pool x and pool x-apply\)$/,
    );
  });

  it('refuses two lanes that both start agents for runs in a post-plan status, and says which and what to do', () => {
    const parse = (plan: object, apply: object) => {
      const lanes = [
        { taskDefinition: 's_plan_x', phases: ['plan'], ...plan },
        { taskDefinition: 's_apply_x', phases: ['apply'], ...apply },
      ];
      return { ...good, [ENV.agentPools]: JSON.stringify([{ name: 'x', maxAgents: 1, lanes }]) };
    };
    const { faults } = faultsOf(parse({}, {}));
    expect(faults).toMatchObject([
      {
        name: ENV.agentPools,
        given: expect.stringContaining(
          '0.lanes: s_plan_x and s_apply_x both start agents for runs in a post-plan status; one lane may: set "policies": false in the others',
        ),
        allowed: expect.stringContaining('at most one of them without "policies" false'),
      },
    ]);
    const off = { policies: false };
    expect(() => [parse(off, {}), parse({}, off), parse(off, off)].map(parseConfig)).not.toThrow();
  });

  it('refuses one id for two pools', () => {
    const pools = ['x', 'y'].map((name) => ({ name, id: 'apool-1', maxAgents: 1, lanes: [{ taskDefinition: name }] }));
    expect(faultsOf({ ...good, [ENV.agentPools]: JSON.stringify(pools) }).faults[0]?.given).toMatch(
      /pool id apool-1 is shared by pool x and pool y/,
    );
  });

  it.each([
    ['a pool whose warm agents leave the other lane no slot', 2, undefined, ENV.agentPools],
    ['warm agents that leave another lane no agent of agentsCeiling', 3, '2', ENV.agentsCeiling],
  ])('refuses %s', (_, maxAgents, agentsCeiling, name) => {
    const lanes = [
      { taskDefinition: 'x-plan', phases: ['plan'], warm: { agents: 2, idleSeconds: 3600 } },
      { taskDefinition: 'x-apply', phases: ['apply'], policies: false },
    ];
    const variables = { ...good, [ENV.agentPools]: JSON.stringify([{ name: 'x', maxAgents, lanes }]) };
    expect(faultsOf({ ...variables, [ENV.agentsCeiling]: agentsCeiling }).faults).toMatchObject([{ name }]);
    const enough = JSON.stringify([{ name: 'x', maxAgents: 3, lanes }]);
    expect(() => parseConfig({ ...good, [ENV.agentPools]: enough, [ENV.agentsCeiling]: '3' })).not.toThrow();
  });

  it('takes a host with a port, in any case', () => {
    expect(parseConfig({ ...good, [ENV.hostname]: 'TFE.acme.example:8443' }).hostname).toBe('tfe.acme.example:8443');
  });

  it.each([
    [ENV.activePollSeconds, '0', { activePollMs: 0 }],
    [ENV.startDeadlineSeconds, '600', { tick: { limits: { startDeadlineMs: 600_000 } } }],
    [ENV.agentsCeiling, '1', { tick: { agentsCeiling: 1 } }],
    [ENV.assignPublicIp, 'ENABLED', { placement: { assignPublicIp: 'ENABLED' } }],
  ])('reads %s', (name, value, expected) => {
    expect(parseConfig({ ...good, [name]: value })).toMatchObject(expected);
  });

  it.each([
    [ENV.hostname, 'https://app.terraform.io'],
    [ENV.hostname, ''],
    [ENV.organization, ' '],
    [ENV.agentPools, 'not json'],
    [ENV.agentPools, '[]'],
    [ENV.agentPools, '[{"name":"a b","maxAgents":1,"lanes":[{"taskDefinition":"t"}]}]'],
    [ENV.agentPools, '[{"name":"a","maxAgents":0,"lanes":[{"taskDefinition":"t"}]}]'],
    [ENV.agentPools, '[{"name":"a","maxAgent":1,"lanes":[{"taskDefinition":"t"}]}]'],
    [ENV.subnets, ','],
    [ENV.securityGroups, 'a,b,c,d,e,f'],
    [ENV.assignPublicIp, 'yes'],
    [ENV.activePollSeconds, 'often'],
    [ENV.activePollSeconds, ''],
    [ENV.startDeadlineSeconds, '1'],
    [ENV.agentsCeiling, '-1'],
  ])('refuses %s = %j by name', (name, value) => {
    expect(faultsOf({ ...good, [name]: value }).faults.map((fault) => fault.name)).toEqual([name]);
  });

  it('tells every fault at once', () => {
    expect(faultsOf({}).faults.map(({ name }) => name)).toEqual(Object.keys(good));
  });

  it('does not repeat what it was given: a token may stand in the wrong variable', () => {
    const error = faultsOf({ ...good, [ENV.hostname]: 'x.atlasv1.secret token' });
    expect(error.message).not.toContain('atlasv1');
  });
});
