/**
 * The least-privilege policies for deploying a stack, made from its template.
 *
 * Each resource's type and properties determine the actions (`actions.ts`), and the names of the stack's resources determine the ARNs.
 * A type or a property without an entry is an error: a policy must not silently lack what a new resource needs.
 */
import { partitionOf, suffixOf } from '../../lib/aws/partitions.ts';
import type { Settings } from '../../lib/settings/parse.ts';
import { ACTIONS, type LinkedService, type PassedTo, type Scope } from './actions.ts';

/** IAM's maximum for a managed policy, without whitespace. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
export const MOST_CHARACTERS = 6144;

export interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow';
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

export interface Policy {
  readonly Version: '2012-10-17';
  readonly Statement: readonly Statement[];
}

/** The part of a template that matters here. */
export interface Template {
  readonly Resources: Readonly<
    Record<string, { readonly Type: string; readonly Properties?: Readonly<Record<string, unknown>> | undefined }>
  >;
}

/** Account and region of the deployment. */
export interface Target {
  readonly account: string;
  readonly region: string;
}

/** What the policies depend on, in addition to the template. */
export type NamedSettings = Pick<Settings, 'stackName' | 'roles' | 'pools' | 'logs'>;

/** The CDK's default. https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html */
const QUALIFIER = 'hnb659fds';

const SERVICE: Readonly<Record<PassedTo, string>> = {
  'ecs-tasks': 'ecs-tasks.amazonaws.com',
  lambda: 'lambda.amazonaws.com',
  scheduler: 'scheduler.amazonaws.com',
  'vpc-flow-logs': 'vpc-flow-logs.amazonaws.com',
  logs: 'logs.amazonaws.com',
  ec2: 'ec2.amazonaws.com',
};

/** Actions and services that the resources of some templates need. */
interface Needs {
  /** By scope. */
  readonly actions: Map<string, Set<string>>;
  readonly passedTo: Set<PassedTo>;
  readonly linked: Set<LinkedService>;
  readonly managedPolicies: Set<string>;
}

/** @throws {Error} for a type or a property that has no entry in `actions.ts` */
function needsOf(templates: readonly Template[]): Needs {
  const needs: Needs = { actions: new Map(), passedTo: new Set(), linked: new Set(), managedPolicies: new Set() };
  const add = (scope: string, actions: string) => {
    const known = needs.actions.get(scope) ?? new Set();
    for (const action of actions.split(' ')) known.add(action);
    needs.actions.set(scope, known);
  };
  for (const { Resources } of templates) {
    for (const [id, { Type, Properties = {} }] of Object.entries(Resources)) {
      if (Type === 'AWS::CDK::Metadata') continue; // It creates nothing.
      const entry = ACTIONS[Type];
      if (entry === undefined) {
        throw new Error(
          `The resource ${id} has the type ${Type}, for which bin/deploy-policy/actions.ts has no entry. Add the actions that CloudFormation needs to create, read, update and delete it, from the handlers in its resource schema.`,
        );
      }
      for (const [scope, actions] of Object.entries(entry.actions)) add(scope, actions);
      for (const property of Object.keys(Properties)) {
        const more = entry.withProperty?.[property];
        if (more === undefined && !entry.properties.split(' ').includes(property)) {
          throw new Error(
            `The resource ${id} has the property ${property}, for which the entry of ${Type} in bin/deploy-policy/actions.ts has no actions. Add it to \`properties\` if it needs none, and to \`withProperty\` otherwise.`,
          );
        }
        for (const [scope, actions] of Object.entries(more ?? {})) add(scope, actions);
      }
      const { ManagedPolicyArns } = Properties;
      for (const arn of Array.isArray(ManagedPolicyArns) ? ManagedPolicyArns : []) {
        if (typeof arn === 'string') needs.managedPolicies.add(arn);
      }
      if (entry.passesRoleTo !== undefined) needs.passedTo.add(entry.passesRoleTo);
      for (const service of entry.linkedServices ?? []) needs.linked.add(service);
    }
  }
  return needs;
}

