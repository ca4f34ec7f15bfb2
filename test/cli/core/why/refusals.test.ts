/** What `why` says about domains that the network refused. */
import { expect, it } from 'vitest';
import { type RefusedKind, refusalsIn } from '../../../../cli/core/refused-domains.ts';
import { explain } from '../../../../cli/core/why/explain.ts';
import { evidence, NOW, runFacts } from './evidence.ts';

const log = (kind: RefusedKind, names: readonly string[], isCut = false) => ({
  kind,
  group: `${kind}s`,
  refused: names.map((name) => ({ atMs: NOW, name })),
  isCut,
});

function explained(logs: Parameters<typeof refusalsIn>[0], areOfTask = true) {
  const { facts, todo } = explain(
    evidence({
      run: { kind: 'found', run: runFacts({ status: 'errored' }) },
      refusals: { ...refusalsIn(logs), areOfTask },
    }),
  );
  return { texts: facts.filter(({ source }) => source === 'Network').map(({ text }) => text), todo };
}

it('names what both logs have about the task, and how to allow it', () => {
  const { texts, todo } = explained([log('lookup', ['a.example.']), log('connection', ['b.example', 'b.example'])]);
  expect(texts).toEqual([
    'refused to the task: b.example (2 connections, last at 12:00:00Z) and a.example (1 lookup, at 12:00:00Z)',
  ]);
  expect(todo.at(-1)).toMatch(/^If the job needs b\.example and a\.example, add the domain to network\.allowedDomains/);
});

it('says that the names can be those of other tasks if the address is unknown', () => {
  const { texts } = explained([log('lookup', ['a.example.'])], false);
  expect(texts).toEqual(['refused to tasks while this task ran: a.example (1 lookup, at 12:00:00Z)']);
});

it('says that there can be more if not all lines were read', () => {
  expect(explained([log('lookup', ['a.example.'], true)]).texts).toEqual([
    'refused to the task, at least: a.example (1 lookup, at 12:00:00Z)',
  ]);
  const { texts, todo } = explained([log('lookup', [], true)]);
  expect(texts).toEqual([
    'the DNS query log has too many lines to read; the newest have no lookup that was refused to the task',
  ]);
  expect(todo.join()).not.toContain('allowedDomains');
});

it('says which log could not be read and why, and names what the other has', () => {
  const { texts } = explained([
    { kind: 'lookup', group: '/aws/vendedlogs/Dns', failure: { kind: 'denied', reason: 'not authorized' } },
    { kind: 'connection', group: 'g', failure: { kind: 'failed', reason: 'Rate exceeded' } },
  ]);
  expect(texts).toEqual([
    'the DNS query log could not be read (logs:FilterLogEvents on /aws/vendedlogs/Dns)',
    'the log of the gateways could not be read (Rate exceeded)',
  ]);
});

it('says nothing if nothing was refused', () => {
  expect(explained([log('lookup', []), log('connection', [])]).texts).toEqual([]);
});
