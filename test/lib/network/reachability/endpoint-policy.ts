/** The API calls that the policy of a VPC endpoint allows. */
import * as z from 'zod';

/** The parts of an API call that an endpoint's policy checks. */
export interface ApiCall {
  readonly action: string;
  readonly resource: string;
  /** The accounts of the caller and of the resource. */
  readonly principalAccount: string;
  /** The caller's role. A call without one is by a role that no policy mentions. */
  readonly principal?: string;
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
 * Whether a policy allows a call. An endpoint without a policy allows every call. In doubt, this model allows the call: a
 * statement without actions or resources (`NotAction`, `NotResource`) applies to all of them, an unknown condition is met,
 * and `Deny` has no effect.
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

/** Compares with IAM's wildcards `*` and `?`. */
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
  const roles = condition['ArnEquals']?.['aws:PrincipalArn'];
  return (
    (principals?.includes(call.principalAccount) ?? true) &&
    (owners?.includes(call.resourceAccount) ?? true) &&
    (roles?.includes(call.principal ?? 'another role') ?? true)
  );
}