/** The ARNs of the stack's resources. */
function arnsOf({ stackName: stack, roles = {} }: NamedSettings, { account, region }: Target) {
  const partition = partitionOf(region);
  const arn = (service: string, resource: string, its = region) =>
    `arn:${partition}:${service}:${its}:${account}:${resource}`;
  const { namePrefix = `${stack}-`, path = '/' } = roles;
  return {
    arn,
    partition,
    /** CloudFormation's own names begin with the stack's name. */
    role: arn('iam', `role${path}${namePrefix}*`, ''),
    function: arn('lambda', `function:${stack}-*`),
    boundary: boundaryArn(roles.permissionsBoundary, partition, account),
  };
}

function boundaryArn(boundary: string | undefined, partition: string, account: string): string | undefined {
  if (boundary === undefined) return undefined;
  if (!boundary.startsWith('arn:')) return `arn:${partition}:iam::${account}:policy/${boundary}`;
  return boundary.replaceAll(/\$\{AWS::Partition\}/g, partition).replaceAll(/\$\{AWS::AccountId\}/g, account);
}

/**
 * The policies of the role with which CloudFormation creates the stack: of the CDK's bootstrap (`cdk bootstrap
 * --cloudformation-execution-policies`), or your service role.
 *
 * @param templates of every deployment that the policies must allow
 */
export function executionPolicies(templates: readonly Template[], settings: NamedSettings, target: Target): Policy[] {
  const needs = needsOf(templates);
  return split([...statementsOf(needs, settings, target), ...roleStatements(needs, settings, target)]);
}

function* statementsOf({ actions }: Needs, settings: NamedSettings, target: Target): Iterable<Statement> {
  const { stackName: stack } = settings;
  const { region, account } = target;
  const { arn, partition, function: fn } = arnsOf(settings, target);
  const inRegion = { StringEquals: { 'aws:RequestedRegion': region } };
  const ofFunctions = { ArnLike: { 'lambda:FunctionArn': fn } };
  const scopes: Readonly<
    Record<Exclude<Scope, 'roles' | 'boundedRoles' | 'attachments'>, readonly [string[], Statement['Condition']?]>
  > = {
    alarms: [[arn('cloudwatch', `alarm:${stack}:*`)]],
    alarmsReadOnly: [['*'], inRegion],
    dashboards: [[`arn:${partition}:cloudwatch::${account}:dashboard/${stack}`]],
    logGroups: [
      [`/${stack}/*`, `${stack}-*`, `/aws/vendedlogs/${stack}-*`].map((name) => arn('logs', `log-group:${name}`)),
    ],
    // The destination can belong to another account, such as that of the organization's log archive.
    logDestinations: [[`arn:${partition}:logs:${region}:*:destination:*`]],
    logsReadOnly: [['*'], inRegion],
    logDelivery: [['*'], inRegion],
    queries: [['*'], inRegion],
    functions: [[fn]],
    codeSigning: [[arn('lambda', 'code-signing-config:*')]],
    eventSources: [['*'], ofFunctions],
    eventSourceTags: [[arn('lambda', 'event-source-mapping:*')]],
    schedules: [[stack, `${stack}-*`].map((name) => arn('scheduler', `schedule/default/${name}`))],
    queues: [[arn('sqs', `${stack}-*`)]],
    topics: [[arn('sns', `${stack}-*`)]],
    rules: [[arn('events', `rule/${stack}-*`)]],
    cluster: [[arn('ecs', `cluster/${stack}`)]],
    capacityProviders: [[arn('ecs', 'capacity-provider/*')]],
    taskDefinitions: [[arn('ecs', `task-definition/${stack}_*`)]],
    anyTaskDefinition: [['*'], inRegion],
    repositories: [[arn('ecr', `repository/${stack.toLowerCase()}-*`)]],
    keys: [
      [arn('kms', 'key/*')],
      { StringLike: { 'kms:ViaService': `*.${region}.${suffixOf(region, 'amazonaws.com')}` } },
    ],
    network: [[arn('ec2', '*'), `arn:${partition}:ec2:${region}::*`]],
    networkReadOnly: [['*'], inRegion],
    firewalls: [
      ['firewall', 'firewall-policy', 'stateful-rulegroup'].map((type) =>
        arn('network-firewall', `${type}/${stack}-*`),
      ),
    ],
    firewallsReadOnly: [['*'], inRegion],
    dns: [
      [
        'firewall-domain-list',
        'firewall-rule-group',
        'firewall-rule-group-association',
        'resolver-query-log-config',
      ].map((type) => arn('route53resolver', `${type}/*`)),
    ],
    dnsReadOnly: [['*'], inRegion],
    instanceProfiles: [[arn('iam', `instance-profile/${stack}-*`, '')]],
    publicParameters: [[`arn:${partition}:ssm:${region}::parameter/aws/service/ami-amazon-linux-latest/*`]],
  };
  for (const [scope, [resources, condition]] of Object.entries(scopes)) {
    const its = actions.get(scope);
    if (its !== undefined) yield statement(scope, its, resources, condition);
  }
  // CloudFormation reads the functions' code and the version of the bootstrap with the execution role.
  yield statement(
    'code',
    ['s3:GetObject', 's3:GetObjectVersion'],
    [`arn:${partition}:s3:::cdk-${QUALIFIER}-assets-${account}-${region}/*`],
  );
  yield statement(
    'bootstrapVersion',
    ['ssm:GetParameters'],
    [arn('ssm', `parameter/cdk-bootstrap/${QUALIFIER}/version`)],
  );
}

