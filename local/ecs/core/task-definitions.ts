import * as z from 'zod';
import { ApiError, clientException, invalidParameter } from '../../aws/core/api-error.ts';
import { parseInput } from '../../aws/core/parse-input.ts';
import { type Place, resourceOf, taskDefinitionArn } from './arns.ts';
import type { FargateSize } from './fargate-size.ts';
import type { Tag } from './tags.ts';
import { commonFault, fargateSizeOf } from './task-definition-rules.ts';
import { type RegisterTaskDefinitionRequest, registerRequest } from './task-definition-schema.ts';

export interface TaskDefinition {
  readonly arn: string;
  readonly family: string;
  readonly revision: number;
  readonly request: RegisterTaskDefinitionRequest;
  /** Absent if the definition can't run on Fargate. */
  readonly size?: FargateSize;
  readonly registeredAt: number;
  deregisteredAt?: number;
  tags: readonly Tag[];
}

const oneRequest = z.object({ taskDefinition: z.string(), include: z.array(z.enum(['TAGS'])).default([]) });
const listRequest = z.object({
  familyPrefix: z.string().optional(),
  status: z.enum(['ACTIVE', 'INACTIVE', 'DELETE_IN_PROGRESS']).default('ACTIVE'),
  sort: z.enum(['ASC', 'DESC']).default('ASC'),
  maxResults: z
    .int()
    .min(1, 'maxResults must be between 1 and 100.')
    .max(100, 'maxResults must be between 1 and 100.')
    .default(100),
  nextToken: z.string().optional(),
});

/** The task definitions of one region and account, and the API's actions on them. */
export class TaskDefinitions {
  readonly #place: Place;
  readonly #now: () => number;
  readonly #families = new Map<string, TaskDefinition[]>();

  constructor(place: Place, now: () => number) {
    this.#place = place;
    this.#now = now;
  }

  /** RegisterTaskDefinition, typed for callers in the same process. */
  add(input: unknown): TaskDefinition {
    const request = parseInput(registerRequest, input);
    const fault = commonFault(request);
    if (fault !== undefined) throw fault;
    const size = fargateSizeOf(request);
    if (size instanceof ApiError && request.requiresCompatibilities.includes('FARGATE')) throw size;
    const revisions = this.#families.get(request.family) ?? [];
    const revision = revisions.length + 1;
    const definition: TaskDefinition = {
      arn: taskDefinitionArn(this.#place, request.family, revision),
      family: request.family,
      revision,
      request,
      ...(size instanceof ApiError ? {} : { size }),
      registeredAt: this.#now(),
      tags: request.tags,
    };
    this.#families.set(request.family, [...revisions, definition]);
    return definition;
  }

  register(input: unknown): object {
    const definition = this.add(input);
    return { taskDefinition: definitionView(definition), tags: definition.tags };
  }

  /** `family` (its latest active revision), `family:revision` or an ARN; undefined when there is none. */
  find(reference: string): TaskDefinition | undefined {
    if (reference.startsWith('arn:')) {
      const found = this.find(resourceOf(reference, 'task-definition') ?? '');
      return found?.arn === reference || !/:\d+$/.test(reference) ? found : undefined;
    }
    const [family = '', revision] = reference.split(':');
    const revisions = this.#families.get(family) ?? [];
    if (revision === undefined) return revisions.findLast(({ deregisteredAt }) => deregisteredAt === undefined);
    return /^\d+$/.test(revision) ? revisions[Number(revision) - 1] : undefined;
  }

  describe(input: unknown): object {
    const { taskDefinition, include } = parseInput(oneRequest, input);
    const definition = this.#get(taskDefinition);
    return { taskDefinition: definitionView(definition), tags: include.includes('TAGS') ? definition.tags : [] };
  }

  deregister(input: unknown): object {
    const { taskDefinition } = parseInput(oneRequest, input);
    if (!/:\d+$/.test(taskDefinition))
      throw clientException('Must specify a revision: family:revision or its full ARN.');
    const definition = this.#get(taskDefinition);
    definition.deregisteredAt ??= this.#now();
    return { taskDefinition: definitionView(definition) };
  }

  list(input: unknown): object {
    const request = parseInput(listRequest, input);
    const arns = [...this.#families.values()]
      .flat()
      .filter(({ family }) => request.familyPrefix === undefined || family === request.familyPrefix)
      .filter(({ deregisteredAt }) => (deregisteredAt === undefined ? 'ACTIVE' : 'INACTIVE') === request.status)
      .toSorted((a, b) => (a.family === b.family ? a.revision - b.revision : a.family < b.family ? -1 : 1))
      .map(({ arn }) => arn);
    if (request.sort === 'DESC') arns.reverse();
    const first = request.nextToken === undefined ? 0 : arns.indexOf(request.nextToken);
    if (first < 0) throw invalidParameter('Invalid token.');
    const next = arns[first + request.maxResults];
    return {
      taskDefinitionArns: arns.slice(first, first + request.maxResults),
      ...(next === undefined ? {} : { nextToken: next }),
    };
  }

  listFamilies(input: unknown): object {
    const { familyPrefix = '' } = parseInput(listRequest, input);
    return { families: [...this.#families.keys()].filter((family) => family.startsWith(familyPrefix)).toSorted() };
  }

  #get(reference: string): TaskDefinition {
    const definition = this.find(reference);
    if (definition === undefined) throw clientException('Unable to describe task definition.');
    return definition;
  }
}

function definitionView(definition: TaskDefinition): object {
  const { tags: _tags, cpu, memory, ...request } = definition.request;
  return {
    ...request,
    ...(definition.size === undefined
      ? { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) }
      : { cpu: String(definition.size.cpu), memory: String(definition.size.memory) }),
    containerDefinitions: request.containerDefinitions.map((container) => ({
      cpu: 0,
      essential: true,
      portMappings: [],
      environment: [],
      mountPoints: [],
      volumesFrom: [],
      systemControls: [],
      ...container,
    })),
    taskDefinitionArn: definition.arn,
    revision: definition.revision,
    status: definition.deregisteredAt === undefined ? 'ACTIVE' : 'INACTIVE',
    requiresAttributes: [],
    compatibilities: definition.size === undefined ? ['EC2'] : ['EC2', 'FARGATE'],
    registeredAt: definition.registeredAt / 1000,
    ...(definition.deregisteredAt === undefined ? {} : { deregisteredAt: definition.deregisteredAt / 1000 }),
    registeredBy: `arn:aws:iam::${definition.arn.split(':')[4] ?? ''}:root`,
  };
}
