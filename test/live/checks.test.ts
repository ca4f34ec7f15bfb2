import { describe, expect, it } from 'vitest';
import { CHECKS, type CheckId } from '../../labs/live/checks.ts';
import type { Evidence, GatewayEvidence, GatewaySighting } from '../../labs/live/evidence.ts';
import { gatewayTimes } from '../../labs/live/gateway-checks.ts';
import { PRICES } from '../../lib/aws/prices.ts';
import { at, evidenceWith, run, task, tasksOf } from './evidence.ts';

const resultOf = (check: CheckId, evidence: Partial<Evidence>) => CHECKS[check](evidenceWith(evidence)).result;
const factsOf = (check: CheckId, evidence: Partial<Evidence>) => CHECKS[check](evidenceWith(evidence)).facts.join('; ');

const idle = task('idle', { exitCode: 75 });
const good = { runs: [run('a')], tasks: [...tasksOf('a'), idle] };
const least = (status: number) => [
  { team: 'View all workspaces', requests: { 'list runs': 200, 'list agents': status } },
];
const interrupted = { task: 'a-apply', run: 'a', at: at(50) };
const dead = (overrides: object) => ({
  interrupted,
  runs: [run('a', { wanted: 'interrupted apply', status: 'errored', endedAt: at(400), ...overrides })],
  tasks: tasksOf('a', { exitCode: 137 }),
});

/** A gateway that slept, and woke up for the job that was queued at 0 s. */
function gateway(overrides: Partial<GatewayEvidence> = {}): GatewayEvidence {
  const instance = { instance: 'i-1', createdAt: at(-600), hasAddress: false };
  const before = { ...instance, launchedAt: at(-600), readyAt: at(-480) };
  const launched = { ...instance, launchedAt: at(1), readyAt: at(-480) };
  return {
    name: 'L/gateway-1',
    start: 'before-tasks',
    idleMinutes: 7,
    fixedAddress: false,
    sightings: [
      { ...before, at: at(-470), state: 'running', hasAddress: true },
      { ...before, at: at(-20), state: 'stopped' },
      { ...launched, at: at(2), state: 'pending' },
      { ...launched, at: at(8), state: 'running', hasAddress: true },
      { ...launched, at: at(11), state: 'running', readyAt: at(10), hasAddress: true },
    ],
    allowed: { 'app.terraform.io': 4 },
    refused: { 'no server name': 1 },
    lines: [],
    ...overrides,
  };
}
const woken = {
  gateway: gateway(),
  runs: [run('a')],
  tasks: [task('a-plan', { createdAt: at(12), startedAt: at(45) })],
};
const late = { ...gateway().sightings[4], at: at(600), state: 'stopping', hasAddress: false } as GatewaySighting;
const refusedRun = (status: string) => ({ runs: [run('a'), run('b', { wanted: 'refused connection', status })] });
const idleFor = (seconds: number) => ({
  ...woken,
  gateway: gateway({ lastTaskAt: at(100), sightings: [...gateway().sightings, { ...late, at: at(100 + seconds) }] }),
});
const together = (overrides: object) => ({
  ...woken,
  gateway: gateway({ start: 'with-tasks' }),
  tasks: [task('a-plan', { createdAt: at(2), ...overrides })],
});

it('the times of a gateway come from EC2, the instance and ECS', () => {
  expect(gatewayTimes(woken)).toEqual({
    firstStart: 120,
    queuedToStart: 1,
    startToRunning: 7,
    startToReady: 9,
    queuedToRunTask: 12,
    queuedToTaskRunning: 45,
    readyToRunTask: 2,
    idleToStop: undefined,
  });
  expect(gatewayTimes(idleFor(450)).idleToStop).toBe(450);
  expect(new Set(Object.values(gatewayTimes({ runs: [], tasks: [] })))).toEqual(new Set([undefined]));
});

