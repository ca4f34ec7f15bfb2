/** Plans and applies. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/plans and …/applies */
import { type Answer, blobUrl, type Call, type Define, document, found, noContent, requireOwner } from '../api.ts';
import { operationResource } from '../documents/runs.ts';
import { notFound } from '../json-api.ts';
import { redactedPlan } from '../redacted-plan.ts';
import type { Operation } from '../runs.ts';

function operationIn(call: Call, phase: Operation['phase']): Operation {
  const operation = found(call.world.operations, call.id);
  if (operation.phase !== phase) throw notFound();
  return operation;
}

/** The machine-readable plan: a redirect to a blob, or nothing yet. */
function jsonOutput(call: Call, { id, result }: Operation): Answer {
  requireOwner(call);
  return result?.planJson === undefined ? noContent : { status: 307, location: blobUrl(call, 'plan-json', id) };
}

export function planAndApplyRoutes(define: Define): void {
  define('GET', '/plans/:id', (call) => document(operationResource(call, operationIn(call, 'plan'))));
  define('GET', '/applies/:id', (call) => document(operationResource(call, operationIn(call, 'apply'))));
  define('GET', '/plans/:id/json-output', (call) => jsonOutput(call, operationIn(call, 'plan')));
  define('GET', '/runs/:id/plan/json-output', (call) => jsonOutput(call, found(call.world.runs, call.id).plan));

  // The plan for `terraform show`: with schemas, and without sensitive values.
  define('GET', '/plans/:id/json-output-redacted', (call) => {
    const { result } = operationIn(call, 'plan');
    const plan = result === undefined ? undefined : redactedPlan(result);
    return plan === undefined ? noContent : { status: 200, body: plan };
  });
}
