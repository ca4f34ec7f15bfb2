import * as z from 'zod';
import { ApiError, invalidParameter } from '../../aws/core/api-error.ts';
import { parseInput } from '../../aws/core/parse-input.ts';
import { type Place, resourceOf, taskArn } from './arns.ts';
import type { Cluster, Clusters } from './clusters.ts';
import type { Task } from './task.ts';

const pageText = 'maxResults must be between 1 and 100.';

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html */
const listRequest = z.object({
  cluster: z.string().default('default'),
  containerInstance: z.string().optional(),
  family: z.string().optional(),
  startedBy: z.string().optional(),
  serviceName: z.string().optional(),
  daemonName: z.string().optional(),
  desiredStatus: z.enum(['RUNNING', 'PENDING', 'STOPPED']).optional(),
  launchType: z.enum(['EC2', 'FARGATE', 'EXTERNAL', 'MANAGED_INSTANCES']).optional(),
  maxResults: z.int().min(1, pageText).max(100, pageText).default(100),
  nextToken: z.string().optional(),
});

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html */
const describeRequest = z.object({
  cluster: z.string().default('default'),
  tasks: z
    .array(z.string(), { error: 'Tasks cannot be empty.' })
    .min(1, 'Tasks cannot be empty.')
    .max(100, 'Tasks cannot have more than 100 elements.'),
  include: z.array(z.enum(['TAGS'])).default([]),
});

const filters = ['containerInstance', 'family', 'serviceName', 'daemonName', 'desiredStatus', 'launchType'] as const;

export interface ReadTasksParts {
  readonly place: Place;
  readonly clusters: Clusters;
  /** In creation order. */
  readonly tasks: () => Iterable<Task>;
  readonly byId: (id: string) => Task | undefined;
  /** The task as this read shows it, which may be an earlier state; `undefined` if the read doesn't show it. */
  readonly shown: (task: Task) => Task | undefined;
}

/** The API's view of the tasks: delayed, paginated, and with its filter rules. */
export class ReadTasks {
  readonly #parts: ReadTasksParts;

  constructor(parts: ReadTasksParts) {
    this.#parts = parts;
  }

  list(input: unknown): { taskArns: string[]; nextToken?: string } {
    const request = parseInput(listRequest, input);
    const cluster = this.#parts.clusters.find(request.cluster);
    if (request.startedBy !== undefined && filters.some((filter) => request[filter] !== undefined)) {
      throw invalidParameter('startedBy must be the only filter: it cannot be combined with another one.');
    }
    if (request.serviceName !== undefined) throw new ApiError('ServiceNotFoundException', 'Service not found.');
    if (request.containerInstance !== undefined)
      throw invalidParameter('The referenced container instance was not found.');
    const after = request.nextToken === undefined ? 0 : pageStart(request.nextToken, cluster);
    const desired = request.desiredStatus ?? 'RUNNING';
    const taskArns: string[] = [];
    let last = 0;
    for (const task of this.#parts.tasks()) {
      if (task.sequence <= after || task.clusterName !== cluster.name) continue;
      if (request.family !== undefined && task.definition.family !== request.family) continue;
      if (request.startedBy !== undefined && task.startedBy !== request.startedBy) continue;
      if (request.launchType !== undefined && task.launchType !== request.launchType) continue;
      if (request.daemonName !== undefined || this.#parts.shown(task)?.desiredStatus !== desired) continue;
      if (taskArns.length === request.maxResults) return { taskArns, nextToken: pageToken(last, cluster) };
      taskArns.push(task.arn);
      last = task.sequence;
    }
    return { taskArns };
  }

  describe(input: unknown): { tasks: Task[]; failures: object[]; withTags: boolean } {
    const request = parseInput(describeRequest, input);
    const cluster = this.#parts.clusters.find(request.cluster);
    const tasks: Task[] = [];
    const failures: object[] = [];
    for (const reference of new Set(request.tasks)) {
      const task = this.#parts.byId(taskIdOf(reference, cluster));
      const shown = task?.clusterName === cluster.name ? this.#parts.shown(task) : undefined;
      if (shown !== undefined) tasks.push(shown);
      else {
        const arn = reference.startsWith('arn:') ? reference : taskArn(this.#parts.place, cluster.name, reference);
        failures.push({ arn, reason: 'MISSING' });
      }
    }
    return { tasks, failures, withTags: request.include.includes('TAGS') };
  }
}

/**
 * The id in an id or ARN.
 * @throws ApiError InvalidParameterException if the ARN belongs to another cluster or isn't a task's
 */
export function taskIdOf(reference: string, cluster: Cluster): string {
  if (!reference.startsWith('arn:')) return reference;
  const [first, second] = (resourceOf(reference, 'task') ?? '').split('/');
  if (first === undefined || first === '') throw invalidParameter(`Invalid identifier: ${reference} is not a task.`);
  // ARNs in the short format don't contain a cluster.
  if (second === undefined) return first;
  if (first === cluster.name) return second;
  throw invalidParameter(`Invalid identifier: Identifier is for cluster ${first}. Your cluster is ${cluster.name}`);
}

function pageToken(after: number, cluster: Cluster): string {
  return Buffer.from(JSON.stringify([cluster.name, after])).toString('base64url');
}

function pageStart(token: string, cluster: Cluster): number {
  const parsed = z.tuple([z.literal(cluster.name), z.int()]).safeParse(jsonOf(token));
  if (!parsed.success) throw invalidParameter('Invalid token.');
  return parsed.data[1];
}

function jsonOf(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch {
    return undefined;
  }
}