describe('a check of the live proof', () => {
  it.each<[CheckId, string, Partial<Evidence>, string]>([
    ['deployment', 'confirmed', { deployment: { seconds: 200, resources: 51 } }, 'deployed 51 resources in 200 s'],
    ['deployment', 'refuted', {}, 'the deployment failed'],
    ['deployment', 'refuted', { deployment: { seconds: 1 }, left: ['stack x'] }, 'left: stack x'],
    ['deployment', 'not settled', { mode: 'local' }, 'not deployed'],
    ['deployment', 'not settled', { mode: 'deployed' }, 'deployed before'],
    [
      'gateway-start',
      'confirmed',
      woken,
      'first start: ready after 120.0 s; running after 7.0 s; start from stopped: ready after 9.0 s',
    ],
    [
      'gateway-start',
      'refuted',
      {
        ...woken,
        gateway: gateway({
          sightings: gateway().sightings.map((one) => (one.readyAt === at(10) ? { ...one, readyAt: at(22) } : one)),
        }),
      },
      'ready after 21.0 s',
    ],
    ['gateway-start', 'not settled', { ...woken, mode: 'local' }, 'ready after 9.0 s'],
    ['gateway-start', 'not settled', good, 'the lab looked at no gateway'],
    ['gateway-address', 'confirmed', woken, 'running with an address: yes; stopped with an address: no'],
    [
      'gateway-address',
      'refuted',
      { gateway: gateway({ sightings: gateway().sightings.map((one) => ({ ...one, hasAddress: false })) }) },
      'running with an address: no',
    ],
    ['gateway-address', 'not settled', { gateway: gateway({ fixedAddress: true }) }, 'fixed address'],
    ['gateway-address', 'not settled', { ...woken, mode: 'local' }, 'no gateway of AWS'],
    ['gateway-with-tasks', 'confirmed', together({}), 'RunTask 8.0 s before the gateway was ready; the task started'],
    ['gateway-with-tasks', 'refuted', together({ startedAt: undefined, stoppedReason: 'i/o timeout' }), 'i/o timeout'],
    ['gateway-with-tasks', 'not settled', woken, 'gatewayStart before-tasks'],
    ['gateway-with-tasks', 'not settled', { ...together({}), mode: 'local' }, 'no task of AWS'],
    [
      'gateway-filter',
      'confirmed',
      { ...woken, ...refusedRun('errored') },
      'allowed: app.terraform.io 4; refused: no server name 1',
    ],
    ['gateway-filter', 'refuted', { ...woken, ...refusedRun('planned_and_finished') }, 'became planned_and_finished'],
    ['gateway-filter', 'refuted', { gateway: gateway({ refused: {} }), ...refusedRun('errored') }, 'refused: none'],
    ['gateway-filter', 'refuted', { gateway: gateway({ allowed: {} }), ...refusedRun('errored') }, 'allowed: none'],
    ['gateway-filter', 'not settled', woken, 'allowed: app.terraform.io 4'],
    ['gateway-stop', 'confirmed', idleFor(450), 'stopped 450 s after the last task; gatewayIdleMinutes 7'],
    ['gateway-stop', 'refuted', idleFor(601), 'stopped 601 s'],
    ['gateway-stop', 'refuted', idleFor(200), 'stopped 200 s'],
    ['gateway-stop', 'not settled', woken, '--until-stopped'],
    ['gateway-stop', 'not settled', { ...idleFor(3), mode: 'local' }, 'stopped 3 s'],
    ['gateway-removal', 'confirmed', { ...woken, deployment: { seconds: 200 } }, 'CloudFormation deleted the stack'],
    ['gateway-removal', 'refuted', { ...woken, deployment: { seconds: 200 }, left: ['stack x'] }, 'stack x'],
    ['gateway-removal', 'not settled', { ...woken, mode: 'deployed' }, 'removed no stack'],
    ['start-phases', 'confirmed', good, 'total: 30.0 to 30.0 s, 3 tasks'],
    ['start-phases', 'refuted', { tasks: tasksOf('a', { startedAt: at(61) }) }, 'total: 61.0'],
    ['start-phases', 'not settled', {}, 'total: none'],
    ['start-phases', 'not settled', { ...good, mode: 'local' }, 'total: 30.0'],
    ['image-pull', 'confirmed', good, 'sha256:abc'],
    ['image-pull', 'refuted', { tasks: [task('a', { image: 'hashicorp/tfc-agent:1.33.0' })] }, 'tfc-agent:1.33.0'],
    ['image-pull', 'refuted', { tasks: [task('a', { imageDigest: 'sha256:other' })] }, 'sha256:other'],
    ['image-pull', 'not settled', {}, 'no digest'],
    ['image-pull', 'not settled', { ...good, mode: 'local' }, 'copies no image'],
    ['exit-codes', 'confirmed', good, 'after a successful job: 0; after a failed apply: not seen; without a job: 75'],
    ['exit-codes', 'refuted', { ...good, tasks: [...tasksOf('a', { exitCode: 1 }), idle] }, 'successful job: 1'],
    ['exit-codes', 'refuted', { ...good, tasks: [...tasksOf('a'), task('idle')] }, 'without a job: 0'],
    ['exit-codes', 'not settled', { ...good, tasks: tasksOf('a') }, 'without a job: not seen'],
    [
      'statuses',
      'confirmed',
      { ...good, agents: { x: { statuses: ['idle', 'busy', 'exited'] } } },
      'agents: idle, busy',
    ],
    ['statuses', 'refuted', { ...good, runs: [run('a', { statuses: ['brand_new'] })] }, 'unknown: brand_new'],
    ['statuses', 'refuted', { ...good, tasks: [task('a', { statuses: ['THAWING'] })] }, 'unknown: THAWING'],
    ['statuses', 'refuted', { ...good, agents: { x: { statuses: ['sleeping'] } } }, 'unknown: sleeping'],
    ['statuses', 'not settled', {}, 'runs: '],
    ['accepted-jobs', 'confirmed', good, '2 jobs'],
    [
      'accepted-jobs',
      'refuted',
      { ...good, tasks: [task('a-plan'), task('a-apply')] },
      'a/apply ran in Live_plan_live',
    ],
    ['accepted-jobs', 'not settled', { ...good, tasks: tasksOf('a', { family: 'Live_all_live' }) }, 'no job ran'],
    ['permissions', 'confirmed', { permissions: least(404) }, 'list agents 404'],
    ['permissions', 'refuted', { permissions: least(200) }, 'list agents 200'],
    ['permissions', 'not settled', {}, 'no teams'],
    ['architecture', 'confirmed', { tasks: [task('a', { architecture: 'x86_64' })] }, 'attributes: x86_64'],
    ['architecture', 'refuted', good, 'attributes: none'],
    ['architecture', 'not settled', {}, 'no task'],
    ['architecture', 'not settled', { ...good, mode: 'local' }, 'no task'],
    ['read-lag', 'confirmed', good, 'from created to listed: 2.0 to 2.0 s'],
    ['read-lag', 'refuted', { tasks: [task('a', { firstListedAt: at(61) })] }, '61.0 s'],
    ['read-lag', 'not settled', {}, 'no task'],
    ['deprovisioning', 'confirmed', good, '20.0 to 20.0 s'],
    ['deprovisioning', 'refuted', { tasks: [task('a', { stoppedAt: at(131) })] }, '61.0 s'],
    ['deprovisioning', 'not settled', {}, 'no end'],
    ['interruption', 'confirmed', dead({ endedAt: at(70 + 390) }), 'exit code 137; the run became errored; 390 s'],
    ['interruption', 'refuted', dead({ endedAt: at(70 + 391) }), '391 s'],
    ['interruption', 'not settled', dead({ status: 'applied' }), 'the job ended before'],
    ['interruption', 'not settled', dead({ status: 'applying', endedAt: undefined }), 'had not ended'],
    ['interruption', 'not settled', {}, 'no task was interrupted'],
    [
      'post-plan',
      'confirmed',
      { runs: [run('a', { timestamps: { 'policy-checking-at': at(0), 'policy-checked-at': at(119) } })] },
      'a: 119 s',
    ],
    [
      'post-plan',
      'refuted',
      { runs: [run('a', { timestamps: { 'post-plan-running-at': at(0), 'post-plan-completed-at': at(120) } })] },
      'a: 120 s',
    ],
    ['post-plan', 'not settled', good, 'no run had run tasks'],
    ['release-files', 'confirmed', { published: { releaseBuilds: ['linux_arm64'], signingKeys: 1 } }, 'keys: 1'],
    ['release-files', 'refuted', { published: { releaseBuilds: ['linux_amd64'], signingKeys: 1 } }, 'linux_amd64'],
    ['release-files', 'refuted', { published: { releaseBuilds: ['linux_arm64'], signingKeys: 2 } }, 'keys: 2'],
    ['release-files', 'not settled', {}, 'could not be asked'],
    ['ecr-public', 'confirmed', { published: { ecrPublicStatus: 404 } }, '404'],
    ['ecr-public', 'refuted', { published: { ecrPublicStatus: 200 } }, '200'],
    ['ecr-public', 'not settled', {}, 'could not be asked'],
    ['eu-archivist', 'confirmed', { published: { euArchivistResolves: true } }, 'has an address'],
    ['eu-archivist', 'refuted', { published: { euArchivistResolves: false } }, 'does not exist'],
    ['eu-archivist', 'not settled', {}, 'no name server'],
    ['prices', 'confirmed', { published: { prices: { alarmMonth: PRICES.alarmMonth.usd } } }, 'alarmMonth: $0.1'],
    ['prices', 'refuted', { published: { prices: { alarmMonth: 0.2 } } }, 'alarmMonth: $0.2, not $0.1'],
    ['prices', 'not settled', { published: { prices: { unknown: 1 } } }, 'none of these prices'],
    ['prices', 'not settled', {}, 'could not be read'],
  ])('%s is %s (%o)', (check, result, evidence, fact) => {
    expect(resultOf(check, evidence)).toBe(result);
    expect(factsOf(check, evidence)).toContain(fact);
  });
});
