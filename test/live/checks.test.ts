import { describe, expect, it } from 'vitest';
import { CHECKS, type CheckId } from '../../labs/live/checks.ts';
import type { Evidence } from '../../labs/live/evidence.ts';
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

describe('a check of the live proof', () => {
  it.each<[CheckId, string, Partial<Evidence>, string]>([
    ['deployment', 'confirmed', { deployment: { seconds: 200, resources: 51 } }, 'deployed 51 resources in 200 s'],
    ['deployment', 'refuted', {}, 'the deployment failed'],
    ['deployment', 'refuted', { deployment: { seconds: 1 }, left: ['stack x'] }, 'left: stack x'],
    ['deployment', 'not settled', { mode: 'local' }, 'not deployed'],
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
