/** AWS CloudFormation: what is deployed. Nothing is deployed here: the owner of the server adds stacks. */
import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { ApiError } from '../core/api-error.ts';
import { pageOf } from '../core/pages.ts';
import { arnOf, type Place } from '../core/place.ts';
import { validate } from '../core/validation.ts';
import type { QueryService } from '../query-protocol.ts';

export interface StackInput {
  readonly name: string;
  readonly outputs: readonly { readonly key: string; readonly value: string; readonly description?: string }[];
  /** Default: `CREATE_COMPLETE`. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html */
  readonly status?: string;
  /** Resources of the stack. Default: none. */
  readonly resources?: readonly StackResource[];
  /** Values of the template's parameters. Default: the template has none. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Other sections of the template, such as `Conditions`. Default: none. */
  readonly sections?: Readonly<Record<string, unknown>>;
  /** Why the stack has its status. */
  readonly statusReason?: string;
}

export interface StackResource {
  readonly logicalId: string;
  readonly physicalId: string;
  /** Such as `AWS::Lambda::Function`. */
  readonly type: string;
  /** Properties in the template. */
  readonly properties: Readonly<Record<string, unknown>>;
}

interface Stack extends StackInput {
  readonly id: string;
  readonly createdAt: Date;
  readonly updatedAt: Date | undefined;
}

const CODE = 'ValidationError';
const PAGE_SIZE = 100;

const describeResources = z.object({
  StackName: z.string().min(1).optional(),
  LogicalResourceId: z.string().min(1).optional(),
  PhysicalResourceId: z.string().min(1).optional(),
});

const getTemplate = z.object({
  StackName: z.string().min(1),
  TemplateStage: z.enum(['Original', 'Processed']).default('Original'),
});

const describeStacks = z.object({
  StackName: z.string().min(1).optional(),
  NextToken: z.string().min(1).max(1024).optional(),
});

export class CloudFormation {
  readonly #place: Place;
  readonly #now: () => number;
  readonly #stacks = new Map<string, Stack>();

  constructor(place: Place, now: () => number) {
    this.#place = place;
    this.#now = now;
  }

  readonly service: QueryService = {
    protocol: 'query',
    version: '2010-05-15',
    namespace: 'http://cloudformation.amazonaws.com/doc/2010-05-15/',
    actions: {
      DescribeStacks: (input) => this.#describe(input),
      DescribeStackResources: (input) => this.#resources(input),
      GetTemplate: (input) => this.#template(input),
    },
  };

  /** Creates the stack, or changes it. @returns its ARN */
  put(input: StackInput): string {
    const known = this.#stacks.get(input.name);
    const at = new Date(this.#now());
    const stack: Stack = {
      status: known === undefined ? 'CREATE_COMPLETE' : 'UPDATE_COMPLETE',
      ...input,
      id: known?.id ?? arnOf('cloudformation', this.#place, `stack/${input.name}/${randomUUID()}`),
      createdAt: known?.createdAt ?? at,
      updatedAt: known === undefined ? undefined : at,
    };
    this.#stacks.set(input.name, stack);
    return stack.id;
  }

  /** What was put under this name. @throws Error if there is no such stack */
  stack(name: string): StackInput {
    const stack = this.#stacks.get(name);
    if (stack === undefined) throw new Error(`There is no stack ${name}.`);
    const { id, createdAt, updatedAt, ...input } = stack;
    return input;
  }

  delete(name: string): void {
    this.#stacks.delete(name);
  }

  /** https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html */
  #resources(input: unknown): object {
    const wanted = validate(describeResources, input, CODE);
    const { StackName: nameOrId, PhysicalResourceId: physicalId, LogicalResourceId: logicalId } = wanted;
    const all = [...this.#stacks.values()];
    const stack = all.find(({ name, id, resources = [] }) =>
      nameOrId === undefined
        ? resources.some((one) => one.physicalId === physicalId)
        : name === nameOrId || id === nameOrId,
    );
    // AWS doesn't document the text of this error.
    if (stack === undefined) throw new ApiError(CODE, `Stack for ${nameOrId ?? physicalId} does not exist`);
    const { name, id, createdAt, updatedAt, resources = [] } = stack;
    return {
      // If a physical id is given, AWS returns all resources of its stack.
      StackResources: resources
        .filter((one) => logicalId === undefined || one.logicalId === logicalId)
        .map((one) => ({
          StackName: name,
          StackId: id,
          LogicalResourceId: one.logicalId,
          PhysicalResourceId: one.physicalId,
          ResourceType: one.type,
          Timestamp: updatedAt ?? createdAt,
          ResourceStatus: 'CREATE_COMPLETE',
          DriftInformation: { StackResourceDriftStatus: 'NOT_CHECKED' },
        })),
    };
  }

  /** https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html */
  #template(input: unknown): object {
    const { StackName: nameOrId } = validate(getTemplate, input, CODE);
    const stack = [...this.#stacks.values()].find(({ name, id }) => name === nameOrId || id === nameOrId);
    if (stack === undefined) throw new ApiError(CODE, `Stack with id ${nameOrId} does not exist`);
    const resources = (stack.resources ?? []).map(({ logicalId, type, properties }) => [
      logicalId,
      { Type: type, Properties: properties },
    ]);
    return {
      TemplateBody: JSON.stringify({ ...stack.sections, Resources: Object.fromEntries(resources) }),
      StagesAvailable: ['Original', 'Processed'],
    };
  }

  #describe(input: unknown): object {
    const { StackName: nameOrId, NextToken: token } = validate(describeStacks, input, CODE);
    const all = [...this.#stacks.values()];
    const asked = nameOrId === undefined ? all : all.filter(({ name, id }) => name === nameOrId || id === nameOrId);
    if (nameOrId !== undefined && asked.length === 0) {
      throw new ApiError(CODE, `Stack with id ${nameOrId} does not exist`);
    }
    const invalid = () => new ApiError(CODE, 'NextToken is invalid');
    const page = pageOf(asked, ({ id }) => id, { token, size: PAGE_SIZE }, invalid);
    return { Stacks: page.items.map(stackDocument), NextToken: page.next };
  }
}

function stackDocument(stack: Stack): object {
  const { name, id, status, statusReason, createdAt, updatedAt, outputs, parameters = {} } = stack;
  return {
    StackId: id,
    StackName: name,
    Parameters: Object.entries(parameters).map(([key, value]) => ({ ParameterKey: key, ParameterValue: value })),
    CreationTime: createdAt,
    LastUpdatedTime: updatedAt,
    RollbackConfiguration: {},
    StackStatus: status,
    StackStatusReason: statusReason,
    DisableRollback: false,
    NotificationARNs: [],
    Capabilities: ['CAPABILITY_IAM'],
    Outputs: outputs.map(({ key, value, description }) => ({
      OutputKey: key,
      OutputValue: value,
      Description: description,
    })),
    Tags: [],
    EnableTerminationProtection: false,
    DriftInformation: { StackDriftStatus: 'NOT_CHECKED' },
  };
}
