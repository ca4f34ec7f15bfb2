/** Returns the faults that the parser of the settings reports. */
import { SettingsError, type SettingsFault } from '../../lib/settings/errors.ts';
import { parseSettings } from '../../lib/settings/parse.ts';
import { LEAST, onePool } from './synthesis.ts';

type Target = Parameters<typeof parseSettings>[1];

/** Every fault of a CDK context. The list is empty if the parser accepts the context. */
export function faultsIn(context: Record<string, unknown>, target?: Target): readonly SettingsFault[] {
  try {
    parseSettings(context, target);
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}

/** Every fault of settings that are added to the required ones. */
export const faultsOf = (settings: object) => faultsIn({ agentLauncher: { ...LEAST, ...settings } });

/** Every fault of settings with one pool. */
export const faultsOfPool = (pool: object) => faultsOf(onePool(pool));

/** Paths of faults. */
export const pathsOf = (faults: readonly SettingsFault[]) => faults.map(({ path }) => path);
