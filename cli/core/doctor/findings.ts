/** The findings of `doctor`, and what its checks decide from: facts that were observed, or the reason why they could not be. */
import { fullStop } from '../sentences.ts';

/** The groups of checks, in the order of the report. */
export const GROUPS = [
  'machine',
  'account',
  'quotas',
  'secrets',
  'token',
  'pool',
  'image',
  'network',
  'deployment',
] as const;
export type Group = (typeof GROUPS)[number];

/** From worst to best. */
export const SEVERITIES = ['error', 'warning', 'note', 'ok'] as const;

/**
 * - `error`: something doesn't work, or the deployment will fail.
 * - `warning`: it works now, but you must act; or the check could not be made.
 * - `note`: good to know. Nothing must be done.
 * - `ok`: checked, and nothing is wrong.
 */
export type Severity = (typeof SEVERITIES)[number];

export interface Finding {
  /** Group and check, such as `secrets.exists`. It stays the same between versions. */
  readonly id: `${Group}.${string}`;
  readonly severity: Severity;
  /** What is wrong, as a sentence; with `ok`, what is right. */
  readonly what: string;
  /** Why it matters. Absent with `ok`. */
  readonly why?: string;
  /** What to do. Absent with `ok`. */
  readonly todo?: string;
}

/** Facts, or the reason why they could not be read. */
export type Observed<T> = { readonly value: T } | { readonly failure: Failure };

export interface Failure {
  /** What the service answered, without a secret. */
  readonly reason: string;
  /** `denied`: a permission is missing. `explained`: another finding has the reason. `failed`: anything else. */
  readonly kind: 'denied' | 'failed' | 'explained';
}

export function ok(id: Finding['id'], what: string): Finding {
  return { id, severity: 'ok', what };
}

type Words = Required<Pick<Finding, 'what' | 'why' | 'todo'>>;

export const error = (id: Finding['id'], words: Words): Finding => ({ id, severity: 'error', ...words });
export const warning = (id: Finding['id'], words: Words): Finding => ({ id, severity: 'warning', ...words });
export const note = (id: Finding['id'], words: Words): Finding => ({ id, severity: 'note', ...words });

/**
 * The finding of a check that could not be made. It is never `ok`, because the part may be broken.
 *
 * @param what the subject, in the form "the version of the CDK bootstrap stack"
 * @param permission the IAM action or the permission of HCP Terraform that the check needs
 */
export function couldNotCheck(id: Finding['id'], what: string, failure: Failure, permission: string): Finding {
  return warning(id, {
    what: `Could not check ${what}: ${fullStop(failure.reason)}`,
    why: 'If this part is broken, doctor can’t tell.',
    todo: REMEDIES[failure.kind](permission),
  });
}

const REMEDIES: Readonly<Record<Failure['kind'], (permission: string) => string>> = {
  denied: (permission) => `Allow ${permission}, or let someone who has this permission run doctor.`,
  failed: (permission) => `Check the message, and run doctor again. The check needs ${permission}.`,
  explained: () => 'Correct the reason, which is another finding, and run doctor again.',
};
