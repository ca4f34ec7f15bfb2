import { afterEach, describe, expect, it } from 'vitest';
import type { HcpTerraformOptions } from '../../../local/hcp-terraform/server.ts';
import { type Platform, serveNext, startPlatform, takeJob } from './client.ts';

let platform: Platform;
afterEach(() => platform.close());

/** The page of a run of the workspace `one`, at the URL that the CLI prints. */
async function page(runId: string, workspace = 'one') {
  return platform.send('GET', `/app/${platform.server.organization}/${workspace}/runs/${runId}`);
}

async function started(options: HcpTerraformOptions = {}): Promise<string> {
  platform = await startPlatform(options);
  return platform.createRun(await platform.workspace('one'), { message: 'try <script>alert(1)</script>' });
}

describe('the web page of a run', () => {
  it('shows a queued run, and the browser reloads it until the run has ended', async () => {
    const runId = await started();
    const queued = await page(runId);
    expect(queued.status).toBe(200);
    expect(queued.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(queued.text).toContain('<h1>one: plan queued</h1>');
    expect(queued.text).toContain('No agent has taken a job of this run yet; the plan is queued.');
    expect(queued.text).toContain('http-equiv="refresh"');
    await platform.act(runId, 'cancel');
    const canceled = await page(runId);
    expect(canceled.text).toContain('<h1>one: canceled</h1>');
    expect(canceled.text).not.toContain('http-equiv="refresh"');
  });

  it('shows the log without colors, and the agent’s container, and escapes both', async () => {
    const asked: string[] = [];
    const runId = await started({
      containerOf: (name) => {
        asked.push(name);
        return { facts: [['Task', 'arn:<x>']], lines: ['agent says <hi>', '\u001b[1mbold\u001b[0m'] };
      },
    });
    const { agent, job } = await takeJob(platform, { name: 'task-1' });
    const log = '\u001b[32mplanning <img src=x>\u001b[0m\u0007\r\n';
    await agent.send('POST', `/jobs/${job.operationId}/log`, log, 'text/plain');
    await agent.finish(job);
    const { text, headers } = await page(runId);
    expect(asked).toEqual(['task-1']);
    expect(text).toContain('planning &lt;img src=x&gt;\n');
    expect(text).toContain('<dd>arn:&lt;x&gt;</dd>');
    expect(text).toContain('agent says &lt;hi&gt;\nbold');
    expect(text).toContain('try &lt;script&gt;');
    for (const bad of ['<script', '<img', '\u001b', '\u0007']) expect(text).not.toContain(bad);
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['cache-control']).toBe('no-store');
  });

  it('shows why a run failed, and its plan and apply', async () => {
    const runId = await started();
    await serveNext(platform);
    await platform.act(runId, 'apply');
    const { agent } = await takeJob(platform);
    await agent.status('exited');
    const { text } = await page(runId);
    expect(text).toContain('Plan: finished');
    expect(text).toContain('Apply: errored');
    expect(text).toMatch(/<dt>Reason<\/dt><dd>Operation failed: the agent \S+ left while it executed the apply/);
  });

  it('doesn’t exist if the URL has a wrong run, workspace or organization', async () => {
    const runId = await started();
    expect((await page('run-0000000000000000')).status).toBe(404);
    expect((await page(runId, 'two')).status).toBe(404);
    expect((await platform.send('GET', `/app/other/one/runs/${runId}`)).status).toBe(404);
    expect((await platform.send('GET', `/app/acme/workspaces/one/runs/${runId}`)).status).toBe(200);
  });
});
