import type { Scheduler } from '../../../../local/aws/core/scheduler.ts';
import { Ecs, type EcsRules } from '../../../../local/ecs/core/ecs.ts';
import type {
  ContainerEvents,
  ContainerLaunch,
  PullResult,
  RunningContainer,
  TaskRunner,
} from '../../../../local/ecs/core/runner.ts';

/** A clock that the test advances. */
export class VirtualTime implements Scheduler {
  #now = Date.parse('2026-11-24T06:00:00Z');
  #sequence = 0;
  readonly #timers = new Map<number, { readonly at: number; readonly work: () => void }>();

  now(): number {
    return this.#now;
  }

  after(delayMs: number, work: () => void): () => void {
    this.#sequence += 1;
    const id = this.#sequence;
    this.#timers.set(id, { at: this.#now + delayMs, work });
    return () => this.#timers.delete(id);
  }

  /** Advances the time, and runs everything that is due until then, in order. */
  pass(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(([, { at }]) => at <= end).sort(([a, x], [b, y]) => x.at - y.at || a - b);
      if (next === undefined) break;
      this.#timers.delete(next[0]);
      this.#now = Math.max(this.#now, next[1].at);
      next[1].work();
    }
    this.#now = end;
  }
}

/** Containers that do nothing until the test says so. They ignore SIGTERM, but not SIGKILL. */
export class ScriptedRunner implements TaskRunner {
  readonly started: {
    readonly launch: ContainerLaunch;
    readonly events: ContainerEvents;
    readonly signals: string[];
  }[] = [];
  readonly cleaned: string[] = [];
  readonly missingImages = new Set<string>();
  readonly #time: VirtualTime;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  pull(image: string, done: (result: PullResult) => void): void {
    done(
      this.missingImages.has(image) ? { failure: `CannotPullContainerError: ${image}` } : { digest: `sha256:${image}` },
    );
  }

  start(launch: ContainerLaunch, events: ContainerEvents): RunningContainer {
    const signals: string[] = [];
    this.started.push({ launch, events, signals });
    this.#time.after(0, () => events.started());
    return {
      signal: (name) => {
        signals.push(name);
        if (name === 'SIGKILL') this.#time.after(0, () => events.exited(137));
      },
    };
  }

  cleanUp(taskId: string): void {
    this.cleaned.push(taskId);
  }

  /** The container that was started as number n. */
  container(index: number) {
    const container = this.started[index];
    if (container === undefined) throw new Error(`No container ${index} was started.`);
    return container;
  }
}

export interface TaskView {
  readonly taskArn: string;
  readonly lastStatus: string;
  readonly desiredStatus: string;
  readonly stopCode?: string;
  readonly stoppedReason?: string;
  readonly version: number;
  readonly availabilityZone: string;
  readonly capacityProviderName?: string;
  readonly cpu: string;
  readonly tags: readonly { readonly key: string; readonly value: string }[];
  readonly containers: readonly { readonly exitCode?: number; readonly reason?: string; readonly lastStatus: string }[];
  readonly createdAt: number;
  readonly connectivityAt?: number;
  readonly pullStartedAt?: number;
  readonly pullStoppedAt?: number;
  readonly startedAt?: number;
  readonly stoppingAt?: number;
  readonly executionStoppedAt?: number;
  readonly stoppedAt?: number;
}

/** The members of JSON responses that the tests read. */
export interface Answer {
  readonly tasks?: readonly TaskView[];
  readonly failures?: readonly { readonly arn?: string; readonly reason: string }[];
  readonly task?: TaskView;
  readonly taskArns?: readonly string[];
  readonly nextToken?: string;
  readonly taskDefinition?: { readonly taskDefinitionArn: string; readonly revision: number; readonly status: string };
  readonly taskDefinitionArns?: readonly string[];
  readonly tags?: readonly { readonly key: string; readonly value: string }[];
}

export const PHASES = { provisionMs: 1000, pullMs: 2000, bootMs: 3000, deprovisionMs: 500 };

export const NETWORK = { awsvpcConfiguration: { subnets: ['subnet-a'], securityGroups: ['sg-1'] } };

export const RUN = { cluster: 'agents', taskDefinition: 'agent', launchType: 'FARGATE', networkConfiguration: NETWORK };

/** ECS in virtual time, with a cluster `agents`, a family `agent` and three subnets. */
export function virtualEcs(rules: Partial<EcsRules> = {}) {
  const time = new VirtualTime();
  const runner = new ScriptedRunner(time);
  let counter = 0;
  const ecs = new Ecs({
    place: { region: 'eu-central-1', accountId: '000000000000' },
    scheduler: time,
    runner,
    hex: (digits) => {
      counter += 1;
      return counter.toString(16).padStart(digits, '0');
    },
    secret: () => ({ value: 'secret' }),
    vpc: {
      subnets: [
        { id: 'subnet-a', availabilityZone: 'eu-central-1a' },
        { id: 'subnet-b', availabilityZone: 'eu-central-1b' },
      ],
      securityGroups: ['sg-1'],
      strict: false,
    },
    phases: PHASES,
    ...rules,
  });
  const call = (action: string, input: unknown = {}): Answer => {
    const run = ecs.actions[action];
    if (run === undefined) throw new Error(`No action ${action}`);
    return JSON.parse(JSON.stringify(run(input)));
  };
  call('CreateCluster', { clusterName: 'agents', capacityProviders: ['FARGATE', 'FARGATE_SPOT'] });
  call('RegisterTaskDefinition', AGENT_DEFINITION);
  const run = (input: object = {}): Answer => call('RunTask', { ...RUN, ...input });
  /** The task with this ARN, as DescribeTasks shows it. */
  const described = (taskArn: string): TaskView =>
    only(call('DescribeTasks', { cluster: 'agents', tasks: [taskArn] }).tasks);
  return { ecs, time, runner, call, run, described };
}

/** The only item of a list, which must have exactly one. */
export function only<Item>(items: readonly Item[] | undefined): Item {
  const [item, ...others] = items ?? [];
  if (item === undefined || others.length > 0) throw new Error(`Expected one item, got ${JSON.stringify(items)}`);
  return item;
}

/** The error that `work` throws. */
export function errorOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('It did not fail.');
}

export const AGENT_DEFINITION = {
  family: 'agent',
  requiresCompatibilities: ['FARGATE'],
  networkMode: 'awsvpc',
  cpu: '1024',
  memory: '2048',
  executionRoleArn: 'arn:aws:iam::000000000000:role/execution',
  containerDefinitions: [{ name: 'agent', image: 'agent', stopTimeout: 120 }],
};
