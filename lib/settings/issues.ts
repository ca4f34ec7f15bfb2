/** Converts issues of the schema to faults, with texts from the setting's documentation. */
import type * as z from 'zod';
import { looksLikeToken, shown } from '../credentials.ts';
import type { SettingsFault } from './errors.ts';
import type { Explanation, SettingDoc } from './fields.ts';
import { valueAt } from './records.ts';
import { settingAt } from './schema.ts';

/** Information about the value that caused an issue. */
export interface Refused {
  readonly value: unknown;
  readonly schema: z.core.$ZodType | undefined;
  readonly doc: SettingDoc | undefined;
}

/**
 * The fault of an issue.
 *
 * @param given the settings
 * @param remedy what to do if neither the explanation of the value nor the setting's documentation has a remedy
 * @param explain returns a message about the value, which has priority over the setting's documentation
 */
export function faultOf(
  { path, code }: Pick<z.core.$ZodIssue, 'path' | 'code'>,
  given: unknown,
  remedy: (refused: Refused) => string,
  explain: (refused: Refused) => Explanation | undefined = () => undefined,
): SettingsFault {
  const value = valueAt(given, path);
  const refused = { value, ...settingAt(path, given) };
  const { doc } = refused;
  const explained = looksLikeToken(value) ? undefined : (explain(refused) ?? doc?.explain?.(value));
  return {
    path: path.join('.'),
    given: explained?.given ?? (code === 'invalid_key' ? shown(path.at(-1)) : shown(value)),
    allowed: explained?.allowed ?? doc?.allowed ?? 'an object',
    remedy: explained?.remedy ?? remedy(refused),
  };
}
