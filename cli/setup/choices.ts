/**
 * What the user wants, part by part: from a flag, from the settings, or from a question. A part of settings that are in use already is asked
 * about only if the user wants to change it.
 */
import { dollars, jobCost } from '../../lib/aws/costs.ts';
import { serviceFault } from '../../lib/aws/service-endpoints.ts';
import { DEFAULT_AGENT_VERSION, DEFAULT_CPU, DEFAULT_MAX_AGENTS, DEFAULT_MEMORY_MIB } from '../../lib/defaults.ts';
import { EGRESS_MODES, type EgressMode } from '../../lib/network/egress.ts';
import { ID, ID_DOC } from '../../lib/settings/aws-ids.ts';
import { SettingsError } from '../../lib/settings/errors.ts';
import { SERVICE } from '../../lib/settings/network.ts';
import { parseSettings } from '../../lib/settings/parse.ts';
import { valueAt } from '../../lib/settings/records.ts';
import { unknownServices, unlistedServices } from '../aws-services.ts';
import type { PoolScope, Project } from '../core/pool-calls.ts';
import { faultOfAnswer } from '../core/setup/faults.ts';
import { idleNetworkPrice, type Place } from '../core/setup/network-price.ts';
import { agentSecretFinding, agentTokenByDefault, type Existing, type Wanted } from '../core/setup/plan.ts';
import {
  changedText,
  type PresentSettings,
  poolsIn,
  presentSettings,
  settingFault,
  settingsChanges,
  type WantedImage,
  type WantedNetwork,
  type WantedPool,
  type WantedSettings,
} from '../core/setup/settings.ts';
import { type Pool, projectsOf } from '../hcp-terraform/agent-pools.ts';
import { type HcpTerraform, unlessHidden } from '../hcp-terraform/client.ts';
import { UsageError } from '../io.ts';
import { listOf } from '../options.ts';
import type { Access } from './access.ts';
import { answers, digestOf, newestVersion, OFFICIAL_IMAGE } from './agent-image.ts';
import { checkSetting, definedOf, hasChange, type SetupSession, textOf } from './flags.ts';
import { modeOptions, PARTS, type Part, type Questions } from './questions.ts';
import { AGENT_TOKEN_VARIABLE, API_TOKEN_VARIABLE } from './tokens.ts';

/** Name of the pool that `setup` suggests. */
const POOL = 'aws';

/** Sizes to choose from: CPU units and MiB. */
const SIZES = [
  [1024, 2048],
  [2048, 4096],
  [4096, 8192],
  [8192, 16_384],
] as const;

/** The entry of a pool in the settings. */
type PoolEntry = Readonly<Record<string, unknown>> | undefined;

export class Choices {
  readonly #session: SetupSession;
  readonly #questions: Questions | undefined;
  /** What the user wants to change; everything if nobody uses the settings yet. */
  #parts: ReadonlySet<Part> = new Set(PARTS);

  constructor(session: SetupSession) {
    this.#session = session;
    this.#questions = session.questions;
  }

  /** If the settings are in use already, a person chooses what to change. */
  async askForParts(): Promise<void> {
    const { present, flags } = this.#session;
    if (present.isExample) return;
    this.#parts = new Set();
    if (this.#questions === undefined || hasChange(flags)) return;
    const options = PARTS.map((value) => ({ value, label: value }));
    this.#parts = new Set(
      await this.#questions.choose('What do you want to change? (Enter without a selection: nothing)', options),
    );
  }

