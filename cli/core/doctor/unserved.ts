/** Checks whether runs wait in agent pools that neither this launcher nor any agent serves. */
import { capital, countedInWords } from '../sentences.ts';
import { type OtherPool, UNSERVED_WHY, unservedText } from '../unserved.ts';
import { couldNotCheck, type Finding, note, type Observed, ok, warning } from './findings.ts';

export interface OtherPools {
  /** Number of pools of the organization that this launcher doesn't serve, also of those with agents. */
  readonly count: number;
  readonly withoutAgents: readonly OtherPool[];
  /** Number of runs that wait in one of these pools. Which one wasn't read, because that takes one request per workspace. */
  readonly unreadRuns: number;
  /** Number of pools without agents whose runs weren't read. */
  readonly unreadPools: number;
}

/** @param pools `undefined`: the API token can't list the pools */
export function checkUnserved(
  organization: string,
  pools: Observed<OtherPools | undefined>,
  nowMs: number,
): readonly Finding[] {
  const id = 'pool.unserved';
  if ('failure' in pools) {
    const what = `whether runs wait in other agent pools of ${organization}`;
    return [couldNotCheck(id, what, pools.failure, 'View all workspaces')];
  }
  if (pools.value === undefined) {
    return [
      note(id, {
        what: `The API token can’t list the agent pools of ${organization}.`,
        why: 'doctor can’t see whether runs wait in a pool that nobody serves.',
        todo: 'Nothing, if every workspace uses a pool of this launcher. Otherwise, turn on "Manage agent pools" for the token’s team, or set TFE_TOKEN to your token.',
      }),
    ];
  }
  const { count, withoutAgents } = pools.value;
  const findings = [
    ...withoutAgents.filter(({ waiting }) => waiting.length > 0).map((pool) => waitingFinding(pool, nowMs)),
    ...unreadFindings(organization, pools.value),
  ];
  if (findings.length > 0) return findings;
  if (count === 0) return [ok(id, `This launcher serves every agent pool of ${organization}.`)];
  const others = count === 1 ? 'other agent pool' : `${count} other agent pools`;
  return [ok(id, `No run waits without an agent in the ${others} of ${organization}.`)];
}

function* unreadFindings(organization: string, { unreadRuns, unreadPools }: OtherPools): Iterable<Finding> {
  if (unreadRuns > 0) {
    yield note('pool.unserved', {
      what: `${capital(countedInWords(unreadRuns, 'more run'))} of ${organization} ${unreadRuns === 1 ? 'waits' : 'wait'} in pools without agents that aren’t pools of this launcher.`,
      why: 'doctor looks up the workspaces of the newest runs only, because each one takes a request.',
      todo: 'Run doctor again when the other runs have ended.',
    });
  }
  if (unreadPools > 0) {
    yield note('pool.unserved', {
      what: `doctor didn’t check ${countedInWords(unreadPools, 'more agent pool')} of ${organization} without agents.`,
      why: 'It checks the first 50 of them, with one request. Runs that wait in the others can’t be seen here.',
      todo: 'Delete pools that nobody uses: Settings, Agents.',
    });
  }
}

function waitingFinding(pool: OtherPool, nowMs: number): Finding {
  const { what, isLong, todo } = unservedText(pool, nowMs);
  const level = isLong ? warning : note;
  return level('pool.unserved', { what, why: UNSERVED_WHY, todo: todo.join(' ') });
}
