/**
 * Models of other launchers, from their published code. Each comment has the repository, its commit, and file:line.
 *
 * A model has the same agents, starts and prices as this launcher. Only its decisions differ: when it asks, what it counts, and which
 * agents it starts and stops. We favor the others where their documents leave something open: every default that limits the number
 * of agents is raised to {@link MAX_AGENTS}, and their own processes never fail.
 */

import type { SimulatedTask } from '../../test/simulation/ecs-world.ts';
import type { Run } from '../../test/simulation/hcp-records.ts';
import { MAX_AGENTS, type Model, type PeerWorld } from './world.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** RunTask's maximum, so that a model of a service needs few calls. */
const TASKS_PER_CALL = 10;

interface ServiceRules {
  /** How often the service compares its tasks with the desired number. Neither AWS nor Kubernetes documents it. */
  readonly everyMs: number;
  /** From SIGTERM to SIGKILL. */
  readonly graceMs: number;
  /** Orders tasks whose agents have registered: the first is stopped first. */
  readonly order: (tasks: readonly SimulatedTask[]) => readonly SimulatedTask[];
}

/**
 * An ECS service or a Kubernetes deployment: it keeps the desired number of tasks running, and replaces tasks that end.
 * It first stops tasks whose agents have not registered yet, because both prefer tasks that aren't ready. (Unverified for ECS.)
 */
class Service {
  readonly #world: PeerWorld;
  readonly #rules: ServiceRules;
  readonly #stopping = new Set<SimulatedTask>();
  desired = 0;

  constructor(world: PeerWorld, rules: ServiceRules) {
    this.#world = world;
    this.#rules = rules;
    world.repeat(
      () => rules.everyMs,
      () => this.#compare(),
    );
  }

  get tasks(): SimulatedTask[] {
    return [...this.#world.ecs.live].filter(
      (task) => task.desiredStatus === 'RUNNING' && !task.over && !this.#stopping.has(task),
    );
  }

  #compare(): void {
    const { tasks } = this;
    let missing = this.desired - tasks.length;
    while (missing > 0) {
      const launched = this.#world.launch(Math.min(missing, TASKS_PER_CALL));
      if (launched === 0) return;
      missing -= launched;
    }
    const surplus = tasks.length - this.desired;
    if (surplus <= 0) return;
    const { containers } = this.#world;
    const starting = tasks.filter((task) => containers.processOf(task) === undefined);
    const ready = tasks.filter((task) => containers.processOf(task) !== undefined);
    for (const task of [...starting, ...this.#rules.order(ready)].slice(0, surplus)) this.#stop(task);
  }

  #stop(task: SimulatedTask): void {
    const process = this.#world.containers.processOf(task);
    if (process === undefined) {
      this.#world.stop(task);
      return;
    }
    this.#stopping.add(task);
    process.terminate();
    this.#world.time.after(this.#rules.graceMs, () => process.kill());
  }
}

/** Fargate's documented launch rate also applies to a service: 100 at once, then 20 per second. The simulated ECS enforces it. */
const ECS_SERVICE = { everyMs: 5 * SECOND };

