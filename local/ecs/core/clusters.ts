import * as z from 'zod';
import { ApiError, clientException, invalidParameter } from '../../aws/core/api-error.ts';
import { parseInput } from '../../aws/core/parse-input.ts';
import { clusterArn, type Place, resourceOf } from './arns.ts';
import { type CapacityStrategy, capacityStrategy } from './capacity-strategy.ts';
import { type Tag, tagList } from './tags.ts';
import type { Task } from './task.ts';

export interface Cluster {
  readonly name: string;
  readonly arn: string;
  status: 'ACTIVE' | 'INACTIVE';
  tags: readonly Tag[];
  settings: readonly { readonly name: string; readonly value: string }[];
  /** Providers that a strategy may use in this cluster. */
  capacityProviders: readonly string[];
  defaultStrategy: CapacityStrategy;
}

const name = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,255}$/, 'Invalid cluster name: up to 255 letters, numbers, underscores and hyphens.');
const providers = z.array(z.enum(['FARGATE', 'FARGATE_SPOT'], 'The specified capacity provider was not found.'));

const createRequest = z.object({
  clusterName: name.default('default'),
  tags: tagList.default([]),
  settings: z.array(z.object({ name: z.literal('containerInsights'), value: z.string() })).default([]),
  capacityProviders: providers.default([]),
  defaultCapacityProviderStrategy: capacityStrategy.default([]),
});
const describeRequest = z.object({
  clusters: z.array(z.string()).max(100, 'Clusters cannot have more than 100 elements.').default(['default']),
  include: z.array(z.enum(['ATTACHMENTS', 'CONFIGURATIONS', 'SETTINGS', 'STATISTICS', 'TAGS'])).default([]),
});
const listRequest = z.object({
  maxResults: z
    .int()
    .min(1, 'maxResults must be between 1 and 100.')
    .max(100, 'maxResults must be between 1 and 100.')
    .default(100),
  nextToken: z.string().optional(),
});
const providersRequest = z.object({
  cluster: z.string(),
  capacityProviders: providers,
  defaultCapacityProviderStrategy: capacityStrategy,
});
const deleteRequest = z.object({ cluster: z.string() });

/** Input of CreateCluster, also for callers in the same process. */
export type CreateClusterInput = z.input<typeof createRequest>;

/** The clusters of one region and account, and the API's actions on them. */
export class Clusters {
  readonly #place: Place;
  readonly #tasks: () => Iterable<Task>;
  readonly #clusters = new Map<string, Cluster>();

  constructor(place: Place, tasks: () => Iterable<Task>) {
    this.#place = place;
    this.#tasks = tasks;
  }

  /**
   * The active cluster with this name or ARN. Default: `default`.
   * @throws ApiError ClusterNotFoundException
   */
  find(nameOrArn = 'default'): Cluster {
    const cluster = this.#lookUp(nameOrArn);
    if (cluster?.status !== 'ACTIVE') throw new ApiError('ClusterNotFoundException', 'Cluster not found.');
    return cluster;
  }

  byArn(arn: string): Cluster | undefined {
    return this.#lookUp(arn);
  }

  /** CreateCluster. If a cluster has this name already, returns it unchanged. */
  create(input: unknown): { cluster: object } {
    const request = parseInput(createRequest, input);
    const existing = this.#clusters.get(request.clusterName);
    if (existing?.status === 'ACTIVE') return { cluster: this.#view(existing, ['TAGS', 'SETTINGS']) };
    checkAssociated(request.defaultCapacityProviderStrategy, request.capacityProviders);
    const cluster: Cluster = {
      name: request.clusterName,
      arn: clusterArn(this.#place, request.clusterName),
      status: 'ACTIVE',
      tags: request.tags,
      settings: request.settings,
      capacityProviders: request.capacityProviders,
      defaultStrategy: request.defaultCapacityProviderStrategy,
    };
    this.#clusters.set(cluster.name, cluster);
    return { cluster: this.#view(cluster, ['TAGS', 'SETTINGS']) };
  }

  describe(input: unknown): { clusters: object[]; failures: object[] } {
    const request = parseInput(describeRequest, input);
    const clusters: object[] = [];
    const failures: object[] = [];
    for (const wanted of request.clusters) {
      const cluster = this.#lookUp(wanted);
      if (cluster !== undefined) clusters.push(this.#view(cluster, request.include));
      else
        failures.push({ arn: wanted.startsWith('arn:') ? wanted : clusterArn(this.#place, wanted), reason: 'MISSING' });
    }
    return { clusters, failures };
  }

  list(input: unknown): { clusterArns: string[]; nextToken?: string } {
    const { maxResults, nextToken } = parseInput(listRequest, input);
    const arns = [...this.#clusters.values()].filter(({ status }) => status === 'ACTIVE').map(({ arn }) => arn);
    const first = nextToken === undefined ? 0 : arns.indexOf(nextToken);
    if (first < 0) throw invalidParameter('Invalid token.');
    const next = arns[first + maxResults];
    return { clusterArns: arns.slice(first, first + maxResults), ...(next === undefined ? {} : { nextToken: next }) };
  }

  putCapacityProviders(input: unknown): { cluster: object } {
    const request = parseInput(providersRequest, input);
    const cluster = this.find(request.cluster);
    checkAssociated(request.defaultCapacityProviderStrategy, request.capacityProviders);
    cluster.capacityProviders = request.capacityProviders;
    cluster.defaultStrategy = request.defaultCapacityProviderStrategy;
    return { cluster: this.#view(cluster, []) };
  }

  delete(input: unknown): { cluster: object } {
    const cluster = this.find(parseInput(deleteRequest, input).cluster);
    for (const task of this.#tasks()) {
      if (task.clusterName === cluster.name && task.lastStatus !== 'STOPPED') {
        throw new ApiError('ClusterContainsTasksException', 'The Cluster cannot be deleted while Tasks are active.');
      }
    }
    cluster.status = 'INACTIVE';
    return { cluster: this.#view(cluster, []) };
  }

  #lookUp(nameOrArn: string): Cluster | undefined {
    const found = this.#clusters.get(resourceOf(nameOrArn, 'cluster') ?? nameOrArn);
    return nameOrArn.startsWith('arn:') && found?.arn !== nameOrArn ? undefined : found;
  }

  #view(cluster: Cluster, include: readonly string[]): object {
    let running = 0;
    let pending = 0;
    for (const task of this.#tasks()) {
      if (task.clusterName !== cluster.name) continue;
      if (task.lastStatus === 'RUNNING') running += 1;
      else if (['PROVISIONING', 'PENDING', 'ACTIVATING'].includes(task.lastStatus)) pending += 1;
    }
    return {
      clusterArn: cluster.arn,
      clusterName: cluster.name,
      status: cluster.status,
      registeredContainerInstancesCount: 0,
      runningTasksCount: running,
      pendingTasksCount: pending,
      activeServicesCount: 0,
      statistics: include.includes('STATISTICS')
        ? [
            { name: 'runningFargateTasksCount', value: String(running) },
            { name: 'pendingFargateTasksCount', value: String(pending) },
          ]
        : [],
      tags: include.includes('TAGS') ? cluster.tags : [],
      settings: include.includes('SETTINGS') ? cluster.settings : [],
      capacityProviders: cluster.capacityProviders,
      defaultCapacityProviderStrategy: cluster.defaultStrategy,
    };
  }
}

function checkAssociated(strategy: CapacityStrategy, providers: readonly string[]): void {
  if (strategy.every(({ capacityProvider }) => providers.includes(capacityProvider))) return;
  throw clientException(
    'The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster.',
  );
}
