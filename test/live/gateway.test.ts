/** The live proof of a gateway against the local system, and its checks. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gatewayTimes } from '../../labs/live/gateway-checks.ts';
import { findingsOf } from '../../labs/live/report.ts';
import { gatewayProof, type LocalSystem, runDeployed, runLocal, type SessionDeps } from '../../labs/live/session.ts';
import { startSystem, type TestSystem } from '../cli/system.ts';
import { until } from '../processes.ts';
import { newFolder } from '../temporary-folder.ts';

const TIMING = { sleepSeconds: 2, idleSeconds: 2, patienceMs: 60_000 };

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem({
    gateway: { filterMs: 300 },
    aws: { aws: { instances: { times: { startMs: 900, stopMs: 300 } } } },
  });
}, 60_000);
afterAll(() => system?.close());

function local(): LocalSystem {
  const { hostname, organization, apiToken, certPem: ca, agentPool } = system.hcpTerraform;
  return { hostname, organization, apiToken, ca, agentPool, stackName: 'AgentLauncher' };
}

function deps(): SessionDeps {
  return {
    version: '0.2.0',
    id: 'test',
    folder: join(newFolder('live-gateway'), 'test'),
    env: {},
    now: Date.now,
    sleep: (ms, signal) => delay(Math.min(ms, 100), undefined, signal === undefined ? {} : { signal }),
    note: () => undefined,
    confirm: async () => true,
    signal: new AbortController().signal,
  };
}

describe('the live proof of a gateway against the local system', () => {
  it('sees the gateway start for a job, become ready and stop, and writes the times into the report', async () => {
    const { gateway } = system.world;
    if (gateway === undefined) throw new Error('The system has no gateway');
    const running = runLocal(local(), deps(), TIMING, gatewayProof({ untilStopped: true }, 'before-tasks'));
    await until('a task that has ended', () => system.ecs.tasks().some(({ lastStatus }) => lastStatus === 'STOPPED'));
    await until('no live task', () => system.ecs.tasks().every(({ lastStatus }) => lastStatus === 'STOPPED'));
    gateway.skip(10 * 60_000);
    const { evidence, ok, report } = await running;
    expect(evidence.failure).toBeUndefined();
    expect(ok).toBe(true);
    expect(evidence.runs.map(({ wanted, status }) => [wanted, status])).toEqual([
      ['plan only', 'planned_and_finished'],
    ]);
    const states = evidence.gateway?.sightings.map(({ state }) => state);
    expect([...new Set(states)]).toEqual(expect.arrayContaining(['stopped', 'pending', 'running', 'stopping']));
    expect([states?.[0], states?.at(-1)]).toEqual(['stopped', 'stopped']);
    const times = gatewayTimes(evidence);
    expect(times.startToReady).toBeGreaterThan(0.2);
    expect(times.readyToRunTask).toBeGreaterThan(0);
    expect(times.idleToStop).toBeGreaterThanOrEqual(0);
    expect(report).toContain('## The gateway AgentLauncher/gateway-1');
    expect(report).toMatch(/\| from the start until it is ready \| \d/);
    const results = new Map(findingsOf(evidence).map(({ statement, finding }) => [statement.check, finding.result]));
    expect(results.get('gateway-start')).toBe('not settled');
  }, 90_000);

  it('uses a deployed stack, removes only its workspaces, and shows the verdicts of the gateway’s log', async () => {
    const { hostname, organization, apiToken, certPem: ca } = system.hcpTerraform;
    const questions: string[] = [];
    const verdicts = [
      { name: 'app.terraform.io', verdict: 'allowed' },
      { name: '', verdict: 'refused' },
    ];
    for (const verdict of verdicts) {
      system.addLogEvent({ group: 'AgentLauncher-Gateways', message: verdict, at: Date.now() + 60_000 });
    }
    system.addLogEvent({ group: 'AgentLauncher-Gateways', message: 'nginx: started', at: Date.now() + 60_000 });
    const result = await runDeployed(
      { hostname, organization, region: undefined, profile: undefined, agentVersion: '1.33.0', stack: 'AgentLauncher' },
      {
        ...deps(),
        env: { TFE_TOKEN: apiToken },
        dispatcher: new Agent({ connect: { ca } }),
        confirm: async (question) => questions.push(question) > 0,
      },
      TIMING,
      gatewayProof({ untilStopped: false, address: '127.0.0.1:1' }, 'before-tasks'),
    );
    expect(questions).toEqual([expect.stringContaining('This uses the stack AgentLauncher in the AWS account')]);
    expect(result?.evidence.failure).toBeUndefined();
    expect(result?.evidence.runs.map(({ wanted, status }) => [wanted, status])).toEqual([
      ['plan only', 'planned_and_finished'],
      ['refused connection', 'errored'],
    ]);
    expect(result?.evidence.gateway).toMatchObject({
      allowed: { 'app.terraform.io': 1 },
      refused: { 'no server name': 1 },
    });
    expect(result?.report).toContain('| no server name | refused | 1 |');
    expect(result?.evidence.removed).toHaveLength(2);
    expect(system.hcpTerraform.world.workspaces.size).toBe(0);
  }, 90_000);

  it('stops a gateway that is awake, so that it can measure its start', async () => {
    const { gateway } = system.world;
    if (gateway === undefined) throw new Error('The system has no gateway');
    gateway.wake();
    await until('the gateway', () => gateway.phase === 'awake');
    const { evidence } = await runLocal(local(), deps(), TIMING, gatewayProof({ untilStopped: false }, 'before-tasks'));
    expect(evidence.failure).toBeUndefined();
    const states = evidence.gateway?.sightings.map(({ state }) => state) ?? [];
    expect(states[0]).toBe('running');
    expect(states.indexOf('stopped')).toBeLessThan(states.lastIndexOf('running'));
    expect(gatewayTimes(evidence).idleToStop).toBeUndefined();
  }, 90_000);
});