function shuffled<T>({ random }: PeerWorld, items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

const agentOf = (world: PeerWorld, task: SimulatedTask) => world.containers.agentOf(task);

// -- N agents that always run

/** An ECS service with a fixed number of agents that take one job after the other. */
export function alwaysOn(agents: number): Model {
  return {
    singleAgents: false,
    start: (world) => {
      const service = new Service(world, { ...ECS_SERVICE, graceMs: 120 * SECOND, order: (tasks) => tasks });
      service.desired = agents;
    },
  };
}

// -- hashicorp/hcp-terraform-operator, commit 6c975cbee8ff7366ab433b9d373c67ac53fbe2c9 (2026-07-28)

/** internal/controller/agentpool_controller_autoscaling.go:22-31 */
const WAITS_FOR_A_PERSON = new Set([
  'cost_estimated',
  'planned',
  'planned_and_saved',
  'policy_override',
  'post_plan_awaiting_decision',
  'post_plan_completed',
  'pending',
  'policy_checked',
]);

/** How many agents the operator wants: agentpool_controller_autoscaling.go:86-108. */
export function operatorDemand(runs: readonly { status: string; planOnly: boolean; workspaceId: string }[]): number {
  const counted = runs.filter(({ status }) => !WAITS_FOR_A_PERSON.has(status));
  const speculative = counted.filter(({ planOnly }) => planOnly).length;
  const workspaces = new Set(counted.filter(({ planOnly }) => !planOnly).map(({ workspaceId }) => workspaceId));
  return workspaces.size + speculative;
}

/** The default cooldown, for both directions: api/v1alpha2/agentpool_types.go:83-87. */
export const OPERATOR_COOLDOWN = { upSeconds: 300, downSeconds: 300 };

/**
 * The operator in a Kubernetes cluster. We assume that the cluster has capacity, and that a pod starts like a Fargate task.
 * - Each turn asks for the pool, its tokens and all runs that aren't final: agentpool_controller.go:220-226 and :281,
 *   agentpool_controller_tokens.go:32, agentpool_controller_autoscaling.go:71-110. NewClient (agentpool_controller.go:158) sends a ping.
 * - It repeats 30 s after the end of a turn: cmd/main.go:71 and agentpool_controller.go:114.
 * - The cooldown counts from the last scaling event in either direction: agentpool_controller_autoscaling.go:216-243 and :292-296.
 * - A pod that must go has 15 minutes for its job: agentpool_controller_deployment.go:134 and :158-162.
 * - Agents take several jobs, because the operator doesn't set TFC_AGENT_SINGLE: agentpool_controller_deployment.go:206-229.
 */
export function operator(cooldown: typeof OPERATOR_COOLDOWN): Model {
  return {
    singleAgents: false,
    start: (world) => {
      const pods = new Service(world, {
        everyMs: SECOND,
        graceMs: 15 * MINUTE,
        // https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#scaling-a-replicaset:
        // newer pods first. (Kubernetes treats similar ages as equal; the model doesn't.)
        order: (tasks) => tasks.toSorted((a, b) => (b.registeredAtMs ?? 0) - (a.registeredAtMs ?? 0)),
      });
      let lastEventMs: number | undefined;
      world.repeat(
        () => 30 * SECOND,
        async () => {
          await world.ask();
          await world.ask();
          await world.ask();
          const wanted = Math.min(MAX_AGENTS, operatorDemand(await runsNotFinal(world)));
          if (wanted === pods.desired) return;
          const seconds = wanted > pods.desired ? cooldown.upSeconds : cooldown.downSeconds;
          if (lastEventMs !== undefined && world.time.now() - lastEventMs < seconds * SECOND) return;
          pods.desired = wanted;
          lastEventMs = world.time.now();
        },
      );
    },
  };
}

async function runsNotFinal(world: PeerWorld): Promise<{ status: string; planOnly: boolean; workspaceId: string }[]> {
  const runs: Run[] = [];
  for (let page = 1; ; page += 1) {
    const document = await world.listRuns({
      'filter[agent_pool_names]': world.poolName,
      'filter[status_group]': 'non_final',
      'page[size]': '100',
      'page[number]': String(page),
    });
    for (const { id } of document.data) {
      const run = world.hcp.run(id);
      if (run !== undefined) runs.push(run);
    }
    if (document.meta?.pagination['next-page'] == null) break;
  }
  return runs.map(({ status, of: { planOnly, workspaceId } }) => ({ status, planOnly, workspaceId }));
}

// -- oulman/tfc-agent-autoscaler, commit c5c5d161f0214b77b199fdb7183f22dcc333142c (2026-02-18)

/** internal/scaler/scaler.go:307-312, with a minimum of 0 */
export function oulmanDesired(pendingRuns: number, busyAgents: number): number {
  return Math.max(0, Math.min(pendingRuns + busyAgents, MAX_AGENTS));
}

/** internal/scaler/scaler.go:207-213: it never removes more agents than are idle. */
export function oulmanScaleDown(current: number, desired: number, idle: number): number {
  return current - Math.min(current - desired, idle);
}

/**
 * The autoscaler with one service, in its own task that always runs.
 * - Every 10 s, unless the last turn still runs: internal/config/config.go:78, internal/scaler/scaler.go:90-113.
 * - Each turn lists the agents, reads the pool, and lists runs twice per workspace: internal/tfc/client.go:96-124, :151-174 and
 *   :186-208. It sets no `filter[operation]`, so HCP Terraform doesn't show it speculative plans.
 * - It counts pending runs: internal/tfc/client.go:127-135.
 * - It adds agents immediately. It removes them 60 s after the last change: internal/config/config.go:81, internal/scaler/scaler.go:158-226.
 * - Before it removes agents, it protects busy tasks for two hours: internal/scaler/scaler.go:228-295, internal/ecs/client.go:141-166.
 * - Agents take several jobs, and have 120 s after SIGTERM: terraform/tfc_agent.tf:108-114.
 */
export const oulman: Model = {
  singleAgents: false,
  start: (world) => {
    const isProtected = new Set<SimulatedTask>();
    const service = new Service(world, {
      ...ECS_SERVICE,
      graceMs: 120 * SECOND,
      order: (tasks) => shuffled(world, tasks).filter((task) => !isProtected.has(task)),
    });
    let lastScaleMs: number | undefined;
    let turnMs = 0;
    const statusOf = (task: SimulatedTask) => agentOf(world, task)?.status;
    world.repeat(
      // Go's ticker keeps one missed tick, so the next turn follows a long one immediately.
      () => Math.max(0, 10 * SECOND - (world.time.now() - turnMs)),
      async () => {
        turnMs = world.time.now();
        await world.ask();
        const agents = world.hcp.agents(world.poolName).map(({ status }) => status);
        const busy = agents.filter((status) => status === 'busy').length;
        const idle = agents.filter((status) => status === 'idle').length;
        await world.ask();
        const pending = await pendingOfWorkspaces(world);
        await world.callAws();
        let desired = oulmanDesired(pending, busy);
        if (desired === service.desired) return;
        if (desired < service.desired) {
          if (lastScaleMs !== undefined && world.time.now() - lastScaleMs < MINUTE) return;
          desired = oulmanScaleDown(service.desired, desired, idle);
          if (desired === service.desired) return;
          await world.ask();
          await world.callAws(2);
          const { tasks } = service;
          const busyTasks = tasks.filter((task) => statusOf(task) === 'busy');
          const idleTasks = tasks.filter((task) => statusOf(task) === 'idle');
          for (const task of busyTasks) isProtected.add(task);
          for (const task of idleTasks) isProtected.delete(task);
          await world.callAws(Math.ceil(busyTasks.length / 10) + Math.ceil(idleTasks.length / 10));
        }
        await world.callAws();
        service.desired = desired;
        lastScaleMs = world.time.now();
      },
    );
  },
};

/** Two lists of runs per workspace. A workspace without runs has an empty list, but the list is a request, too. */
async function pendingOfWorkspaces(world: PeerWorld): Promise<number> {
  let pending = 0;
  for (let n = 0; n < world.workspaces; n += 1) {
    for (const status of ['pending,plan_queued', 'apply_queued']) {
      pending += await world.countWorkspaceRuns(`ws-${n}`, status);
    }
  }
  return pending;
}

// -- assareh/tfc-agent, commit 5d95a5e17911ad199c54fbbd370b44a588ae1ee0 (2025-01-23)

/** tfc-agent-ecs/producer/files/function/main.py:131-134 */
export function assarehCount(count: number, operation: 'add' | 'sub'): number {
  if (operation === 'add') return count + 1;
  return count > 0 ? count - 1 : 0;
}

/**
 * Statuses that a run has when HCP Terraform calls the run task of each stage. A failed plan or apply has no call after it, so the
 * counter stays too high. (HashiCorp doesn't say so for a failed apply.)
 * tfc-agent-ecs/producer/files/function/main.py:100-111
 */
const STAGES: Readonly<Record<string, 'add' | 'sub'>> = {
  plan_queued: 'add',
  planned: 'sub',
  planned_and_finished: 'sub',
  apply_queued: 'add',
  applied: 'sub',
};

/**
 * A counter of webhooks, which is the desired number of an ECS service.
 * - Each call reads the counter and writes it back without a lock: tfc-agent-ecs/producer/files/function/main.py:127-147. Calls within
 *   the time of one read lose all changes except the last.
 * - The baseline is `desired_count` (default 4); here 0, so that an idle pool has no agents: tfc-agent-ecs/producer/variables.tf:1-4.
 * - Agents take one job, and the service replaces them: tfc-agent-ecs/producer/main.tf:52-56.
 * - Nothing protects a busy task when the service shrinks. Without `stopTimeout`, ECS waits 30 s: tfc-agent-ecs/producer/main.tf:35-70.
 */
export const assareh: Model = {
  singleAgents: true,
  start: (world) => {
    const service = new Service(world, {
      ...ECS_SERVICE,
      graceMs: 30 * SECOND,
      order: (tasks) => shuffled(world, tasks),
    });
    let stored = 0;
    const called = async (operation: 'add' | 'sub'): Promise<void> => {
      world.invocations.count += 1;
      // HCP Terraform calls the function, which reads its key and the service before it reads the counter.
      await world.sleep(world.random.between(200, 800));
      await world.callAws(3);
      const count = assarehCount(stored, operation);
      await world.callAws();
      stored = count;
      await world.callAws();
      service.desired = Math.min(MAX_AGENTS, count);
      await world.ask();
    };
    world.onRun((_, status) => {
      const operation = STAGES[status];
      if (operation !== undefined) void called(operation);
    });
  },
};
