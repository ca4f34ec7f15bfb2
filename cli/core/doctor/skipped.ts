/** Findings about checks that nothing could be read for. A skipped check is never `ok`. */

import { listed } from '../sentences.ts';
import { type Finding, type Group, warning } from './findings.ts';

/** The groups that were skipped for a reason that another finding explains. */
export function skipped(groups: readonly Group[], reason: string): Finding[] {
  const [first] = groups;
  if (first === undefined) return [];
  return [
    warning(`${first}.skipped`, {
      what: `Not checked: ${listed(groups, groups.length)}, because ${reason}.`,
      why: 'If something is wrong there, doctor can’t tell.',
      todo: 'Correct the reason, which is another finding, and run doctor again.',
    }),
  ];
}

/**
 * - `settings-only`: the user asked for the settings, although there may be a stack.
 * - `unknown-stack`: AWS can't be used.
 * - `no-stack`: there is none.
 */
export type WithoutTarget = 'settings-only' | 'unknown-stack' | 'no-stack';

const WHY_NO_TARGET: Readonly<Record<WithoutTarget, string>> = {
  'settings-only': 'There are no valid settings.',
  'unknown-stack': 'There are no valid settings, and AWS can’t be asked for a stack.',
  'no-stack': 'There is no stack, and there are no valid settings.',
};

/** The settings are missing or wrong, and no stack shows what to check. */
export function checkNoTarget(groups: readonly Group[], why: WithoutTarget): Finding[] {
  const [first] = groups;
  if (first === undefined) return [];
  return [
    warning(`${first}.skipped`, {
      what: `Not checked: ${listed(groups, groups.length)}. ${WHY_NO_TARGET[why]}`,
      why: 'doctor doesn’t know which pools, secrets and networks to check.',
      todo:
        why === 'settings-only'
          ? 'Correct the settings. Without --settings, doctor checks a deployed stack.'
          : 'Correct the settings, or pass --stack, --region or --profile of the stack that you mean.',
    }),
  ];
}
