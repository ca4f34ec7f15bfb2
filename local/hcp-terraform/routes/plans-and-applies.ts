/** Plans and applies. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/plans and …/applies */
import { type Answer, type Call, type Define, document, found, noContent } from '../api.ts';
import { operationResource } from '../documents/runs.ts';
import { notFound } from '../json-api.ts';
import { redactedPlan } from '../redacted-plan.ts';
import type { Operation } from '../runs.ts';
import { blobPath } from '../world.ts';

function operationCalled(call: Call, phase: Operation['phase']): Operation {
  const operation = found(call.platform.world.operations, call.param('id'));
  if (operation.phase !== phase) throw notFound();
  return operation;
}

/** The machine-readable plan: a redirect to a blob, or nothing yet. */
function jsonOutput(call: Call, operation: Operation): Answer {
  if (call.user.access !== 'owner') throw notFound();
  if (operation.result?.planJson === undefined) return noContent;
  return {
    status: 307,
    location: `${call.origin}${blobPath(call.platform.world, { kind: 'plan-json', id: operation.id })}`,
  };
}

/** The plan for `terraform show`: with schemas, and without sensitive values. */
function redactedJsonOutput(operation: Operation): Answer {
  const plan = operation.result === undefined ? undefined : redactedPlan(operation.result);
  return plan === undefined ? noContent : { status: 200, body: plan };
}

export function planAndApplyRoutes(define: Define): void {
  define('GET', '/plans/:id', (call) => document(operationResource(call, operationCalled(call, 'plan'))));
  define('GET', '/applies/:id', (call) => document(operationResource(call, operationCalled(call, 'apply'))));
  define('GET', '/plans/:id/json-output', (call) => jsonOutput(call, operationCalled(call, 'plan')));
  define('GET', '/plans/:id/json-output-redacted', (call) => redactedJsonOutput(operationCalled(call, 'plan')));
  define('GET', '/runs/:id/plan/json-output', (call) =>
    jsonOutput(call, found(call.platform.world.runs, call.param('id')).plan),
  );
}
