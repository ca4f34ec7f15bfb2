/** Findings as a table, and as a picture in Mermaid, which GitHub renders. */
import type { Finding } from './probes.ts';
import type { Arrival } from './walk.ts';

/** Returns the table of a mode. */
export function findingsTable(findings: readonly Finding[], entrance: Arrival): string {
  const row = (what: string, { reached, hops, stoppedBy }: Arrival) =>
    `| ${what} | ${reached ? `**yes**, through ${hops.join(' → ')}` : 'no'} | ${stoppedBy ?? ''} |`;
  return [
    '| from a task | reached | stopped by |',
    '|---|---|---|',
    ...findings.map((finding) => row(finding.what, finding)),
    row('*from the internet to a task*', entrance),
  ].join('\n');
}

const id = (name: string) => name.replace(/\W+/g, '-');

/** Returns the picture of a mode: every hop that a packet passes, and the places where packets are stopped. */
export function findingsPicture(findings: readonly Finding[], entrance: Arrival): string {
  const nodes = new Map<string, string>([['task', 'task']]);
  const passed = new Set<string>();
  /** The stopped packets, by the edge between their last hop and the place that stops them. */
  const stopped = new Map<string, string[]>();
  for (const { what, reached, hops, stoppedBy = '' } of findings) {
    let from = 'task';
    for (const hop of hops) {
      nodes.set(id(hop), hop);
      passed.add(`  ${from} --> ${id(hop)}`);
      from = id(hop);
    }
    if (reached) continue;
    const wall = stoppedBy.split(': ')[0] ?? stoppedBy;
    nodes.set(id(`stop ${wall}`), `✗ ${wall}`);
    const edge = `${from} ${id(`stop ${wall}`)}`;
    stopped.set(edge, [...(stopped.get(edge) ?? []), what]);
  }
  nodes.set('outside', 'internet');
  for (const gateway of ['internet-gateway', 'egress-only-internet-gateway']) {
    if (nodes.has(gateway)) passed.add(`  ${gateway} --> outside`);
  }
  if (!entrance.reached) stopped.set('outside task', ['inbound connections']);
  return [
    '```mermaid',
    'flowchart LR',
    ...[...nodes].map(([key, label]) => `  ${key}["${label}"]`),
    ...passed,
    ...[...stopped].map(([edge, what]) => {
      const [from, to] = edge.split(' ');
      return `  ${from} -. "${what.join('<br/>')}" .-x ${to}`;
    }),
    '```',
  ].join('\n');
}
