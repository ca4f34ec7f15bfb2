/**
 * Amazon EC2: the actions on instances, and what they show.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
 *
 * A member of a request that EC2 has and this emulator doesn't know is refused, so that nobody relies on it.
 */
import * as z from 'zod';
import { ApiError } from '../core/api-error.ts';
import { type FilterProperty, filtered, filters } from '../core/ec2/filters.ts';
import { INSTANCE_STATES, type Instance, type StateChange, type Tags } from '../core/ec2/instance.ts';
import type { Instances } from '../core/ec2/instances.ts';
import { Ec2Rates } from '../core/ec2/rates.ts';
import { instancesNotFound, requestLimitExceeded } from '../core/ec2/wording.ts';
import { pageOf } from '../core/pages.ts';
import type { Place } from '../core/place.ts';
import { validate } from '../core/validation.ts';
import type { QueryService } from '../query-protocol.ts';
import { instanceDocument, interfaceDocument, stateDocument, statusDocument } from './ec2-documents.ts';

const flag = z.stringbool({ truthy: ['true'], falsy: ['false'] });
const ids = z.array(z.string().min(1)).min(1);
const tag = z.strictObject({ Key: z.string().min(1).max(128), Value: z.string().max(256).default('') });
const dryRun = { DryRun: flag.default(false) };
const pages = {
  Filter: filters,
  MaxResults: z
    .string()
    .regex(/^\d{1,4}$/)
    .transform(Number)
    .pipe(z.int().min(5).max(1000))
    .optional(),
  NextToken: z.string().optional(),
};

const run = z.strictObject({
  ...dryRun,
  LaunchTemplate: z.strictObject({ LaunchTemplateId: z.string().min(1), Version: z.string().default('$Default') }),
  MinCount: z.literal('1'),
  MaxCount: z.literal('1'),
  ClientToken: z
    .string()
    .regex(/^[\x21-\x7e]{1,64}$/)
    .optional(),
  TagSpecification: z
    .array(z.strictObject({ ResourceType: z.enum(['instance', 'volume']), Tag: z.array(tag).default([]) }))
    .default([]),
});
const onInstances = z.strictObject({
  ...dryRun,
  InstanceId: ids,
  Force: flag.optional(),
  SkipOsShutdown: flag.optional(),
});
const describe = z.strictObject({ ...dryRun, ...pages, InstanceId: ids.optional() });
const describeStatus = describe.extend({ IncludeAllInstances: flag.default(false) });
const describeInterfaces = z.strictObject({ ...dryRun, ...pages, NetworkInterfaceId: ids.optional() });
const modifyInstance = z
  .strictObject({
    ...dryRun,
    InstanceId: z.string().min(1),
    DisableApiTermination: z.strictObject({ Value: flag }).optional(),
    Attribute: z.literal('disableApiTermination').optional(),
    Value: flag.optional(),
  })
  .transform(({ DisableApiTermination, Value, ...rest }) => ({
    ...rest,
    isProtected: DisableApiTermination?.Value ?? Value,
  }));
const modifyInterface = z.strictObject({
  ...dryRun,
  NetworkInterfaceId: z.string().min(1),
  AssociatePublicIpAddress: flag,
});
const createTags = z.strictObject({ ...dryRun, ResourceId: ids, Tag: z.array(tag).min(1) });
const deleteTags = z.strictObject({
  ...dryRun,
  ResourceId: ids,
  Tag: z.array(z.strictObject({ Key: z.string().min(1), Value: z.string().optional() })).default([]),
});

const INSTANCE_FILTERS: Readonly<Record<string, FilterProperty<Instance>>> = {
  'instance-id': ({ id }) => [id],
  'instance-state-name': ({ state }) => [state],
  'instance-state-code': ({ state }) => [String(INSTANCE_STATES[state])],
  'instance-type': ({ template }) => [template.instanceType],
  'image-id': ({ imageId }) => [imageId],
  'client-token': ({ clientToken }) => [clientToken],
  'subnet-id': ({ networkInterface }) => [networkInterface?.subnetId],
  'vpc-id': ({ networkInterface }) => [networkInterface?.vpcId],
  'availability-zone': ({ networkInterface }) => [networkInterface?.availabilityZone],
  'network-interface.network-interface-id': ({ networkInterface }) => [networkInterface?.id],
};

