/**
 * What the next release may replace, delete or change in a stack of the last release, although users can notice it. Each entry needs an
 * announcement in the CHANGELOG. `npm version` empties the list, because it updates the baseline.
 */
import type { Action } from './difference.ts';

export interface Allowed {
  readonly action: Action;
  /** Matches the whole logical ID or the whole name of the output. */
  readonly id: RegExp;
  /** Why no running job ends, no log is lost and no address changes, or why that can't be avoided. */
  readonly why: string;
  /** A sentence of the CHANGELOG's newest section that tells users. */
  readonly announcement: string;
}

export const ALLOWED: readonly Allowed[] = [
  {
    action: 'changed in place',
    id: /.*Role[0-9A-F]{8}/,
    why: 'ECS, Lambda and the other services assume the roles for resources of the same account, so the new conditions always hold.',
    announcement: 'the trust policy of every role, except that of gateways, has the condition `aws:SourceAccount`',
  },
  {
    action: 'replaced',
    id: /ImageCopiesRepository[0-9A-F]{8}/,
    why: "A repository can't change its key. The new one has the copies before the task definitions refer to it, and CloudFormation deletes the old one at the end.",
    announcement: 'the update replaces the repository and copies the images again',
  },
];
