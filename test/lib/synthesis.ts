import { rmSync } from 'node:fs';
import { App, Stack } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import * as z from 'zod';
import { parseConfig } from '../../functions/launcher/config.ts';
import { ENV } from '../../functions/launcher/contract.ts';
import { AgentLauncherStack } from '../../lib/agent-launcher-stack.ts';
import { parseSettings } from '../../lib/settings/parse.ts';
import { newFolder } from '../temporary-folder.ts';

/** The required settings. */
export const LEAST = {
  organization: 'acme',
  apiTokenSecret: 'acme/api-token',
  pools: [{ name: 'default', agentTokenSecret: 'acme/agent-token' }],
};

/** Returns settings with one pool that has more than the required settings. */
export const onePool = (more: object) => ({ pools: [{ ...LEAST.pools[0], ...more }] });

/** Settings with a registry image, so that synthesis builds no image. */
export const REGISTRY_IMAGE = { agentImage: { registry: 'hashicorp/tfc-agent:1.31.0' } };

/** Settings of an existing VPC. */
export const EXISTING_VPC = {
  egress: 'existing-vpc',
  vpcId: 'vpc-0123456789abcdef0',
  subnetIds: ['subnet-0123456789abcdef0'],
};

const folders: string[] = [];
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Creates an app that writes to a separate folder and bundles nothing. */
export function testApp(): App {
  const outdir = newFolder('cdk-test');
  folders.push(outdir);
  return new App({ outdir, context: { 'aws:cdk:bundling-stacks': [] } });
}

/** Creates the app and the stack of these settings. */
export function stackOf(settings: object = {}): { app: App; stack: AgentLauncherStack } {
  const app = testApp();
  const parsed = parseSettings({ agentLauncher: { ...LEAST, ...settings } });
  return { app, stack: new AgentLauncherStack(app, parsed.stackName, { settings: parsed }) };
}

/** Synthesizes the template of these settings. */
export function templateOf(settings: object = {}): Template {
  return Template.fromStack(stackOf(settings).stack);
}

/** Creates a stack without an account and a region. */
export function emptyStack(): Stack {
  return new Stack(testApp(), 'Test');
}

/** Creates a stack with an account and a region. */
export function stackIn(region = 'eu-central-1'): Stack {
  return new Stack(testApp(), 'Test', { env: { account: '123456789012', region } });
}

/** Returns the texts of a stack's warnings that match a pattern. */
export function warningsIn(stack: Stack, pattern: string): string[] {
  const found = Annotations.fromStack(stack).findWarning('*', Match.stringLikeRegexp(pattern));
  return found.map(({ entry }) => String(entry.data));
}

/** Returns the properties of a template's resources of a type. */
export function propertiesOf(template: Template, type: string) {
  return Object.values(template.findResources(type)).map((resource) => resource['Properties']);
}

const resources = z.record(
  z.string(),
  z.looseObject({
    Type: z.string(),
    DependsOn: z.union([z.string(), z.array(z.string())]).default([]),
    Properties: z.record(z.string(), z.unknown()).default({}),
  }),
);

/** Returns every resource of a template, by its logical ID. */
export const resourcesById = (template: Template) => resources.parse(template.toJSON()['Resources']);

/** Returns every logical ID that a value of a template refers to. */
export function referencesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(referencesIn);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key === 'Ref') return [String(inner)];
    if (key === 'Fn::GetAtt') return Array.isArray(inner) ? String(inner[0]) : (String(inner).split('.')[0] ?? '');
    if (key !== 'Fn::Sub') return referencesIn(inner);
    const names = [...String([inner].flat()[0]).matchAll(/\$\{([A-Za-z0-9]+)/g)].flatMap(([, name]) => name ?? []);
    return [...names, ...referencesIn(inner)];
  });
}

/** Returns the environment variables of the launcher's function. */
export function variablesOf(template: Template): Record<string, unknown> {
  const all = propertiesOf(template, 'AWS::Lambda::Function').map(({ Environment }) => Environment?.Variables ?? {});
  return all.find((variables) => variables[ENV.agentPools] !== undefined);
}

/** Returns the launcher's configuration, as its function reads it. */
export function configOf(template: Template): ReturnType<typeof parseConfig> {
  return parseConfig(
    Object.fromEntries(Object.entries(variablesOf(template)).map(([name, value]) => [name, text(value)])),
  );
}

const strings = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat());
const statementSchema = z.looseObject({
  Sid: z.string().optional(),
  Effect: z.string(),
  Action: strings,
  Resource: z.unknown(),
  Condition: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
});
const policySchema = z.looseObject({
  Properties: z.looseObject({
    PolicyDocument: z.looseObject({ Statement: z.array(statementSchema) }),
    Roles: z.array(z.looseObject({ Ref: z.string() })),
  }),
});

/** A statement of a role's policy, with the role's logical id. */
export type RoleStatement = z.infer<typeof statementSchema> & { readonly role: string };

/** Returns every statement that any role of the template has. */
export function statementsOf(template: Template): RoleStatement[] {
  return Object.values(template.findResources('AWS::IAM::Policy')).flatMap((resource) => {
    const { PolicyDocument, Roles } = policySchema.parse(resource).Properties;
    return PolicyDocument.Statement.flatMap((statement) => Roles.map(({ Ref }) => ({ ...statement, role: Ref })));
  });
}

/** Returns a statement's resources as text, with `<name>` for what CloudFormation fills in. */
export function resourcesOf(statement: RoleStatement): string[] {
  return [statement.Resource].flat().map(text);
}

/** Returns a value of a template as text, with `<name>` for what CloudFormation fills in. */
export function text(value: unknown): string {
  if (typeof value === 'string') return value;
  const {
    Ref,
    'Fn::GetAtt': attribute,
    'Fn::Join': joined,
  } = z
    .looseObject({
      Ref: z.string().optional(),
      'Fn::GetAtt': z.tuple([z.string(), z.string()]).optional(),
      'Fn::Join': z.tuple([z.string(), z.array(z.unknown())]).optional(),
    })
    .parse(value);
  if (joined !== undefined) return joined[1].map(text).join(joined[0]);
  return `<${Ref ?? attribute?.join('.')}>`;
}
