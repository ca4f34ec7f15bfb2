/** Checks of the agent pools in HCP Terraform. */

import { countedInWords, listed } from '../sentences.ts';
import { couldNotCheck, error, type Finding, note, type Observed, ok, warning } from './findings.ts';
import type { Target, TargetPool } from './target.ts';

export interface PoolFacts {
  readonly id: string;
  readonly name: string;
  /** Whether every workspace of the organization may use it. */
  readonly organizationScoped: boolean;
  /** Numbers of workspaces and projects that may use a pool that isn't organization-scoped. */
  readonly allowedWorkspaces: number;
  readonly allowedProjects: number;
  /** Number of workspaces that use it. */
  readonly usedBy: number;
  /** Agents that haven't exited. A failure with kind `denied`: the token can't list them. */
  readonly agents: Observed<readonly AgentFacts[]>;
  /** Ages of the agent tokens in days; `undefined`: the token can't list them. */
  readonly agentTokens: Observed<readonly number[] | undefined>;
}

export interface AgentFacts {
  readonly name: string;
  readonly status: string;
}

/** There is no pool with this name or id that the token can see. */
export interface MissingPool {
  readonly missing: true;
  /** Names of the organization's pools. */
  readonly others: readonly string[];
}

export type PoolAnswer = PoolFacts | MissingPool;

/** @param ownTasks ids of the cluster's tasks, which are the names of their agents; `undefined`: nothing is deployed */
export function checkPool(
  pool: TargetPool,
  answer: Observed<PoolAnswer>,
  ownTasks: Observed<ReadonlySet<string>> | undefined,
): Finding[] {
  if ('failure' in answer) {
    return [couldNotCheck('pool.exists', `the pool ${pool.name}`, answer.failure, 'an API token that sees the pool')];
  }
  const facts = answer.value;
  if ('missing' in facts) return [missingPool(pool, facts)];
  return [
    ...nameFindings(pool, facts),
    scopeFinding(facts),
    ...tokenFindings(facts),
    ...agentFindings(facts, ownTasks),
  ];
}

function missingPool({ name, id, organization }: TargetPool, { others }: MissingPool): Finding {
  const which = id === undefined ? `The pool ${name}` : `The pool ${name} (${id})`;
  const same = others.find((other) => other.toLowerCase() === name.toLowerCase());
  return error('pool.exists', {
    what: `${which} doesn’t exist in the organization ${organization}, or the API token can’t see it.`,
    why: 'The launcher finds no jobs for it, so no agent starts.',
    todo:
      same !== undefined
        ? `Correct the setting pools[].name: the pool’s name is ${same}.`
        : others.length === 0
          ? 'Create the pool in Settings, Agents, or give the token’s team "Manage agent pools".'
          : `Correct the setting pools[].name, or create the pool. The organization has ${listed(others)}.`,
  });
}

function* nameFindings({ name, id }: TargetPool, facts: PoolFacts): Iterable<Finding> {
  if (facts.name === name) return;
  yield error('pool.name', {
    what: `The pool ${id ?? facts.id} has the name ${facts.name}, but the settings call it ${name}.`,
    why: 'The launcher asks for the runs of a pool by its name, so it finds no jobs.',
    todo: `Set pools[].name to ${facts.name}, or correct pools[].id.`,
  });
}

function scopeFinding(facts: PoolFacts): Finding {
  const { name, organizationScoped, allowedWorkspaces, allowedProjects, usedBy } = facts;
  const users =
    usedBy === 0
      ? 'no workspace uses it yet'
      : `${countedInWords(usedBy, 'workspace')} ${usedBy === 1 ? 'uses' : 'use'} it`;
  if (organizationScoped) {
    return ok('pool.scope', `The pool ${name} exists. Every workspace of the organization may use it; ${users}.`);
  }
  if (allowedWorkspaces + allowedProjects === 0) {
    return error('pool.scope', {
      what: `No workspace and no project may use the pool ${name}.`,
      why: 'Runs can’t be sent to it, except those of workspaces that already use it.',
      todo: 'In Settings, Agents, this pool, allow workspaces or projects, or make the pool available to the whole organization.',
    });
  }
  const allowed = [
    ...(allowedProjects > 0 ? [countedInWords(allowedProjects, 'project')] : []),
    ...(allowedWorkspaces > 0 ? [countedInWords(allowedWorkspaces, 'workspace')] : []),
  ];
  return ok('pool.scope', `The pool ${name} exists. ${allowed.join(' and ')} may use it; ${users}.`);
}

/** Maximum number of ages that are shown, the oldest first. */
const MOST_AGES = 5;

