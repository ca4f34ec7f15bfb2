/** The document that `doctor --json` prints. */
import * as z from 'zod';
import { type Finding, GROUPS, SEVERITIES } from './doctor/findings.ts';
import { countsOf, groupOf, mustAct, sorted } from './doctor/report.ts';

const finding = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z]+\.[a-z-]+$/)
    .describe('Group and check. It stays the same between versions'),
  group: z.enum(GROUPS).describe('The first part of id'),
  severity: z
    .enum(SEVERITIES)
    .describe(
      'error: something is broken. warning: you must act, or the check could not be made. note: nothing must be done. ok: nothing is wrong',
    ),
  what: z.string().describe('What is wrong; with ok, what is right'),
  why: z.string().optional().describe('Why it matters; absent with ok'),
  todo: z.string().optional().describe('What to do; absent with ok'),
});

export const doctorJson = z.strictObject({
  stack: z.string().describe('Name of the stack'),
  checked: z
    .enum(['deployment', 'settings', 'nothing'])
    .describe('deployment: the deployed stack. settings: those in cdk.json. nothing: neither could be read'),
  groups: z.array(z.enum(GROUPS)).describe('Groups that were checked'),
  mustAct: z.boolean().describe('Whether there is an error or a warning; the exit code is then 1'),
  counts: z.strictObject({
    error: z.int().describe('Number of errors'),
    warning: z.int().describe('Number of warnings'),
    note: z.int().describe('Number of notes'),
    ok: z.int().describe('Number of checks that passed'),
  }),
  findings: z.array(finding).describe('Worst first'),
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
