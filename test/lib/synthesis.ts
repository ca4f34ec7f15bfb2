import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as z from 'zod';
import { AgentLauncherStack } from '../../lib/agent-launcher-stack.ts';
import { parseSettings } from '../../lib/settings/parse.ts';

/** The least that settings must say. */
export const LEAST = {
  organization: 'acme',
  apiTokenSecret: 'acme/api-token',
  pools: [{ name: 'default', agentTokenSecret: 'acme/agent-token' }],
};

const folders: string[] = [];
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** An app that writes to a separate folder and bundles nothing. */
export function testApp(): App {
  const outdir = mkdtempSync(join(tmpdir(), 'cdk-test-'));
  folders.push(outdir);
  return new App({ outdir, context: { 'aws:cdk:bundling-stacks': [] } });
}

/** The app and the stack that settings give. */
export function stackOf(settings: object = {}): { app: App; stack: AgentLauncherStack } {
  const app = testApp();
  const parsed = parseSettings({ agentLauncher: { ...LEAST, ...settings } });
  return { app, stack: new AgentLauncherStack(app, parsed.stackName, { settings: parsed }) };
}

/** The template that settings give. */
export function templateOf(settings: object = {}): Template {
  return Template.fromStack(stackOf(settings).stack);
}

/** A stack to put constructs into. */
export function emptyStack(): Stack {
  return new Stack(testApp(), 'Test');
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

/** Every statement that any role of the template has. */
export function statementsOf(template: Template): RoleStatement[] {
  return Object.values(template.findResources('AWS::IAM::Policy')).flatMap((resource) => {
    const { PolicyDocument, Roles } = policySchema.parse(resource).Properties;
    return PolicyDocument.Statement.flatMap((statement) => Roles.map(({ Ref }) => ({ ...statement, role: Ref })));
  });
}

/** A statement's resources as text, with `<name>` for what CloudFormation fills in. */
export function resourcesOf(statement: RoleStatement): string[] {
  return [statement.Resource].flat().map(text);
}

/** Any value of a template as text, with `<name>` for what CloudFormation fills in. */
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