function* roleStatements(
  { actions, passedTo, linked, managedPolicies }: Needs,
  settings: NamedSettings,
  target: Target,
): Iterable<Statement> {
  const { role, boundary, arn } = arnsOf(settings, target);
  const bounded = boundary === undefined ? {} : { StringEquals: { 'iam:PermissionsBoundary': boundary } };
  const of = (scope: Scope) => actions.get(scope);
  const [roles, boundedRoles, attachments] = [of('roles'), of('boundedRoles'), of('attachments')];
  if (roles !== undefined) yield statement('roles', roles, [role]);
  if (boundedRoles !== undefined) yield statement('boundedRoles', boundedRoles, [role], bounded);
  if (attachments !== undefined) {
    yield statement('attachments', attachments, [role], {
      ...bounded,
      ArnEquals: { 'iam:PolicyARN': [...managedPolicies].sort() },
    });
  }
  if (passedTo.size > 0) {
    const existing = settings.pools.flatMap(({ taskRoleArn, phases }) =>
      [taskRoleArn, phases?.plan?.taskRoleArn, phases?.apply?.taskRoleArn].filter((its) => its !== undefined),
    );
    const { exportRoleArn = role } = settings.logs;
    yield statement('passRoles', ['iam:PassRole'], [...new Set([role, ...existing, exportRoleArn])], {
      StringEquals: { 'iam:PassedToService': [...passedTo].map((service) => SERVICE[service]).sort() },
    });
  }
  if (linked.size > 0) {
    yield statement('linkedRoles', ['iam:CreateServiceLinkedRole'], [arn('iam', 'role/aws-service-role/*', '')], {
      StringEquals: { 'iam:AWSServiceName': [...linked].map((service) => `${service}.amazonaws.com`).sort() },
    });
  }
}

function statement(
  scope: string,
  actions: Iterable<string>,
  resources: readonly string[],
  condition: Statement['Condition'] = {},
): Statement {
  return {
    Sid: `${scope.slice(0, 1).toUpperCase()}${scope.slice(1)}`,
    Effect: 'Allow',
    Action: [...new Set(actions)].sort(),
    Resource: resources,
    ...(Object.keys(condition).length > 0 && { Condition: condition }),
  };
}

/** Characters of a policy, as IAM counts them. */
export const charactersOf = (policy: Policy): number => JSON.stringify(policy).replaceAll(/\s/g, '').length;

