/**
 * A world in virtual time for the rotation of agent tokens: the real function, the emulators of Secrets Manager and of HCP Terraform's
 * routes, and a small model of ECS.
 *
 * - A task reads the secret after its creation, and may still get the value of a minute ago. Its agent registers later, and uses the value
 *   until the task ends.
 * - ECS shows a new task with a delay.
 * - An invocation of the function can be killed before or after any of its requests. A request can fail, or its answer can get lost.
 * - The schedule invokes the function every hour. Lambda repeats a failed invocation twice. Invocations can overlap.
 *
 * `broken` has a line for every broken promise.
 */
import {
  DescribeTasksCommand,
  type DescribeTasksCommandOutput,
  ECSClient,
  ListTasksCommand,
  type ListTasksCommandOutput,
} from '@aws-sdk/client-ecs';
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import type { EcsPoolTasks } from '../../../functions/token-rotation/adapters/ecs.ts';
import type { HcpTerraformTokens, Send } from '../../../functions/token-rotation/adapters/hcp-terraform.ts';
import type { SecretsManagerTokens } from '../../../functions/token-rotation/adapters/secrets-manager.ts';
import {
  tokenDescription,
  tokenOfVersion,
  versionOfToken,
} from '../../../functions/token-rotation/core/agent-tokens.ts';
import type { rotate } from '../../../functions/token-rotation/rotate.ts';
import { Secrets } from '../../../local/ecs/core/secrets.ts';
import { type Answer, Call, type Define } from '../../../local/hcp-terraform/api.ts';
import { ApiFailure } from '../../../local/hcp-terraform/json-api.ts';
import type { Platform } from '../../../local/hcp-terraform/platform.ts';
import { agentPoolRoutes } from '../../../local/hcp-terraform/routes/agent-pools.ts';
import { type AgentToken, World as HcpWorld, newSeeds, newUser } from '../../../local/hcp-terraform/world.ts';
import { Random } from '../../simulation/random.ts';
import { VirtualTime } from '../../simulation/virtual-time.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The parts of the function, from the real one or from a mutant. */
export interface Rotation {
  readonly rotate: typeof rotate;
  readonly HcpTerraformTokens: typeof HcpTerraformTokens;
  readonly SecretsManagerTokens: typeof SecretsManagerTokens;
  readonly EcsPoolTasks: typeof EcsPoolTasks;
}

/** What happens to a request. `lost`: it takes effect, but its answer gets lost. */
export type Fault = 'killed before' | 'killed after' | 'lost' | 'refused';

export interface WorldOptions {
  readonly rotation: Rotation;
  readonly seed: string;
  /** The fault of a request. @param number of the request in this world; @param own its number in its invocation, both from 0 */
  readonly faultOf?: (number: number, own: number) => Fault | undefined;
  /** Longest latency of a request, in milliseconds. Default: 200. */
  readonly slowestMs?: number;
  /** How far HCP Terraform's clock is ahead of AWS's. Default: 0. */
  readonly hcpSkewMs?: number;
  readonly ignoreOtherAgents?: boolean;
}

interface Task {
  readonly id: string;
  readonly createdAtMs: number;
  readonly visibleFromMs: number;
  /** The value of the secret that it read; `undefined` before. */
  value: string | undefined;
  isAlive: boolean;
  endedAtMs: number;
}

interface Invocation {
  isAlive: boolean;
  requests: number;
  /** Ends it, as when its process is killed. Lambda then invokes the function again. */
  kill: () => void;
}

const START = Date.parse('2026-11-30T00:00:00Z');
const POOL = 'production';
const FAMILY = 'AgentLauncher_all_production';
const SECRET = 'agent-launcher/agent-token';
const API_SECRET = 'agent-launcher/rotation-api-token';
const OWNER = { account: '123456789012', region: 'eu-central-1', stack: 'AgentLauncher', pool: POOL, secret: SECRET };
/** Timeout of the function. */
const TIMEOUT_MS = 5 * MINUTE;
const MAX_AGE_MS = DAY;
/** How old a token can be at the end. The rest of the time is for the last tasks with it. */
const OLDEST_MS = MAX_AGE_MS + 4 * HOUR;
/** How old a value can be that a task reads: a little less than the margin of the rotation. */
const STALE_MS = 55_000;
/** How late ECS shows a task: less than the quiet time of the rotation. */
const UNSEEN_MS = 15_000;

