/** What the policy of a VPC endpoint lets through. */
import * as z from 'zod';

/** A call of an API, as an endpoint's policy judges it. */
export interface ApiCall {
  readonly action: string;
  readonly resource: string;
  /** Accounts of who calls, and of what is called. */
  readonly principalAccount: string;
  readonly resourceAccount: string;
}

const strings = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat());
const conditions = z.record(z.string(), z.record(z.string(), strings)).default({});
const policySchema = z.looseObject({
  Statement: z.array(
    z.looseObject({
      Effect: z.string(),
      Action: strings.optional(),
      Resource: strings.optional(),
      Condition: conditions,
    }),
  ),
});

/**
 * Whether a call passes. No policy passes everything. Read with the worst in mind: a statement without actions or
 * resources (`NotAction`, `NotResource`) is for all of them, a condition that is not known here is met, `Deny` is not
 * believed.
 */
export function lets(policy: unknown, call: ApiCall): boolean {
  if (policy === undefined) return true;
  return policySchema
    .parse(policy)
    .Statement.some(
      ({ Effect, Action = ['*'], Resource = ['*'], Condition }) =>
        Effect === 'Allow' &&
        Action.some((pattern) => matches(pattern.toLowerCase(), call.action.toLowerCase())) &&
        Resource.some((pattern) => matches(pattern, call.resource)) &&
        isMet(Condition, call),
    );
}

/** `*` and `?` as IAM reads them. */
function matches(pattern: string, value: string): boolean {
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${escaped}$`).test(value);
}

function isMet(condition: z.infer<typeof conditions>, call: ApiCall): boolean {
  const asked = condition['StringEquals'] ?? {};
  const { 'aws:PrincipalAccount': principals, 'aws:ResourceAccount': owners } = asked;
  return (principals?.includes(call.principalAccount) ?? true) && (owners?.includes(call.resourceAccount) ?? true);
}
