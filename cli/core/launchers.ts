/** Which launchers a stack has, by its outputs. A stack of the user's own CDK app can have several. */
import { OUTPUTS } from '../../lib/names.ts';

/** The outputs of one launcher, by their names in `OUTPUTS`. */
export type LauncherOutputs = ReadonlyMap<string, string>;

/**
 * The CDK names an output after its path: `ClusterName` in the stack itself, and `ProductionLauncherClusterName1A2B3C4D`, with a hash, in
 * other constructs.
 */
const IDS = Object.values(OUTPUTS).map((id) => ({ id, form: new RegExp(`^(.*)${id}(?:[0-9A-F]{8})?$`) }));

/** @returns the outputs of each launcher, by the launcher's name */
export function launchersIn(outputs: ReadonlyMap<string, string>): ReadonlyMap<string, LauncherOutputs> {
  const byPath = new Map<string, Map<string, string>>();
  for (const [key, value] of outputs) {
    for (const { id, form } of IDS) {
      const path = form.exec(key)?.[1];
      if (path === undefined) continue;
      const group = byPath.get(path) ?? new Map<string, string>();
      byPath.set(path, group.set(id, value));
    }
  }
  const launchers = [...byPath.values()].flatMap((group) => {
    const name = group.get(OUTPUTS.cluster);
    return name === undefined ? [] : [[name, group] as const];
  });
  const ofStack = byPath.get('');
  const [only, ...others] = launchers;
  // The network's outputs can belong to the stack, while the launcher is in another construct.
  if (only !== undefined && others.length === 0 && ofStack !== undefined) {
    return new Map([[only[0], new Map([...ofStack, ...only[1]])]]);
  }
  return new Map(launchers);
}

/**
 * Statuses of a stack whose first deployment failed or has not ended, or which is deleted, so that it has no outputs.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
 */
const WITHOUT_LAUNCHER: Readonly<Record<string, { readonly what: string; readonly todo: string }>> = {
  CREATE_IN_PROGRESS: { what: 'is still being created', todo: 'Wait until the deployment ends.' },
  REVIEW_IN_PROGRESS: {
    what: 'has a change set, but was never deployed',
    todo: 'Deploy it with `npx cdk deploy`.',
  },
  CREATE_FAILED: firstFailed('deploy again'),
  ROLLBACK_IN_PROGRESS: firstFailed('deploy again after the rollback'),
  ROLLBACK_COMPLETE: firstFailed('deploy again: `npx cdk deploy` replaces the stack'),
  ROLLBACK_FAILED: firstFailed('delete the stack and deploy again'),
  DELETE_IN_PROGRESS: { what: 'is being deleted', todo: 'Wait until that ends, and deploy again if you need it.' },
  DELETE_FAILED: {
    what: 'was not deleted completely',
    todo: 'Read the first error in its events, correct it, and delete the stack again.',
  },
};

function firstFailed(again: string) {
  return {
    what: 'was never deployed completely: its first deployment failed',
    todo: `Read the first error in its events, correct it, and ${again}.`,
  };
}

/** Why a stack of this status has no launcher, and what to do; `undefined` if it can have one. */
export function withoutLauncher(status: string): { readonly what: string; readonly todo: string } | undefined {
  return WITHOUT_LAUNCHER[status];
}
