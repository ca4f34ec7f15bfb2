/** Returns the faults that the parser of the settings reports. */
import { SettingsError, type SettingsFault } from '../../lib/settings/errors.ts';
import { parseSettings } from '../../lib/settings/parse.ts';
import { LEAST, onePool } from './synthesis.ts';

type Target = Parameters<typeof parseSettings>[1];

/** Returns every fault of a CDK context. The list is empty if the parser accepts the context. */
export function faultsIn(context: Record<string, unknown>, target?: Target): readonly SettingsFault[] {
  try {
    parseSettings(context, target);
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}

/** Returns every fault of settings that are added to the required ones. */
export const faultsOf = (settings: object) => faultsIn({ agentLauncher: { ...LEAST, ...settings } });

/** Returns every fault of settings with one pool. */
export const faultsOfPool = (pool: object) => faultsOf(onePool(pool));

/** Returns the paths of faults. */
export const pathsOf = (faults: readonly SettingsFault[]) => faults.map(({ path }) => path);