/** Few, so that worlds with few tasks have several pages. */
const TASKS_A_PAGE = 7;

const NEVER = new AbortController().signal;

export class RotationWorld {
  readonly time = new VirtualTime(START);
  readonly broken: string[] = [];
  readonly lines: string[] = [];
  readonly ages: number[] = [];
  requests = 0;
  /** Largest number of the rotation's tokens that existed at the same time. */
  mostOwnTokens = 0;
  readonly #options: WorldOptions;
  readonly #random: Random;
  readonly #platform: Platform;
  readonly #secrets: Secrets;
  readonly #poolId: string;
  readonly #user = newUser('rotation', 'pools');
  readonly #routes: { readonly method: string; readonly path: RegExp; readonly handle: (call: Call) => Answer }[] = [];
  readonly #tasks: Task[] = [];
  /** The secret's values in their order. */
  readonly #history: { readonly fromMs: number; readonly value: string | undefined }[] = [];
  readonly #running = new Set<Invocation>();
  /** Ids of tokens that the rotation must not revoke. */
  readonly #others = new Set<string>();
  /** Values that were stored by hand. Their tokens may be invalid. */
  readonly #byHand = new Set<string>();
  #count = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    const world = new HcpWorld(newSeeds('acme', POOL), START - 10 * DAY);
    this.#poolId = world.seeds.pool.id;
    world.agentTokens.clear();
    this.#platform = {
      world,
      settings: {
        agentPollMs: 30_000,
        agentUnknownAfterMs: Number.MAX_SAFE_INTEGER,
        agentErroredAfterMs: Number.MAX_SAFE_INTEGER,
        forceCancelCoolOffMs: 0,
        terraformVersion: '1.11.4',
      },
      now: () => this.time.now() + (options.hcpSkewMs ?? 0),
      emit: () => undefined,
    };
    const define: Define = (method, path, handle) => {
      this.#routes.push({ method, path: new RegExp(`^${path.replaceAll(/:(\w+)/g, '(?<$1>[^/]+)')}$`), handle });
    };
    agentPoolRoutes(define);
    const place = { accountId: OWNER.account, region: OWNER.region, partition: 'aws' };
    let hex = 0;
    this.#secrets = new Secrets(place, this.time.now, (digits) => {
      hex += 1;
      return hex.toString(16).padStart(digits, '0');
    });
    this.#secrets.create({ Name: API_SECRET, SecretString: 'api.atlasv1.token' });
    this.#secrets.create({ Name: SECRET });
  }

  get #world(): HcpWorld {
    return this.#platform.world;
  }

  // -- What people do

  /** A token that `setup` created and stored, with this age. */
  storedBySetup(ageMs: number): void {
    const token = this.#newToken(tokenDescription(OWNER, this.time.now()), ageMs);
    this.#put(token.secret, versionOfToken(token.id));
  }

  /** A person creates a token, and stores it by hand. */
  storedByHand(): void {
    const token = this.foreignToken();
    this.#byHand.add(token.secret);
    this.#put(token.secret, undefined);
  }

  /** A token of somebody else. */
  foreignToken(description = 'of a person', ageMs = 0): AgentToken {
    const token = this.#newToken(description, ageMs);
    this.#others.add(token.id);
    return token;
  }

  /** A person runs `setup` with another secret for the pool. The stack doesn't use it yet, so no agent has used its token. */
  storedInAnotherSecret(): void {
    this.foreignToken(tokenDescription({ ...OWNER, secret: 'agent-launcher/next' }, this.time.now()));
  }

  /** A run of the command `rotate` that ended between two requests. */
  orphan(): void {
    this.#newToken(tokenDescription(OWNER, this.time.now()), 0);
  }

  /** Moves AWSCURRENT back to the previous version, if that one's token still works and no invocation is running. */
  rollBack(): void {
    if (this.#running.size > 0) return;
    const { VersionIdsToStages: labels } = versionsOf(this.#secrets.actions['DescribeSecret']?.({ SecretId: SECRET }));
    const find = (label: string) => Object.keys(labels).find((id) => labels[id]?.includes(label));
    const [current, previous] = [find('AWSCURRENT'), find('AWSPREVIOUS')];
    if (current === undefined || previous === undefined || !this.#world.agentTokens.has(tokenOfVersion(previous) ?? ''))
      return;
    this.#secrets.actions['UpdateSecretVersionStage']?.({
      SecretId: SECRET,
      VersionStage: 'AWSCURRENT',
      RemoveFromVersionId: current,
      MoveToVersionId: previous,
    });
    this.#remember();
  }

  /** An agent outside the stack that has a copy of the current token, or its own token. */
  otherAgent(withCopy: boolean, endsAfterMs: number): void {
    const value = this.#current();
    const own = this.foreignToken('of another stack');
    const token = withCopy ? [...this.#world.agentTokens.values()].find(({ secret }) => secret === value) : own;
    if (token !== undefined) this.#startAgent(`vm-${token.id}`, token, endsAfterMs, withCopy);
  }

  // -- Tasks

  /** The launcher starts a task whose agent works until the task ends. */
  startTask(runsMs: number): void {
    this.#count += 1;
    const createdAtMs = this.time.now();
    const task: Task = {
      id: String(this.#count).padStart(32, '0'),
      createdAtMs,
      visibleFromMs: createdAtMs + this.#random.between(0, UNSEEN_MS),
      value: undefined,
      isAlive: true,
      endedAtMs: Number.POSITIVE_INFINITY,
    };
    this.#tasks.push(task);
    this.time.after(this.#random.between(0, 90_000), () => this.#reads(task, runsMs));
  }

  #reads(task: Task, runsMs: number): void {
    const atMs = this.time.now() - this.#random.between(0, STALE_MS);
    const value = this.#history.findLast(({ fromMs }, index) => fromMs <= atMs || index === 0)?.value;
    const token = [...this.#world.agentTokens.values()].find(({ secret }) => secret === value);
    task.value = value;
    if (token === undefined) {
      this.#ends(task);
      if (value !== undefined && !this.#byHand.has(value)) this.#breaks('a task read a token that was revoked');
      return;
    }
    this.time.after(this.#random.between(5_000, 40_000), () => {
      if (!this.#world.agentTokens.has(token.id)) return;
      this.#startAgent(task.id, token, runsMs, false);
    });
    this.time.after(runsMs + 40_000, () => this.#ends(task));
  }

  #ends(task: Task): void {
    task.isAlive = false;
    task.endedAtMs = this.time.now();
  }

  #startAgent(name: string, token: AgentToken, runsMs: number, isJudged: boolean): void {
    token.lastUsedAt = this.#platform.now();
    const agent = {
      id: `agent-${name}`,
      poolId: this.#poolId,
      tokenId: token.id,
      name,
      version: '1.33.0',
      architecture: 'amd64' as const,
      accept: new Set(['plan']),
      single: true,
      ipAddress: '192.0.2.1',
      createdAt: this.#platform.now(),
      lastPingAt: this.#platform.now(),
      reported: 'busy' as 'busy' | 'exited',
      jobsTaken: 1,
    };
    this.#world.agents.set(agent.id, agent);
    this.time.after(runsMs, () => {
      if (isJudged && !this.#world.agentTokens.has(token.id)) this.#breaks('an agent outside the stack lost its token');
      agent.reported = 'exited';
    });
  }

  // -- The function

  /** Invokes the function, as the schedule does. Lambda repeats a failed invocation after one and two minutes. */
  invoke(repeats = 2): void {
    const { rotation, ignoreOtherAgents = false } = this.#options;
    const invocation: Invocation = { isAlive: true, requests: 0, kill: () => undefined };
    this.#running.add(invocation);
    this.time.woke();
    const again = (): void => {
      if (!this.#running.delete(invocation)) return;
      invocation.isAlive = false;
      if (repeats > 0) this.time.after((3 - repeats) * MINUTE, () => this.invoke(repeats - 1));
    };
    this.time.after(TIMEOUT_MS, again);
    invocation.kill = again;
    const secrets = new rotation.SecretsManagerTokens(this.#secretsClient(invocation));
    const sleep = (ms: number): Promise<void> =>
      new Promise((resolve) => {
        this.time.after(ms, () => {
          if (!invocation.isAlive) return;
          this.time.woke();
          resolve();
        });
      });
    const log = (line: object): void => {
      this.lines.push(JSON.stringify(line));
    };
    rotation
      .rotate([{ name: POOL, organization: 'acme', secret: SECRET, families: [FAMILY], owner: OWNER }], {
        hcpTerraform: new rotation.HcpTerraformTokens({
          hostname: 'app.terraform.io',
          apiToken: () => secrets.apiToken({ secret: API_SECRET }),
          send: this.#send(invocation),
          timeout: () => NEVER,
          sleep,
        }),
        secrets,
        ecs: new rotation.EcsPoolTasks(this.#ecsClient(invocation), 'AgentLauncher'),
        clock: { now: this.time.now, sleep },
        maxAgeMs: MAX_AGE_MS,
        ignoreOtherAgents,
        log: { info: log, warn: log, error: log },
        reportAge: (_, days) => this.ages.push(days),
      })
      .then(() => this.#running.delete(invocation), again);
  }

  #request<T>(invocation: Invocation, arrive: () => T, refuse: () => T): Promise<T> {
    const own = invocation.requests;
    const fault = this.#options.faultOf?.(this.requests, own);
    invocation.requests += 1;
    this.requests += 1;
    const { slowestMs = 200 } = this.#options;
    return new Promise((resolve, reject) => {
      const answer = (how: () => void): void =>
        this.time.after(this.#random.between(10, slowestMs), () => {
          if (!invocation.isAlive) return;
          this.time.woke();
          how();
        });
      if (fault === 'killed before') return invocation.kill();
      this.time.after(this.#random.between(10, slowestMs), () => {
        if (!invocation.isAlive) return;
        if (fault === 'refused') {
          answer(() => settle(refuse));
          return;
        }
        let result: { readonly value: T } | { readonly error: unknown };
        try {
          result = { value: arrive() };
        } catch (error) {
          result = { error };
        }
        this.#remember();
        this.mostOwnTokens = Math.max(this.mostOwnTokens, this.ownTokens().length);
        if (fault === 'killed after') return invocation.kill();
        answer(() => {
          if (fault === 'lost') settle(refuse);
          else if ('error' in result) reject(result.error);
          else resolve(result.value);
        });
      });
      const settle = (make: () => T): void => {
        try {
          resolve(make());
        } catch (error) {
          reject(error);
        }
      };
    });
  }

  #send(invocation: Invocation): Send {
    return (url, { method, body }) =>
      this.#request(
        invocation,
        () => this.#answer(method, new URL(url), body),
        () => ({ status: 502, text: async () => '' }),
      );
  }

  #answer(method: string, url: URL, body: string | undefined): { readonly status: number; text(): Promise<string> } {
    const path = url.pathname.replace('/api/v2', '');
    const route = this.#routes.find((one) => one.method === method && one.path.test(path));
    if (route === undefined) throw new Error(`no route ${method} ${path}`);
    const parameters = { ...route.path.exec(path)?.groups };
    if (method === 'DELETE') this.#revokes(parameters['id'] ?? '');
    const request = {
      user: this.#user,
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      query: Object.fromEntries(url.searchParams),
      body: body === undefined ? undefined : JSON.parse(body),
      parameters,
    };
    try {
      const answer = route.handle(new Call(this.#platform, request));
      return {
        status: answer.status,
        text: async () => (answer.body === undefined ? '' : JSON.stringify(answer.body)),
      };
    } catch (error) {
      if (error instanceof ApiFailure) return { status: error.statusCode, text: async () => '' };
      throw error;
    }
  }

  /** Judges the revocation of a token. */
  #revokes(id: string): void {
    const token = this.#world.agentTokens.get(id);
    if (token === undefined) return;
    if (this.#others.has(id)) this.#breaks(`a token of somebody else was revoked: ${token.description}`);
    if (token.secret === this.#current()) this.#breaks('the current token was revoked');
    const victims = this.#tasks.filter(({ isAlive, value }) => isAlive && value === token.secret);
    if (victims.length > 0) this.#breaks(`a token of ${victims.length} live tasks was revoked`);
  }

  #secretsClient(invocation: Invocation): SecretsManagerClient {
    const client: SecretsManagerClient = Object.create(SecretsManagerClient.prototype);
    const send = (command: unknown): Promise<unknown> => {
      const name = secretsAction(command);
      const { input } = command instanceof Object && 'input' in command ? command : { input: undefined };
      return this.#request<object>(
        invocation,
        () => inDates(this.#secrets.actions[name]?.(input) ?? {}),
        () => {
          throw Object.assign(new Error('refused'), { name: 'InternalServiceError' });
        },
      );
    };
    return Object.assign(client, { send });
  }

  #ecsClient(invocation: Invocation): ECSClient {
    const client: ECSClient = Object.create(ECSClient.prototype);
    const refuse = (): never => {
      throw Object.assign(new Error('refused'), { name: 'ServerException' });
    };
    const send = (command: unknown): Promise<unknown> => {
      if (command instanceof ListTasksCommand) {
        const isLive = command.input.desiredStatus === 'RUNNING';
        return this.#request<ListTasksCommandOutput>(
          invocation,
          () => {
            const now = this.time.now();
            // ECS shows a stopped task for an hour. The newest come first, so that old tasks are on the last page.
            const shown = this.#tasks
              .toReversed()
              .filter(
                ({ isAlive, visibleFromMs, endedAtMs }) =>
                  isAlive === isLive && visibleFromMs <= now && now - endedAtMs < HOUR,
              );
            const from = Number(command.input.nextToken ?? 0);
            const next = from + TASKS_A_PAGE;
            const taskArns = shown.slice(from, next).map(({ id }) => arnOf(id));
            return { $metadata: {}, taskArns, ...(shown.length > next && { nextToken: String(next) }) };
          },
          refuse,
        );
      }
      if (!(command instanceof DescribeTasksCommand)) throw new Error('ECS does not know this command');
      return this.#request<DescribeTasksCommandOutput>(
        invocation,
        () => ({
          $metadata: {},
          tasks: (command.input.tasks ?? []).flatMap((arn) =>
            this.#tasks
              .filter(({ id }) => arnOf(id) === arn)
              .map(({ createdAtMs, isAlive }) => ({
                taskArn: arn,
                createdAt: new Date(createdAtMs),
                lastStatus: isAlive ? 'RUNNING' : 'STOPPED',
              })),
          ),
        }),
        refuse,
      );
    };
    return Object.assign(client, { send });
  }

  // -- What is true

  /** The tokens that this project created. */
  ownTokens(): readonly AgentToken[] {
    return [...this.#world.agentTokens.values()].filter(({ id }) => !this.#others.has(id));
  }

  get isRunning(): boolean {
    return this.#running.size > 0;
  }

  /** Runs the world for this time. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.time.now() + ms;
    this.time.at(untilMs, () => undefined);
    await this.time.run(() => this.time.now() >= untilMs);
  }

  /** The secret has a token that works. The rotation left no other token. */
  judgeEnd(): void {
    const own = this.ownTokens();
    const value = this.#current();
    const sinceMs = this.#history.at(-1)?.fromMs ?? 0;
    const values = this.#history.map((one) => one.value);
    if (own.some((token) => values.includes(token.secret) && this.#platform.now() - token.createdAt > OLDEST_MS)) {
      this.#breaks('a token that the secret contained is too old');
    }
    // Nobody knows which token a person stored. The rotation changes nothing until the value is old enough.
    if (value !== undefined && this.#byHand.has(value) && this.time.now() - sinceMs < MAX_AGE_MS + 2 * HOUR) return;
    if (![...this.#world.agentTokens.values()].some(({ secret }) => secret === value)) {
      this.#breaks('the secret has no token that works');
    }
    const left = own.filter(({ secret }) => secret !== value);
    // A person may have stored an unused token as the previous value, so it is left until the next rotation.
    const labels = versionsOf(this.#secrets.actions['DescribeSecret']?.({ SecretId: SECRET })).VersionIdsToStages;
    const isKnown = Object.keys(labels).every((id) => tokenOfVersion(id) !== undefined);
    // A rotation that has just begun isn't over.
    const hasBegun = this.time.now() - sinceMs < 3 * HOUR;
    if (isKnown && !hasBegun && left.length > 0) this.#breaks(`${left.length} tokens of the rotation are left`);
    const [current] = own.filter(({ secret }) => secret === value);
    if (current === undefined) this.#breaks('the token is not one of the rotation');
    const text = this.lines.join('\n');
    for (const { secret } of this.#world.agentTokens.values()) {
      if (text.includes(secret)) this.#breaks('a log line contains a token');
    }
  }

  #breaks(promise: string): void {
    this.broken.push(`${new Date(this.time.now()).toISOString()} ${promise}`);
  }

  #newToken(description: string, ageMs: number): AgentToken {
    this.#count += 1;
    const token: AgentToken = {
      id: `at-${String(this.#count).padStart(16, '0')}`,
      poolId: this.#poolId,
      description,
      createdAt: this.#platform.now() - ageMs,
      createdById: this.#user.id,
      secret: `${this.#count}.atlasv1.of-a-person`,
    };
    this.#world.agentTokens.set(token.id, token);
    return token;
  }

  #put(value: string, version: string | undefined): void {
    this.#secrets.put({
      SecretId: SECRET,
      SecretString: value,
      ClientRequestToken: version ?? `by-hand-${String(this.#count).padStart(32, '0')}`,
    });
    this.#remember();
  }

  #current(): string | undefined {
    try {
      return this.#secrets.value({ SecretId: SECRET }).SecretString;
    } catch {
      return undefined;
    }
  }

  #remember(): void {
    const value = this.#current();
    if (this.#history.at(-1)?.value !== value) this.#history.push({ fromMs: this.time.now(), value });
  }
}

