import { describe, expect, it } from 'vitest';
import { confirmedStops } from '../../../functions/launcher/confirm.ts';
import type { Agent, Stop } from '../../../functions/launcher/core/types.ts';
import { UpstreamError } from '../../../functions/launcher/errors.ts';
import { agent, demandWith, live, minutes, NOW, supply } from './core/builders.ts';
import { pool } from './fakes.ts';

const RECENT = NOW - minutes(11);
const FIRST_LIST = NOW - minutes(90);
const never = (taskId: string): Stop => ({ taskId, cause: 'agent-never-registered', reason: 'late' });
const errored = (taskId: string): Stop => ({ taskId, cause: 'agent-errored', reason: 'errored' });
const long = (taskId: string): Stop => ({ taskId, cause: 'job-too-long', reason: 'too long' });
const left = (taskId: string): Stop => ({ taskId, cause: 'agent-left', reason: 'left' });
const trouble = (fault: 'too-long' | 'unavailable') =>
  new UpstreamError({ system: 'HCP Terraform', fault, what: 'it fails' });

type Answer = readonly Agent[] | undefined | UpstreamError;

/** Confirms stops of tasks that were created 20 minutes ago. Also returns the start times of the requested lists of agents. */
async function confirm(
  stops: readonly Stop[],
  answer: Answer | ((sinceMs: number) => Answer),
  exited: readonly string[] = [],
  firstListMs = FIRST_LIST,
) {
  const asked: number[] = [];
  const tasks = stops.map(({ taskId }) =>
    live(taskId, 'overdue', {
      createdAtMs: NOW - minutes(20),
      ...(exited.includes(taskId) && { exitCode: 0 }),
    }),
  );
  const { stops: confirmed, error } = await confirmedStops(
    pool('one'),
    stops,
    {
      demand: demandWith(),
      supply: supply({ live: tasks }),
      agentsVisible: true,
      agentsSinceMs: firstListMs,
    },
    {
      hcpTerraform: {
        openRuns: () => new Map(),
        visibilityOf: () => ({ agentsVisible: true }),
        pollBudget: () => ({ usedInLastMinute: 0, taken: [], wanted: [], perMinute: 24 }),
        agents: async (_, sinceMs) => {
          asked.push(sinceMs);
          const agents = typeof answer === 'function' ? answer(sinceMs) : answer;
          if (agents instanceof UpstreamError) throw agents;
          return agents;
        },
      },
      nowMs: NOW,
      signal: new AbortController().signal,
    },
  );
  return { confirmed: confirmed.map(({ taskId }) => taskId), error, asked };
}

describe('a stop', () => {
  it('needs no list of agents if ECS knows the exit code of a task whose agent left', async () => {
    expect(await confirm([left('t')], [], ['t'])).toEqual({ confirmed: ['t'], error: undefined, asked: [] });
  });

  it.each([never, errored])('needs a list of agents even if ECS knows an exit code: %o', async (stopOf) => {
    expect((await confirm([stopOf('t')], [], ['t'])).asked).toHaveLength(1);
  });

  it('needs a list that goes back to a minute before the task if its agent never registered', async () => {
    expect(await confirm([never('t')], [])).toMatchObject({ confirmed: ['t'], asked: [NOW - minutes(21)] });
  });

  it.each([errored, left])(
    'needs a list that goes back as far as the first list if its agent was in that list: %o',
    async (stopOf) => {
      expect((await confirm([stopOf('t')], [])).asked).toEqual([FIRST_LIST]);
    },
  );

  it('shares one list with other stops, and the list goes back as far as any of them needs', async () => {
    const { confirmed, asked } = await confirm([never('t'), errored('u')], [agent('u', 'errored')]);
    expect({ confirmed, asked }).toEqual({ confirmed: ['t', 'u'], asked: [FIRST_LIST] });
  });

  it.each<[string, Stop, Agent[], boolean]>([
    ['had not registered, but has now', never('t'), [agent('t', 'exited')], false],
    ['errored, and is still errored', errored('t'), [agent('t', 'errored')], true],
    ['errored, and has exited', errored('t'), [agent('t', 'exited'), agent('t', 'errored')], true],
    [
      'errored, and an agent with the same name is busy',
      errored('t'),
      [agent('t', 'errored'), agent('t', 'busy')],
      false,
    ],
    [
      'errored, and an agent with the same name is idle',
      errored('t'),
      [agent('t', 'errored'), agent('t', 'idle')],
      false,
    ],
    ['errored, and is busy now', errored('t'), [agent('t', 'busy')], false],
    ['errored, and is unknown now', errored('t'), [agent('t', 'unknown')], false],
    ['errored, and is not in the list now', errored('t'), [agent('other', 'errored')], false],
    ['errored, and the list is empty now', errored('t'), [], false],
    ['left, and has exited', left('t'), [agent('t', 'exited')], true],
    ['left, and has errored since', left('t'), [agent('t', 'errored')], false],
    ['left, and is unknown now', left('t'), [agent('t', 'unknown')], false],
    ['left, and the list is empty now', left('t'), [], false],
    ['has run too long, and is still busy', long('t'), [agent('t', 'busy')], true],
    [
      'has run too long, and is still busy in one of two rows',
      long('t'),
      [agent('t', 'exited'), agent('t', 'busy')],
      true,
    ],
    ['has run too long, and has exited', long('t'), [agent('t', 'exited')], false],
    ['has run too long, and is unknown now', long('t'), [agent('t', 'unknown')], false],
    ['has run too long, and is idle in one of two rows', long('t'), [agent('t', 'busy'), agent('t', 'idle')], false],
    ['has run too long, and is not in the list now', long('t'), [agent('other', 'busy')], false],
    ['left, and registered again', left('t'), [agent('t', 'exited'), agent('t', 'idle')], false],
  ])('is checked again if the agent of its task %s', async (_, stop, agents, holds) => {
    expect((await confirm([stop], agents)).confirmed).toEqual(holds ? ['t'] : []);
  });

  it.each([never, errored, left, long])(
    'is not carried out if the API token can no longer list agents: %o',
    async (stopOf) => {
      expect((await confirm([stopOf('t')], undefined)).confirmed).toEqual([]);
    },
  );

  it('is not carried out if it needs a list and the list fails, and the error is reported', async () => {
    const error = trouble('unavailable');
    expect(await confirm([never('t'), left('u')], error, ['u'])).toEqual({
      confirmed: ['u'],
      error,
      asked: [NOW - minutes(21)],
    });
  });

  it('uses the list of the last minutes if the full list is too long, but only if the agent is errored', async () => {
    const byAge = (sinceMs: number) => (sinceMs === RECENT ? [agent('u', 'errored')] : trouble('too-long'));
    expect(await confirm([never('t'), errored('u')], byAge)).toEqual({
      confirmed: ['u'],
      error: undefined,
      asked: [FIRST_LIST, RECENT],
    });
  });

  it('lists only the agents of the last minutes if a job has run too long, because a busy agent pings all the time', async () => {
    const busy = [agent('t', 'busy')];
    expect(await confirm([long('t')], busy)).toEqual({ confirmed: ['t'], error: undefined, asked: [RECENT] });
  });

  it('is not carried out if even the list of the last minutes is too long', async () => {
    const error = trouble('too-long');
    expect(await confirm([errored('t')], error)).toEqual({ confirmed: [], error, asked: [FIRST_LIST, RECENT] });
    expect(await confirm([errored('t')], error, [], RECENT)).toEqual({ confirmed: [], error, asked: [RECENT] });
  });
});