function* tokenFindings({ name, agentTokens }: PoolFacts): Iterable<Finding> {
  if ('failure' in agentTokens) {
    yield couldNotCheck(
      'pool.agent-tokens',
      `the agent tokens of pool ${name}`,
      agentTokens.failure,
      'Manage agent pools',
    );
    return;
  }
  const ages = agentTokens.value;
  if (ages === undefined) return;
  if (ages.length > 0) {
    const days = [...ages].sort((a, b) => b - a).slice(0, MOST_AGES);
    const more = ages.length > days.length ? ' and more' : '';
    yield ok(
      'pool.agent-tokens',
      `The pool ${name} has ${countedInWords(ages.length, 'agent token')}. ${ages.length === 1 ? 'Its age' : 'Their ages'} in days: ${days.join(', ')}${more}.`,
    );
    return;
  }
  yield error('pool.agent-tokens', {
    what: `The pool ${name} has no agent token.`,
    why: 'Whatever the secret contains was revoked, so that agents can’t register.',
    todo: `Create an agent token in Settings, Agents, ${name}, and store it in the pool’s secret.`,
  });
}

function* agentFindings(facts: PoolFacts, ownTasks: Observed<ReadonlySet<string>> | undefined): Iterable<Finding> {
  const { name, agents } = facts;
  if ('failure' in agents) {
    if (agents.failure.kind === 'denied') {
      yield warning('pool.agents', {
        what: `The API token can’t list the agents of pool ${name}.`,
        why: 'The launcher can’t distinguish idle agents from starting ones, and never stops a task that hangs.',
        todo: 'In HCP Terraform, open Settings, Teams, the token’s team, and turn on "Manage agent pools".',
      });
    } else yield couldNotCheck('pool.agents', `the agents of pool ${name}`, agents.failure, 'Manage agent pools');
    return;
  }
  if (ownTasks !== undefined && 'failure' in ownTasks) {
    yield couldNotCheck(
      'pool.foreign-agents',
      `which agents of pool ${name} are tasks of the cluster`,
      ownTasks.failure,
      'ecs:ListTasks',
    );
    return;
  }
  const own = ownTasks?.value ?? new Set<string>();
  const live = agents.value.filter(({ status }) => status !== 'exited' && status !== 'errored');
  const foreign = live.filter((agent) => !own.has(agent.name));
  if (foreign.length === 0) {
    yield ok(
      'pool.foreign-agents',
      `The token may list the agents of pool ${name}, and all of them are tasks of this cluster.`,
    );
    return;
  }
  const names = listed(foreign.map((agent) => `${agent.name} (${agent.status})`));
  yield note('pool.foreign-agents', {
    what: `${foreign.length === 1 ? 'An agent' : `${foreign.length} agents`} of pool ${name} ${foreign.length === 1 ? 'isn’t a task' : 'aren’t tasks'} of this cluster: ${names}.`,
    why: 'They take jobs of this pool, with their own permissions and their own network.',
    todo: 'Nothing, if another launcher or an always-on agent shares the pool on purpose. Otherwise, stop them: docs/runbook.md, "Two launchers on one pool".',
  });
}

/** HCP Terraform fixes a pool's architecture with its first agent, and refuses agents of another one. */
export function checkArchitectures({ pools }: Target): Finding[] {
  return pools.flatMap(({ name, lanes }) => {
    const all = new Set(lanes.flatMap(({ task }) => ('value' in task ? task.value.architecture : [])));
    if (all.size < 2) return [];
    return [
      error('pool.architecture', {
        what: `The tasks of pool ${name} have more than one architecture: ${[...all].join(' and ')}.`,
        why: 'HCP Terraform fixes a pool’s architecture with the first agent that registers, and refuses the others.',
        todo: 'Use one architecture per pool, and a second pool for the other one.',
      }),
    ];
  });
}

/** Pools whose architecture the next deployment changes. */
export function checkArchitectureChange(deployed: Target, settings: Target): Finding[] {
  return settings.pools.flatMap(({ name, lanes }) => {
    const [now] = architecturesOf(deployed.pools.find((pool) => pool.name === name)?.lanes ?? []);
    const [next] = architecturesOf(lanes);
    if (now === undefined || next === undefined || now === next) return [];
    return [
      note('pool.architecture-change', {
        what: `The next deployment changes the architecture of pool ${name} from ${now} to ${next}.`,
        why: 'HCP Terraform refuses agents of another architecture as long as an agent of the old one is registered.',
        todo: 'Run `agent-launcher drain` before this deployment.',
      }),
    ];
  });
}

function architecturesOf(lanes: TargetPool['lanes']): string[] {
  return lanes.flatMap(({ task }) => ('value' in task ? task.value.architecture : []));
}
