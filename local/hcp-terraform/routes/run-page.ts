/**
 * The web page of a run, whose URL `terraform` prints. It shows the run, its logs and its containers. HCP Terraform requires a login
 * there. Here, the run's random id protects the page, because no page lists the ids.
 */
import { stripVTControlCharacters } from 'node:util';
import type { HttpServer } from '../../http-server.ts';
import { pathParameters } from '../http.ts';
import { notFound } from '../json-api.ts';
import type { Platform } from '../platform.ts';
import { currentOperation, isFinal, type Operation, type Run } from '../runs.ts';

/** Data about a container, and its output as text. */
export interface ContainerView {
  readonly facts: readonly (readonly [string, string])[];
  readonly lines: readonly string[];
}

export type ContainerOf = (agentName: string) => ContainerView | undefined;

const REFRESH_SECONDS = 3;
const STYLE = `
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 1000px; margin: 0 auto; padding: 24px 20px; }
h1 { font-size: 24px; margin: 0; } h2 { font-size: 18px; margin: 28px 0 6px; } h3 { font-size: 14px; margin: 14px 0 4px; }
p { margin: 4px 0; } dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 8px 0; }
dt { opacity: 0.7; } dd { margin: 0; overflow-wrap: anywhere; }
pre { background: color-mix(in srgb, CanvasText 7%, Canvas); padding: 12px; border-radius: 6px; overflow-x: auto; font-size: 13px; }
`;

export function runPageRoutes(api: HttpServer, platform: Platform, containerOf: ContainerOf): void {
  for (const path of ['/app/:organization/:workspace/runs/:id', '/app/:organization/workspaces/:workspace/runs/:id']) {
    api.get(path, (request, reply) => {
      const { organization, workspace = '', id = '' } = pathParameters.parse(request.params);
      const run = platform.world.runs.get(id);
      const name = platform.world.workspaces.get(run?.workspaceId ?? '')?.name;
      if (run === undefined || run.organization !== organization || name !== workspace) throw notFound();
      return reply
        .headers({
          'content-type': 'text/html; charset=utf-8',
          'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
          'cache-control': 'no-store',
          'referrer-policy': 'no-referrer',
        })
        .send(runPage(run, workspace, containerOf));
    });
  }
}

function runPage(run: Run, workspace: string, containerOf: ContainerOf): string {
  const refresh = isFinal(run) ? '' : `<meta http-equiv="refresh" content="${REFRESH_SECONDS}">\n`;
  const why = run.events.findLast(({ description }) => description !== undefined)?.description;
  const phases = [run.plan, run.apply].filter(({ executedBy, log }) => executedBy !== undefined || log.length > 0);
  const waiting = currentOperation(run);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refresh}<title>${escaped(`${workspace}: ${statusOf(run)}`)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escaped(workspace)}: ${escaped(statusOf(run))}</h1>
<p>${escaped(run.message)}</p>
${facts([
  ['Run', run.id],
  ['Created', new Date(run.createdAt).toISOString()],
  ['Kind', run.isDestroy ? 'destroy' : run.planOnly ? 'plan only' : 'plan and apply'],
  ...(why === undefined ? [] : [['Reason', why] as const]),
])}
${phases.length === 0 ? `<p>No agent has taken a job of this run yet${waiting === undefined ? '.' : `; the ${waiting.phase} is queued.`}</p>` : ''}
${phases.map((operation) => phase(operation, containerOf)).join('\n')}
<p><small>This is the local emulator. HCP Terraform's own page shows more, and requires a login.</small></p>
</body>
</html>
`;
}

function phase(operation: Operation, containerOf: ContainerOf): string {
  const by = operation.executedBy;
  const container = by === undefined ? undefined : containerOf(by.agentName);
  const log = Buffer.concat(operation.log).toString('utf8');
  return `<h2>${operation.phase === 'plan' ? 'Plan' : 'Apply'}: ${escaped(operation.status.replaceAll('_', ' '))}</h2>
${by === undefined ? '' : facts(Object.entries({ Agent: by.agentName, 'Agent pool': by.agentPoolName }))}
<pre>${escaped(plain(log)) || 'Nothing was written yet.'}</pre>
${container === undefined ? '' : `<h3>Its container</h3>\n${facts(container.facts)}\n<pre>${escaped(container.lines.map(plain).join('\n'))}</pre>`}`;
}

function statusOf(run: Run): string {
  return run.status.replaceAll('_', ' ');
}

function facts(rows: readonly (readonly [string, string])[]): string {
  return `<dl>${rows.map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`).join('')}</dl>`;
}

/** Removes colours and characters that HTML doesn't allow. */
function plain(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll('\r\n', '\n')
    .replaceAll(/[^\t\n\P{Cc}]/gu, '');
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
