/** The document that `doctor --json` prints. */
import * as z from 'zod';
import { type Finding, GROUPS, SEVERITIES } from './doctor/findings.ts';
import { countsOf, groupOf, mustAct, sorted } from './doctor/report.ts';

const finding = z.strictObject({
  /** Group and check. It stays the same between versions. */
  id: z.string().regex(/^[a-z]+\.[a-z-]+$/),
  group: z.enum(GROUPS),
  severity: z.enum(SEVERITIES),
  what: z.string(),
  why: z.string().optional(),
  todo: z.string().optional(),
});

export const doctorJson = z.strictObject({
  /** Name of the stack. */
  stack: z.string(),
  /** What was checked: the deployed stack, the settings in `cdk.json`, or neither. */
  checked: z.enum(['deployment', 'settings', 'nothing']),
  /** Groups that were checked. */
  groups: z.array(z.enum(GROUPS)),
  /** Whether something must be done; the exit code is then 1. */
  mustAct: z.boolean(),
  counts: z.strictObject({ error: z.int(), warning: z.int(), note: z.int(), ok: z.int() }),
  /** Worst first. */
  findings: z.array(finding),
});

export type DoctorJson = z.infer<typeof doctorJson>;

export function doctorDocument(
  checked: Pick<DoctorJson, 'stack' | 'checked' | 'groups'>,
  findings: readonly Finding[],
): DoctorJson {
  const counts = countsOf(findings);
  return {
    ...checked,
    mustAct: mustAct(counts),
    counts,
    findings: sorted(findings).map(({ id, ...rest }) => ({ id, group: groupOf(id), ...rest })),
  };
}