const arnOf = (id: string): string => `arn:aws:ecs:${OWNER.region}:${OWNER.account}:task/AgentLauncher/${id}`;

function versionsOf(answer: object | undefined): { readonly VersionIdsToStages: Record<string, string[]> } {
  const found: unknown = answer === undefined ? undefined : Reflect.get(answer, 'VersionIdsToStages');
  const VersionIdsToStages: Record<string, string[]> = {};
  if (typeof found !== 'object' || found === null) return { VersionIdsToStages };
  for (const [id, labels] of Object.entries(found)) VersionIdsToStages[id] = Array.isArray(labels) ? labels : [];
  return { VersionIdsToStages };
}

function secretsAction(command: unknown): string {
  if (command instanceof DescribeSecretCommand) return 'DescribeSecret';
  if (command instanceof GetSecretValueCommand) return 'GetSecretValue';
  if (command instanceof ListSecretVersionIdsCommand) return 'ListSecretVersionIds';
  if (command instanceof PutSecretValueCommand) return 'PutSecretValue';
  throw new Error('Secrets Manager does not know this command');
}

/** The SDK returns a `Date` for each time in seconds. */
function inDates(answer: object): object {
  return JSON.parse(JSON.stringify(answer), (key, value: unknown) =>
    key.endsWith('Date') && typeof value === 'number' ? new Date(value * 1000) : value,
  );
}
