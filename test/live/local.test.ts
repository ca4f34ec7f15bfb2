/** The live proof against the local system: it proves nothing about the vendors, but it shows that the lab works and cleans up. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gatewayProof, type LocalSystem, runLocal, type SessionDeps } from '../../labs/live/session.ts';
import { startSystem, type TestSystem } from '../cli/system.ts';
import { newFolder } from '../temporary-folder.ts';

const TIMING = { sleepSeconds: 2, idleSeconds: 2, patienceMs: 60_000 };

let system: TestSystem;
let local: LocalSystem;

beforeAll(async () => {
  system = await startSystem();
  const { hostname, organization, apiToken, certPem: ca, agentPool } = system.hcpTerraform;
  local = { hostname, organization, apiToken, ca, agentPool, stackName: 'AgentLauncher' };
}, 60_000);
afterAll(() => system?.close());

function depsWith(signal = new AbortController().signal) {
  const notes: string[] = [];
  const deps: SessionDeps = {
    version: '0.2.0',
    id: 'test',
    folder: join(newFolder('live'), 'test'),
    env: {},
    now: Date.now,
    sleep: (ms, aborted) => delay(Math.min(ms, 300), undefined, aborted === undefined ? {} : { signal: aborted }),
    note: (text) => notes.push(text),
    confirm: async () => true,
    signal,
  };
  return { deps, notes };
}

const workspaces = (): string[] => [...system.hcpTerraform.world.workspaces.values()].map(({ name }) => name);

describe('the live proof against the local system', () => {
  it('runs everything, settles what emulators can show, removes its workspaces, and writes the report', async () => {
    const { deps, notes } = depsWith();
    const { evidence, ok, report } = await runLocal(local, deps, TIMING);
    expect(evidence.failure).toBeUndefined();
    expect(ok).toBe(true);
    expect(evidence.runs.map(({ wanted, status }) => [wanted, status])).toEqual([
      ['plan and apply', 'applied'],
      ['failing apply', 'errored'],
      ['interrupted apply', 'applied'],
    ]);
    // One task for each of the six jobs, and the agent without a job.
    expect(evidence.tasks.length).toBeGreaterThanOrEqual(7);
    expect(evidence.tasks.map(({ exitCode }) => exitCode)).toContain(75);
    expect(Object.keys(evidence.logs).length).toBeGreaterThan(0);
    expect(workspaces()).toEqual([]);
    expect(evidence.removed).toHaveLength(3);
    expect(existsSync(join(deps.folder, 'created.json'))).toBe(false);
    expect(readFileSync(join(deps.folder, 'report.md'), 'utf8')).toBe(report);
    const saved = readFileSync(join(deps.folder, 'report.json'), 'utf8');
    expect(JSON.parse(saved).findings).toEqual(
      expect.arrayContaining([expect.objectContaining({ check: 'exit-codes', result: 'confirmed' })]),
    );
    for (const text of [report, saved, notes.join('\n')]) {
      expect(text).not.toContain(local.apiToken);
      expect(text).not.toContain(system.hcpTerraform.agentPool.token);
    }
  }, 90_000);

  it('removes everything and reports what it saw if it is interrupted', async () => {
    const interrupt = new AbortController();
    const { deps, notes } = depsWith(interrupt.signal);
    const running = runLocal(local, deps, TIMING);
    await expect.poll(() => workspaces().length, { timeout: 30_000 }).toBe(3);
    interrupt.abort(new Error('interrupted by SIGINT'));
    const { evidence, ok, report } = await running;
    expect(ok).toBe(false);
    expect(evidence.failure).toContain('interrupted by SIGINT');
    expect(report).toContain('**Not complete: interrupted by SIGINT');
    expect(workspaces()).toEqual([]);
    expect(notes.filter((note) => note.startsWith('removing'))).toHaveLength(3);
  }, 60_000);

  it('reports a failure and exits cleanly if HCP Terraform rejects the token', async () => {
    const { deps } = depsWith();
    const { evidence, ok } = await runLocal({ ...local, apiToken: 'wrong.atlasv1.token' }, deps, TIMING);
    expect(ok).toBe(false);
    expect(evidence.failure).toContain('401');
    expect([evidence.removed, evidence.left]).toEqual([[], []]);
  });

  it('says what to do if it looks for a gateway, and the stack has none', async () => {
    const { deps } = depsWith();
    const proof = gatewayProof({ untilStopped: false }, 'before-tasks');
    const { evidence } = await runLocal(local, deps, TIMING, proof);
    expect(evidence.failure).toContain('AgentLauncher has no gateway. Use a stack with network.egress on-demand');
  });

  it('reports a failure if there is no such stack', async () => {
    const { deps } = depsWith();
    const { evidence } = await runLocal({ ...local, stackName: 'Nobody' }, deps, TIMING);
    expect(evidence.failure).toContain('There is no stack Nobody');
    expect(workspaces()).toEqual([]);
  });
});
