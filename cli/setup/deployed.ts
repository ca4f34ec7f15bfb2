/** Which stack the settings describe, and what a deployment of them does to the stacks that exist. */
import { NoLauncherError, NoStackError, NotALauncherError, readDeployment } from '../aws/deployment.ts';
import type { Context } from '../context.ts';
import {
  type DeployedStack,
  harmOf,
  newsOf,
  otherStackName,
  rivalryOf,
  type ServedPool,
} from '../core/setup/deployed.ts';
import { faultOfAnswer } from '../core/setup/faults.ts';
import { DEFAULT_STACK_NAME, poolsIn, settingFault } from '../core/setup/settings.ts';
import { CommandError, UsageError } from '../io.ts';
import { checkSetting, type SetupSession, textIn, textOf } from './flags.ts';

/** The stack of the settings. */
export interface ChosenStack {
  /** Absent: the name stays as it is in the settings. */
  readonly stackName: string | undefined;
  /** What a deployment would do to the stacks that exist. */
  readonly warnings: readonly string[];
}

/**
 * Finds out whether a deployment would end the service of a pool. Settings that are in use may lack a pool on purpose, so that setup only
 * warns. The settings of a fresh clone can't have been meant to replace a stack, so a user must choose.
 *
 * @param organization the one of the settings
 * @param poolName the pool that the settings will contain
 */
export async function chooseStack(session: SetupSession, organization: string, poolName: string): Promise<ChosenStack> {
  const { context, flags, present, questions } = session;
  checkSetting('stackName', flags.stack, { value: textIn(present, 'stackName'), file: flags.settings });
  const before = textIn(present, 'stackName') ?? DEFAULT_STACK_NAME;
  const settings = poolsOf(session, organization, poolName);
  let chosen = flags.stack;
  for (;;) {
    const stackName = chosen ?? before;
    const deployed = await deployedStack(context, stackName);
    if (deployed.state === 'unknown') {
      context.note(`Setup can't find out whether the stack ${stackName} is deployed: ${deployed.problem}`);
    }
    const harm = harmOf(stackName, deployed, settings);
    if (harm === undefined || flags.stack !== undefined || !present.isExample) {
      const other = stackName === before ? undefined : await deployedStack(context, before);
      const rivalry = other && rivalryOf(before, other, settings);
      const news = harm ?? (present.isExample ? newsOf(stackName, deployed) : undefined);
      return { stackName: chosen, warnings: [news, rivalry].filter((text) => text !== undefined) };
    }
    if (questions === undefined) {
      throw new UsageError(
        `${harm}\nPass --stack NAME for a new stack. To change ${stackName}, run setup with its own settings file. To replace it on purpose, pass --stack ${stackName}.`,
      );
    }
    context.note(harm);
    const way = await questions.select(`The stack ${stackName} is deployed already`, [
      { value: 'other', label: 'Use another stack name' },
      { value: 'stop', label: `Stop, and run setup with the settings file of ${stackName}, to add the pool there` },
      { value: 'replace', label: `Keep the name. The next deployment replaces what ${stackName} serves` },
    ]);
    if (way === 'stop') throw new CommandError('Stopped. Nothing was changed.');
    if (way === 'replace') return { stackName: undefined, warnings: [harm] };
    chosen = await questions.text('Name of the new stack', {
      enter: otherStackName(stackName, poolName),
      validate: (name) => {
        const fault = settingFault('stackName', name);
        if (fault !== undefined) return faultOfAnswer(fault);
        return name === stackName ? 'This stack is deployed already.' : undefined;
      },
    });
  }
}

/** The pools of the settings after setup. */
function poolsOf({ present, hostname }: SetupSession, organization: string, added: string): readonly ServedPool[] {
  const kept = present.isExample ? [] : poolsIn(present);
  return [
    ...kept.map((pool) => ({
      hostname,
      organization: textOf(pool['organization']) ?? organization,
      name: textOf(pool['name']) ?? '',
    })),
    { hostname, organization, name: added },
  ];
}

async function deployedStack(context: Context, stackName: string): Promise<DeployedStack> {
  try {
    const { hostname, organization, pools } = await readDeployment(context.aws, { stack: stackName });
    return {
      state: 'launcher',
      pools: pools.map((pool) => ({ hostname, organization: pool.organization ?? organization, name: pool.name })),
    };
  } catch (error) {
    // Several launchers: a stack of the user's own app.
    if (error instanceof UsageError) return { state: 'other' };
    if (!(error instanceof CommandError)) throw error;
    // A first deployment that failed leaves a stack that the next one replaces.
    if (error instanceof NoStackError || error instanceof NoLauncherError) return { state: 'none' };
    if (error instanceof NotALauncherError) return { state: 'other' };
    return { state: 'unknown', problem: error.message.split('\n')[0] ?? '' };
  }
}