  async poolName(pools: readonly Pool[]): Promise<string> {
    const { present } = this.#session;
    const given = this.#session.flags.pool;
    if (given !== undefined) {
      checkSetting('pools.0.name', given);
      return given;
    }
    const configured = present.isExample ? [] : poolsIn(present).flatMap(({ name }) => textOf(name) ?? []);
    const suggestion = textOf(poolsIn(present)[0]?.['name']) ?? POOL;
    if (this.#questions !== undefined && (this.#parts.has('pool') || configured.length !== 1)) {
      const NEW = '+';
      const known = pools.map(({ name, organizationScoped }) => ({
        value: name,
        label: name,
        hint: organizationScoped ? 'every project can use it' : 'limited to projects or workspaces',
      }));
      const chosen = await this.#questions.select('Agent pool', [{ value: NEW, label: 'Create a pool' }, ...known]);
      if (chosen !== NEW) return chosen;
      const fault = (name: string): string | undefined => {
        if (pools.some((pool) => pool.name === name)) return 'There is a pool with this name.';
        const found = settingFault('pools.0.name', name);
        return found && faultOfAnswer(found);
      };
      return this.#questions.text('Name of the new pool', {
        ...(fault(suggestion) === undefined && { enter: suggestion }),
        validate: fault,
      });
    }
    const [only, ...others] = configured;
    if (only !== undefined && others.length === 0) return only;
    if (only === undefined) return suggestion;
    throw new UsageError(`The settings have several pools: ${configured.join(', ')}.\nPass --pool NAME.`);
  }

  /** The wanted scope of the pool; `undefined` if the scope of the existing pool stays. */
  async scope(client: HcpTerraform, organization: string, pool: Pool | undefined): Promise<PoolScope | undefined> {
    const { project: given = [], allProjects } = this.#session.flags;
    if (allProjects === true) return { kind: 'organization' };
    if (given.length === 0 && pool !== undefined) return undefined;
    const projects = (await unlessHidden(projectsOf(client, organization))) ?? [];
    if (given.length > 0) return { kind: 'projects', projects: given.map((name) => projectNamed(projects, name)) };
    if (this.#questions === undefined) {
      throw new UsageError(
        `Say which projects may use the new pool, because its agents receive jobs from every workspace that may.\nPass --project NAME for each of them, or --all-projects. Projects: ${projects.map(({ name }) => name).join(', ')}.`,
      );
    }
    return askForScope(this.#questions, projects);
  }

  async agentToken(
    existing: Existing,
    organization: string,
  ): Promise<{ from: Wanted['agentToken']; value?: string; isAnswer?: boolean }> {
    const what = 'agent token';
    switch (this.#session.flags.agentToken) {
      case 'create':
      case 'keep':
        return { from: this.#session.flags.agentToken };
      case 'stdin':
        return { from: 'given', value: await this.#session.input.fromStdin(what) };
      case 'env':
        return { from: 'given', value: this.#session.input.fromEnvironment(AGENT_TOKEN_VARIABLE, what) };
    }
    const { finding } = agentSecretFinding(existing);
    const from = agentTokenByDefault(existing);
    const { name } = existing.agentSecret;
    if (finding === 'unknown' && from === 'keep') {
      this.#session.context.note(`The secret ${name} has a value. It is kept: the API can't show which token it is.`);
    }
    if (this.#questions === undefined || !this.#parts.has('agent token') || finding === 'valid') return { from };
    if (finding !== 'unknown') return { from };
    const chosen = await this.#questions.select(
      `The secret ${name} has a value already`,
      [
        { value: 'keep', label: 'Keep it', hint: 'it must be an agent token of the pool' },
        { value: 'create', label: 'Create a new agent token and replace the value' },
        { value: 'given', label: 'Paste an agent token' },
      ],
      from,
    );
    if (chosen !== 'given') return { from: chosen as 'keep' | 'create' };
    this.#session.context.note(
      `You can create an agent token of the pool on https://${this.#session.hostname}/app/${organization}/settings/agents`,
    );
    const value = (await this.#questions.token('Agent token of the pool')).trim();
    return { from: 'given', value, isAnswer: true };
  }

  async apiToken(
    { apiSecret }: Existing,
    own: Access,
    organization: string,
  ): Promise<{ from: Wanted['apiToken']; value?: string; source?: string; isAnswer?: boolean }> {
    const what = 'API token of the launcher';
    switch (this.#session.flags.apiToken) {
      case 'keep':
        return { from: 'keep' };
      case 'same':
        return { from: 'given', value: own.token, source: own.source };
      case 'stdin':
        return { from: 'given', value: await this.#session.input.fromStdin(what), source: 'standard input' };
      case 'env': {
        const value = this.#session.input.fromEnvironment(API_TOKEN_VARIABLE, what);
        return { from: 'given', value, source: API_TOKEN_VARIABLE };
      }
    }
    const hasValue = apiSecret.state === 'has-value';
    if (hasValue && !(this.#questions !== undefined && this.#parts.has('API token'))) return { from: 'keep' };
    if (this.#questions === undefined) {
      throw new UsageError(
        `The secret ${apiSecret.name} has no API token for the launcher.\nPass --api-token same to use the token of setup, or --api-token stdin or env (${API_TOKEN_VARIABLE}) with a team token that has "View all workspaces" and "Manage agent pools".`,
      );
    }
    const keep = { value: 'keep', label: `Keep the value of the secret ${apiSecret.name}` };
    const paste = {
      value: 'paste',
      label: 'Paste a team token',
      hint: 'a team with "View all workspaces" and "Manage agent pools", and nothing else',
    };
    const same = {
      value: 'same',
      label: `Use the token of setup (${own.account.kind} ${own.account.username})`,
      hint: own.account.kind === 'user' ? 'the launcher then has all your permissions' : 'of the same team',
    };
    const options = [...(hasValue ? [keep] : []), ...(own.account.kind === 'team' ? [same, paste] : [paste, same])];
    const chosen = await this.#questions.select('API token of the launcher', options);
    if (chosen === 'keep') return { from: 'keep', isAnswer: true };
    if (chosen === 'same') return { from: 'given', value: own.token, source: own.source, isAnswer: true };
    this.#session.context.note(
      `Create a team with "View all workspaces" and "Manage agent pools", and its token with an expiry date: https://${this.#session.hostname}/app/${organization}/settings/teams`,
    );
    const value = await this.#questions.token('Team token');
    return { from: 'given', value: value.trim(), source: 'your input', isAnswer: true };
  }

  async network(base: WantedSettings, place: Place): Promise<WantedNetwork | undefined> {
    const { present } = this.#session;
    const { network: given, vpcId, subnetIds, awsServices } = this.#session.flags;
    const now = valueAt(present.settings, ['network', 'egress']) ?? 'nat-gateway';
    const asks = this.#questions !== undefined && this.#parts.has('network');
    const egress = given ?? (asks ? await this.#mode(present, base, place, String(now)) : undefined);
    if (egress === undefined && vpcId === undefined && subnetIds === undefined && awsServices === undefined) {
      return undefined;
    }
    const mode = egress ?? EGRESS_MODES.find((each) => each === now) ?? 'nat-gateway';
    if (mode !== 'existing-vpc' && (vpcId ?? subnetIds) !== undefined) {
      throw new UsageError(
        `--vpc-id and --subnet-ids have no effect with the network ${mode}.\nPass them with --network existing-vpc.`,
      );
    }
    const ids = mode === 'existing-vpc' ? await this.#vpc(present, asks && given === undefined) : {};
    if (awsServices !== undefined) {
      const fault = await this.#unknownServices(awsServices, place);
      if (fault !== undefined) throw new UsageError(`${fault}\nPass --offline to skip this check.`);
    }
    const asksServices = asks && given === undefined && mode !== 'existing-vpc';
    const services = awsServices ?? (asksServices ? await this.#services(present, place) : undefined);
    return {
      egress: mode,
      ...ids,
      ...(services !== undefined && { awsApis: { services, region: place.region } }),
    };
  }

  async #mode(present: PresentSettings, base: WantedSettings, place: Place, now: string): Promise<EgressMode> {
    const prices = new Map<EgressMode, string>();
    for (const egress of EGRESS_MODES) {
      const price = priceOf(present, { ...base, network: exampleOf(egress) }, place);
      if (price !== undefined) prices.set(egress, dollars(price));
    }
    const options = modeOptions(prices);
    const initial = options.find(({ value }) => value === now)?.value;
    const questions = this.#questions as Questions;
    return questions.select('Network of the agents (price per month while idle, in us-east-1)', options, initial);
  }

  async #vpc(present: PresentSettings, asks: boolean): Promise<Pick<WantedNetwork, 'vpcId' | 'subnetIds'>> {
    const { vpcId, subnetIds } = this.#session.flags;
    if (this.#questions === undefined || !asks) return definedOf({ vpcId, subnetIds });
    const now = textOf(valueAt(present.settings, ['network', 'vpcId']));
    const vpc =
      vpcId ??
      (await this.#questions.text('VPC', {
        ...(now !== undefined && { enter: now }),
        example: 'vpc-0123456789abcdef0',
        validate: (id) => (ID.vpc.test(id) ? undefined : `Allowed: ${ID_DOC.vpc.allowed}.`),
      }));
    const subnetsNow = valueAt(present.settings, ['network', 'subnetIds']);
    if (subnetIds !== undefined) return { vpcId: vpc, subnetIds };
    const subnets = await this.#questions.text('Private subnets, separated by commas', {
      ...(vpc === now && Array.isArray(subnetsNow) && { enter: subnetsNow.join(',') }),
      example: 'subnet-0123456789abcdef0,subnet-0fedcba9876543210',
      validate: (ids) =>
        listOf(ids).length > 0 && listOf(ids).every((id) => ID.subnet.test(id))
          ? undefined
          : `Allowed: ${ID_DOC.subnet.allowed}, separated by commas.`,
    });
    return { vpcId: vpc, subnetIds: listOf(subnets) };
  }

  /** The services of AWS that Terraform calls. Without them, their domains don't resolve. */
  async #services(present: PresentSettings, place: Place): Promise<readonly string[]> {
    const now = valueAt(present.settings, ['network', 'awsApiServices']);
    const questions = this.#questions as Questions;
    const isLimited = valueAt(present.settings, ['network', 'dnsFirewall']) !== false;
    if (isLimited) this.#session.context.note("The domains of AWS services that you don't list won't resolve in jobs.");
    for (;;) {
      const text = await questions.text(
        Array.isArray(now)
          ? 'AWS services that Terraform calls, separated by commas'
          : 'AWS services that Terraform calls, separated by commas, for example sts,iam,ec2,s3',
        {
          ...(Array.isArray(now) ? { enter: now.join(',') } : { enter: '', enterMeans: 'none' }),
          ...(Array.isArray(now) && { example: 'none' }),
          validate: (given) =>
            given === 'none'
              ? undefined
              : listOf(given)
                  .map(serviceFaultInWords)
                  .find((fault) => fault !== undefined),
        },
      );
      const services = text === 'none' ? [] : listOf(text);
      const fault = await this.#unknownServices(services, place);
      if (fault === undefined) return services;
      this.#session.context.note(fault);
    }
  }

  /** Which of the services AWS doesn't have, in words; `undefined` if none, or if this machine can't find it out. */
  async #unknownServices(services: readonly string[], { region }: Place): Promise<string | undefined> {
    const named = services.filter((service) => serviceFaultInWords(service) === undefined);
    if (named.length === 0) return undefined;
    const isOffline = this.#session.flags.offline === true;
    const unknown = isOffline ? undefined : await unknownServices(named, region);
    if (unknown === undefined) {
      const unlisted = unlistedServices(named);
      const why = isOffline
        ? ''
        : "This machine can't resolve hosts of AWS, so the names of the services weren't looked up. ";
      if (unlisted.length > 0) {
        this.#session.context.note(
          `Warning: ${why}This version's list of AWS services doesn't have ${unlisted.join(', ')}. Check the spelling: a name that AWS doesn't have opens nothing.`,
        );
      } else if (!isOffline) this.#session.context.note(`${why}This version's list of AWS services has all of them.`);
    }
    const [first, ...others] = unknown ?? [];
    if (first === undefined) return undefined;
    const hosts = [first, ...others].map(({ host }) => host).join(', ');
    return `AWS has no host ${hosts}. Use the name of the service in its hostname, such as sts, iam, ec2 or s3.`;
  }

  async size(entry: PoolEntry): Promise<{ cpu?: number; memoryMiB?: number }> {
    const { cpu, memory } = this.#session.flags;
    if (cpu !== undefined || memory !== undefined) return definedOf({ cpu, memoryMiB: memory });
    if (this.#questions === undefined || !this.#parts.has('size')) return {};
    const architecture = entry?.['architecture'] === 'arm64' ? 'arm64' : 'x86_64';
    const now = `${entry?.['cpu'] ?? DEFAULT_CPU}/${entry?.['memoryMiB'] ?? DEFAULT_MEMORY_MIB}`;
    const options = SIZES.map(([units, memoryMiB]) => ({
      value: `${units}/${memoryMiB}`,
      label: `${units / 1024} vCPU, ${memoryMiB / 1024} GB (${dollars(jobCost({ cpu: units, memoryMiB, architecture, seconds: 600 }))} per job of ten minutes)`,
    }));
    const own = options.some(({ value }) => value === now) ? [] : [{ value: now, label: `${now}, as it is now` }];
    const chosen = await this.#questions.select('Size of a task (prices of us-east-1)', [...own, ...options], now);
    const [units = DEFAULT_CPU, memoryMiB = DEFAULT_MEMORY_MIB] = chosen.split('/').map(Number);
    return { cpu: units, memoryMiB };
  }

  /** Whether plans and applies have separate tasks, and the overrides of these tasks. */
  async phases(entry: PoolEntry): Promise<Pick<WantedPool, 'phases' | 'plan' | 'apply'>> {
    const { phases, planCpu, planMemory, planCapacity, applyCpu, applyMemory } = this.#session.flags;
    const plan = definedOf({ cpu: planCpu, memoryMiB: planMemory, capacity: planCapacity });
    const apply = definedOf({ cpu: applyCpu, memoryMiB: applyMemory });
    if (Object.keys({ ...plan, ...apply }).length > 0) return { phases: true, plan, apply };
    if (phases !== undefined) return { phases };
    if (this.#questions === undefined || !this.#parts.has('phases')) return {};
    const wanted = await this.#questions.confirm(
      'Separate tasks for plans and applies, each with its own role?',
      entry?.['phases'] !== undefined,
    );
    return { phases: wanted };
  }

  /** The address that receives the alarms; `undefined` if it doesn't change. */
  async alarmEmail(): Promise<string | undefined> {
    const { flags, present } = this.#session;
    if (flags.alarmEmail !== undefined) return flags.alarmEmail;
    if (this.#questions === undefined || !this.#parts.has('alarm e-mail')) return undefined;
    const now = present.isExample ? undefined : textOf(present.settings['alarmEmail']);
    const topic = present.isExample ? undefined : textOf(present.settings['alarmTopicArn']);
    const address = await this.#questions.text('E-mail address for alarms', {
      enter: now ?? '',
      enterMeans: now ?? (topic === undefined ? 'none' : `only the topic ${topic}`),
      example: 'platform-team@example.com',
      validate: (given) => {
        const fault = settingFault('alarmEmail', given);
        return fault && faultOfAnswer(fault);
      },
    });
    return address === '' || address === now ? undefined : address;
  }

  /** Maximum number of agents at the same time. Only a change of settings in use asks for it. */
  async maxAgents(entry: PoolEntry): Promise<number | undefined> {
    const { flags, present } = this.#session;
    if (flags.maxAgents !== undefined) return flags.maxAgents;
    if (this.#questions === undefined || present.isExample || !this.#parts.has('number of agents')) return undefined;
    const now = String(entry?.['maxAgents'] ?? DEFAULT_MAX_AGENTS);
    const text = await this.#questions.text('Maximum number of agents at the same time', {
      enter: now,
      validate: (given) => {
        if (!/^\d+$/.test(given)) return 'It must be an integer.';
        const fault = settingFault('pools.0.maxAgents', Number(given));
        return fault && faultOfAnswer(fault);
      },
    });
    return Number(text);
  }

  async image(): Promise<WantedImage | undefined> {
    const { present } = this.#session;
    const { image, agentVersion, offline } = this.#session.flags;
    const { io } = this.#session.context;
    const registry = textOf(valueAt(present.settings, ['agentImage', 'registry']));
    const isFirst = present.isExample && registry === undefined;
    const wanted = image !== undefined || agentVersion !== undefined || this.#parts.has('image');
    if (!wanted || (!isFirst && image === undefined && agentVersion === undefined && !this.#parts.has('image'))) {
      return undefined;
    }
    if (image !== undefined && image !== 'build' && image !== 'registry')
      return { registry: await this.#pinned(image) };
    const known = textOf(valueAt(present.settings, ['agentImage', 'version'])) ?? DEFAULT_AGENT_VERSION;
    const version = agentVersion ?? (await this.#newest(known));
    const reference = `${OFFICIAL_IMAGE}:${version}`;
    const way = image ?? (registry !== undefined ? 'registry' : await this.#imageWay());
    if (way === 'registry') return { registry: await this.#pinned(reference) };
    const { digest, problem } = offline === true ? {} : await digestOf(reference, io);
    if (problem !== undefined) {
      this.#session.context.note(
        `The digest of ${reference} could not be looked up, so the version stays unpinned: ${problem}`,
      );
    }
    return { version, digest };
  }

  async #newest(known: string): Promise<string> {
    if (this.#session.flags.offline === true) return known;
    const { version, problem } = await newestVersion(known, this.#session.context.io);
    if (version !== undefined) return version;
    this.#session.context.note(
      `The newest version of the agent could not be looked up, so it stays ${known}: ${problem}`,
    );
    return known;
  }

  /** The CDK builds with the program in CDK_DOCKER, or with docker. */
  async #imageWay(): Promise<'build' | 'registry'> {
    const { context } = this.#session;
    const program = context.io.env['CDK_DOCKER'] ?? 'docker';
    if (await answers(program, ['version'], context.io)) return 'build';
    context.note(`${program} doesn't answer here, so the image comes from the registry.`);
    return 'registry';
  }

  /** The reference with its digest, if the registry can be reached. */
  async #pinned(reference: string): Promise<string> {
    if (reference.includes('@') || this.#session.flags.offline === true) return reference;
    const { digest, problem } = await digestOf(reference, this.#session.context.io);
    if (digest !== undefined) return `${reference}@${digest}`;
    this.#session.context.note(
      `The digest of ${reference} could not be looked up, so the image stays unpinned: ${problem}`,
    );
    return reference;
  }
}

/** Price of the network with these settings; `undefined` if the settings aren't complete. */
function priceOf(present: PresentSettings, wanted: WantedSettings, place: Place): number | undefined {
  try {
    const { context } = presentSettings(changedText(present, settingsChanges(present, wanted)));
    return idleNetworkPrice(parseSettings(context), place);
  } catch (error) {
    if (error instanceof SettingsError) return undefined;
    throw error;
  }
}

/** A network with this mode, complete enough for its price. */
function exampleOf(egress: EgressMode): WantedNetwork {
  if (egress !== 'existing-vpc') return { egress };
  return { egress, vpcId: 'vpc-0123456789abcdef0', subnetIds: ['subnet-0123456789abcdef0'] };
}

/** Asks explicitly, so that no reflexive Enter opens the pool to everybody. */
async function askForScope(questions: Questions, projects: readonly Project[]): Promise<PoolScope> {
  const EVERY = '*';
  const options = [
    ...projects.map(({ id, name }) => ({ value: id, label: name })),
    { value: EVERY, label: 'Every project, also future ones' },
  ];
  const message = 'Projects that may use the pool (its agents get jobs of every workspace that may)';
  for (;;) {
    const ids = await questions.choose(message, options, { required: true });
    if (!ids.includes(EVERY)) return { kind: 'projects', projects: projects.filter(({ id }) => ids.includes(id)) };
    if (ids.length === 1) return { kind: 'organization' };
  }
}

/** What is wrong with the name of an AWS service; `undefined` if nothing is. */
function serviceFaultInWords(service: string): string | undefined {
  const found = serviceFault(service);
  if (found !== undefined) return `${service}: ${found.fault}. To do: ${found.remedy}.`;
  return SERVICE.test(service) ? undefined : `${service}: use a name as in its hostname, such as sts, iam, ec2 or s3.`;
}

function projectNamed(projects: readonly Project[], name: string): Project {
  const found = projects.find((project) => project.name === name || project.id === name);
  if (found !== undefined) return found;
  const names = projects.map((project) => project.name).join(', ');
  throw new UsageError(
    `There is no project ${name}, or the token may not see it.\nIt sees: ${names === '' ? 'none' : names}.`,
  );
}