/** As few policies as the order of the statements allows. @throws {Error} if a statement alone is too large */
function split(statements: readonly Statement[]): Policy[] {
  const policies: Policy[] = [];
  for (const one of statements) {
    const last = policies.at(-1);
    const longer: Policy = { Version: '2012-10-17', Statement: [...(last?.Statement ?? []), one] };
    if (last !== undefined && charactersOf(longer) <= MOST_CHARACTERS) policies[policies.length - 1] = longer;
    else policies.push({ Version: '2012-10-17', Statement: [one] });
  }
  const tooLarge = policies.find((policy) => charactersOf(policy) > MOST_CHARACTERS);
  if (tooLarge !== undefined) {
    throw new Error(
      `The statement ${tooLarge.Statement[0]?.Sid} has ${charactersOf(tooLarge)} characters. IAM allows ${MOST_CHARACTERS} in a managed policy. Divide the scope in bin/deploy-policy/actions.ts into two.`,
    );
  }
  return policies;
}

/** The policy of a person or a pipeline that runs `cdk deploy`: it can only assume the roles of the CDK's bootstrap. */
export function cdkCallerPolicy({ account, region }: Target): Policy {
  const role = (use: string) =>
    `arn:${partitionOf(region)}:iam::${account}:role/cdk-${QUALIFIER}-${use}-role-${account}-${region}`;
  const uses = ['deploy', 'file-publishing', 'image-publishing', 'lookup'];
  return { Version: '2012-10-17', Statement: [statement('bootstrapRoles', ['sts:AssumeRole'], uses.map(role))] };
}

/** Names in the policy of a deployment without the CDK. */
export interface ReleaseNames {
  /** Bucket with the functions' code. */
  readonly bucket: string;
  /** Name of the role with which CloudFormation creates the stack. */
  readonly serviceRole: string;
}

/** The policy of a person or a pipeline that deploys the release template with CloudFormation's service role. */
export function releaseCallerPolicy(
  { stackName }: Pick<NamedSettings, 'stackName'>,
  { account, region }: Target,
  { bucket, serviceRole }: ReleaseNames,
): Policy {
  const partition = partitionOf(region);
  const stack = `arn:${partition}:cloudformation:${region}:${account}:stack/${stackName}/*`;
  const actions = [
    'CreateChangeSet',
    'DescribeChangeSet',
    'ExecuteChangeSet',
    'DeleteChangeSet',
    'CreateStack',
    'UpdateStack',
    'DeleteStack',
    'DescribeStacks',
    'DescribeStackEvents',
    'DescribeStackResources',
    'ListStackResources',
    'GetTemplate',
    'GetTemplateSummary',
  ].map((action) => `cloudformation:${action}`);
  return {
    Version: '2012-10-17',
    Statement: [
      statement('stack', actions, [stack]),
      statement('template', ['cloudformation:GetTemplateSummary', 'cloudformation:ValidateTemplate'], ['*'], {
        StringEquals: { 'aws:RequestedRegion': region },
      }),
      statement('serviceRole', ['iam:PassRole'], [`arn:${partition}:iam::${account}:role/${serviceRole}`], {
        StringEquals: { 'iam:PassedToService': 'cloudformation.amazonaws.com' },
      }),
      statement('bucket', ['s3:ListBucket', 's3:GetBucketLocation'], [`arn:${partition}:s3:::${bucket}`]),
      statement('objects', ['s3:GetObject', 's3:PutObject'], [`arn:${partition}:s3:::${bucket}/*`]),
    ],
  };
}

/** The execution policies of a deployment without the CDK: the code is in your own bucket, and there is no bootstrap. */
export function releaseExecutionPolicies(
  templates: readonly Template[],
  settings: NamedSettings,
  target: Target,
  { bucket }: Pick<ReleaseNames, 'bucket'>,
): Policy[] {
  const code = [`arn:${partitionOf(target.region)}:s3:::${bucket}/*`];
  const statements = executionPolicies(templates, settings, target).flatMap(({ Statement }) => Statement);
  return split(
    statements.flatMap((one) =>
      one.Sid === 'BootstrapVersion' ? [] : one.Sid === 'Code' ? { ...one, Resource: code } : one,
    ),
  );
}
