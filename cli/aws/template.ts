/** Reads what the stack's template says about the launcher's function. */
import {
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
  GetTemplateCommand,
} from '@aws-sdk/client-cloudformation';
import * as z from 'zod';
import { jsonOf } from '../core/json.ts';
import { propertyOf, template } from '../core/template.ts';
import type { Aws } from './clients.ts';
import type { Deployment } from './deployment.ts';
import { ask } from './errors.ts';

const CONCURRENCY = z.union([z.int().nonnegative(), z.string().regex(/^\d+$/).transform(Number)]);

/**
 * The reserved concurrency that the template sets for the launcher's function. `undefined`: it sets none. `unknown`: the template computes it in a way
 * that this command doesn't evaluate, or isn't JSON.
 */
export async function configuredConcurrency(
  aws: Aws,
  { stackName, functionName }: Pick<Deployment, 'stackName' | 'functionName'>,
): Promise<number | undefined | 'unknown'> {
  const cloudFormation = await aws.cloudFormation();
  const { StackResources = [] } = await ask(
    `find the function ${functionName} in the stack ${stackName}`,
    cloudFormation.send(new DescribeStackResourcesCommand({ PhysicalResourceId: functionName })),
  );
  const resource = StackResources.find(({ PhysicalResourceId }) => PhysicalResourceId === functionName);
  // In an app that uses the construct, the function may be in a nested stack.
  const owner = resource?.StackName ?? stackName;
  const { TemplateBody = '' } = await ask(
    `read the template of the stack ${owner}`,
    cloudFormation.send(new GetTemplateCommand({ StackName: owner, TemplateStage: 'Processed' })),
  );
  const { Stacks } = await ask(
    `read the stack ${owner}`,
    cloudFormation.send(new DescribeStacksCommand({ StackName: owner })),
  );
  // A parameter that refers to Systems Manager has the value in ResolvedValue.
  const parameters = new Map(
    (Stacks?.[0]?.Parameters ?? []).map(({ ParameterKey = '', ParameterValue = '', ResolvedValue }) => [
      ParameterKey,
      ResolvedValue ?? ParameterValue,
    ]),
  );
  const parsed = template.safeParse(jsonOf(TemplateBody)).data;
  if (parsed === undefined) return 'unknown';
  const found = propertyOf(parsed, parameters, resource?.LogicalResourceId ?? '', 'ReservedConcurrentExecutions');
  if (found.is === 'none') return undefined;
  return found.is === 'value' ? (CONCURRENCY.safeParse(found.value).data ?? 'unknown') : 'unknown';
}
