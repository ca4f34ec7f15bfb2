/** The redacted plan, which the CLI renders for users without access to the complete plan. */
import * as z from 'zod';
import type { JobResult } from './agent-protocol.ts';
import { parsedJson } from './parsed-json.ts';

const change = z.record(z.string(), z.unknown());
const resourceChange = z.looseObject({ change });

/** The part of `terraform show -json` that a redacted plan needs. https://developer.hashicorp.com/terraform/internals/json-format */
const shownPlan = z.object({
  format_version: z.string(),
  output_changes: z.record(z.string(), change).default({}),
  resource_changes: z.array(resourceChange).default([]),
  resource_drift: z.array(resourceChange).default([]),
  relevant_attributes: z.array(z.unknown()).default([]),
});
/** A configuration without a provider has no `provider_schemas`. */
const shownSchemas = z.object({ format_version: z.string(), provider_schemas: z.unknown().optional() });

/** `undefined` if the agent sent no plan, or an invalid one. */
export function redactedPlan(result: JobResult): unknown {
  const plan = shownPlan.safeParse(parsedJson(result.planJson)).data;
  const schemas = shownSchemas.safeParse(parsedJson(result.providerSchemasJson)).data;
  if (plan === undefined || schemas === undefined) return undefined;
  const resources = (changes: z.infer<typeof resourceChange>[]) =>
    changes.map((each) => ({ ...each, change: redacted(each.change) }));
  return {
    plan_format_version: plan.format_version,
    output_changes: Object.fromEntries(
      Object.entries(plan.output_changes).map(([name, each]) => [name, redacted(each)]),
    ),
    resource_changes: resources(plan.resource_changes),
    resource_drift: resources(plan.resource_drift),
    relevant_attributes: plan.relevant_attributes,
    provider_format_version: schemas.format_version,
    provider_schemas: schemas.provider_schemas,
  };
}

/**
 * Terraform omits `after` if a value is completely unknown. An absent member stays absent here, because otherwise the CLI would treat
 * the value as known. https://github.com/hashicorp/terraform/blob/v1.11.4/internal/command/jsonplan/plan.go#L101-L137
 */
function redacted(given: z.infer<typeof change>): z.infer<typeof change> {
  return {
    ...given,
    ...('before' in given && { before: withoutSensitive(given['before'], given['before_sensitive']) }),
    ...('after' in given && { after: withoutSensitive(given['after'], given['after_sensitive']) }),
  };
}

/** Replaces each part of the value that the mask marks as sensitive with a placeholder of the same type. */
function withoutSensitive(value: unknown, mask: unknown): unknown {
  if (mask === true) return placeholder(value);
  if (Array.isArray(value) && Array.isArray(mask))
    return value.map((each, index) => withoutSensitive(each, mask[index]));
  if (!isRecord(value) || !isRecord(mask)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withoutSensitive(each, mask[key])]));
}

/** A placeholder of the same type, because the CLI expects the schema's type. If it were null, the CLI would omit the line. */
function placeholder(value: unknown): unknown {
  if (typeof value === 'string') return 'redacted';
  if (typeof value === 'number') return 0;
  if (typeof value === 'boolean') return false;
  if (Array.isArray(value)) return [];
  return isRecord(value) ? {} : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