export interface Ec2InstancesOptions {
  readonly place: Place;
  readonly now: () => number;
  /** Whether EC2's rates apply. */
  readonly rates: boolean;
}

/** The actions by name, for the service `ec2`. */
export function instanceActions(
  instances: Instances,
  { place, now, rates: isRated }: Ec2InstancesOptions,
): QueryService['actions'] {
  const rates = isRated ? new Ec2Rates() : undefined;
  /** An action: its tokens are taken first, then its input is parsed. */
  const action =
    <Schema extends z.ZodType<{ readonly DryRun: boolean }>>(
      name: string,
      schema: Schema,
      perform: (request: z.output<Schema>) => object,
    ) =>
    (input: unknown): object => {
      const instanceIds = z.looseObject({ InstanceId: z.array(z.unknown()) }).safeParse(input).data?.InstanceId ?? [];
      const isNarrow = ['Filter', 'MaxResults', 'InstanceId', 'NetworkInterfaceId'].some((member) =>
        Object.hasOwn(Object(input), member),
      );
      const request = { action: name, instances: Math.max(1, instanceIds.length), isNarrow };
      if (rates?.take(request, now()) === false) throw requestLimitExceeded(name, place.accountId);
      const parsed = ec2Input(schema, input);
      if (parsed.DryRun) {
        throw new ApiError('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412);
      }
      return perform(parsed);
    };
  const changed = (changes: readonly StateChange[]): object => ({
    instancesSet: changes.map(({ id, previous, current }) => ({
      instanceId: id,
      currentState: stateDocument(current),
      previousState: stateDocument(previous),
    })),
  });
  const reservation = (instance: Instance): object => ({
    reservationId: instance.reservationId,
    ownerId: place.accountId,
    groupSet: [],
    instancesSet: [instanceDocument(instance, place)],
  });

  return {
    RunInstances: action('RunInstances', run, (request) => {
      const own = request.TagSpecification.filter(({ ResourceType }) => ResourceType === 'instance');
      return reservation(
        instances.run({
          templateId: request.LaunchTemplate.LaunchTemplateId,
          version: request.LaunchTemplate.Version,
          clientToken: request.ClientToken,
          tags: tagsOf(own.flatMap(({ Tag }) => Tag)),
        }),
      );
    }),
    StartInstances: action('StartInstances', onInstances, ({ InstanceId }) => changed(instances.start(InstanceId))),
    StopInstances: action('StopInstances', onInstances, ({ InstanceId }) => changed(instances.stop(InstanceId))),
    TerminateInstances: action('TerminateInstances', onInstances, ({ InstanceId }) =>
      changed(instances.terminate(InstanceId)),
    ),
    DescribeInstances: action('DescribeInstances', describe, (request) => {
      const { items, next } = selected(instances, request);
      return { reservationSet: items.map(reservation), nextToken: next };
    }),
    DescribeInstanceStatus: action('DescribeInstanceStatus', describeStatus, ({ IncludeAllInstances, ...request }) => {
      const { items, next } = selected(instances, request, (one) => IncludeAllInstances || one.state === 'running');
      return {
        instanceStatusSet: items.map((instance) => statusDocument(instance, instances.isChecked(instance))),
        nextToken: next,
      };
    }),
    DescribeNetworkInterfaces: action('DescribeNetworkInterfaces', describeInterfaces, (request) => {
      for (const id of request.NetworkInterfaceId ?? []) instances.interfaces.find(id);
      const all = instances.interfaces
        .all()
        .map((one) => ({ ...one, instance: instances.attachedTo(one.id), tags: {} }));
      const found = filtered(all, request.Filter, {
        'network-interface-id': ({ id }) => [id],
        'subnet-id': ({ subnetId }) => [subnetId],
        'vpc-id': ({ vpcId }) => [vpcId],
        status: ({ instance }) => [instance === undefined ? 'available' : 'in-use'],
        'attachment.instance-id': ({ instance }) => [instance?.id],
      }).filter(({ id }) => request.NetworkInterfaceId?.includes(id) ?? true);
      const { items, next } = pageOf(found, ({ id }) => id, pageRequest(request), invalidToken);
      return {
        networkInterfaceSet: items.map(({ instance, ...one }) => interfaceDocument(one, instance, place)),
        nextToken: next,
      };
    }),
    ModifyInstanceAttribute: action('ModifyInstanceAttribute', modifyInstance, ({ InstanceId, isProtected }) => {
      if (isProtected === undefined) throw missingParameter('attribute');
      instances.protect(InstanceId, isProtected);
      return { return: true };
    }),
    ModifyNetworkInterfaceAttribute: action('ModifyNetworkInterfaceAttribute', modifyInterface, (request) => {
      instances.associateAddress(request.NetworkInterfaceId, request.AssociatePublicIpAddress);
      return { return: true };
    }),
    CreateTags: action('CreateTags', createTags, ({ ResourceId, Tag }) => {
      instances.tag(ResourceId, tagsOf(Tag));
      return { return: true };
    }),
    DeleteTags: action('DeleteTags', deleteTags, ({ ResourceId, Tag }) => {
      const withValue = Tag.flatMap(({ Key, Value }) => (Value === undefined ? [] : [[Key, Value] as const]));
      instances.untag(
        ResourceId,
        Tag.map(({ Key }) => Key),
        Object.fromEntries(withValue),
      );
      return { return: true };
    }),
  };
}

/** One page of the instances that the request selects. */
function selected(
  instances: Instances,
  request: Pick<z.output<typeof describe>, 'InstanceId' | 'Filter' | 'MaxResults' | 'NextToken'>,
  isIncluded: (instance: Instance) => boolean = () => true,
) {
  const { InstanceId: wanted, Filter, MaxResults } = request;
  if (wanted !== undefined && MaxResults !== undefined) {
    throw new ApiError(
      'InvalidParameterCombination',
      'The parameter instancesSet cannot be used with the parameter maxResults',
    );
  }
  const all = instances.shown();
  const missing = wanted?.filter((id) => !all.some((instance) => instance.id === id)) ?? [];
  if (missing.length > 0) throw instancesNotFound(missing);
  const found = filtered(all, Filter, INSTANCE_FILTERS).filter(
    (instance) => (wanted?.includes(instance.id) ?? true) && isIncluded(instance),
  );
  return pageOf(found, ({ id }) => id, pageRequest(request), invalidToken);
}

function pageRequest({
  MaxResults = 1000,
  NextToken,
}: {
  MaxResults?: number | undefined;
  NextToken?: string | undefined;
}) {
  return { token: NextToken, size: MaxResults };
}

/** The text is unverified. */
function invalidToken(): ApiError {
  return new ApiError('InvalidParameterValue', 'The specified NextToken is invalid.');
}

function missingParameter(name: string): ApiError {
  return new ApiError('MissingParameter', `The request must contain the parameter ${name}`);
}

function tagsOf(tags: readonly z.output<typeof tag>[]): Tags {
  return Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value]));
}

/** Parses an input, and reports faults with EC2's codes. @throws ApiError */
function ec2Input<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const [issue] = schema.safeParse(input).error?.issues ?? [];
  if (issue?.code === 'unrecognized_keys') {
    throw new ApiError('UnknownParameter', `The parameter ${issue.keys[0] ?? ''} is not recognized`);
  }
  if (issue?.code === 'invalid_type' && issue.input === undefined) throw missingParameter(issue.path.join('.'));
  return validate(schema, input, 'InvalidParameterValue');
}
