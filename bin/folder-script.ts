/** What the scripts that write files for the settings of `cdk.json` into a folder have in common. */
import { SettingsError } from '../lib/settings/errors.ts';
import { NeedsDockerError } from './release/standalone-synthesizer.ts';

const NONE: string[] = [];

/** Their options, for `parseArgs`. */
export const FOLDER_OPTIONS = {
  context: { type: 'string', short: 'c', multiple: true, default: NONE },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

export interface FolderArguments {
  readonly folder: string;
  /** The values of `-c name=value`. */
  readonly overrides: Readonly<Record<string, string>>;
}

/** @throws {Error} that says what is wrong with the command line */
export function folderArguments(positionals: readonly string[], context: readonly string[]): FolderArguments {
  const [folder, ...others] = positionals;
  if (folder === undefined) throw new Error('The folder to write to is missing.');
  if (others.length > 0) throw new Error(`There is more than one folder: ${positionals.join(', ')}.`);
  const pairs = context.map((pair) => {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
    if (name === undefined || value === undefined) throw new Error(`-c ${pair} has no value. Write -c name=value.`);
    return [name, value] as const;
  });
  return { folder, overrides: Object.fromEntries(pairs) };
}

/**
 * Runs a script, and sets the exit code of this process: 0 for success, 1 for wrong settings, 2 for a wrong command line.
 *
 * @param given parses the command line; `undefined` requests help
 */
export function runFolderScript<Given>(
  usage: string,
  given: () => Given | undefined,
  write: (given: Given) => void,
): void {
  let options: Given | undefined;
  try {
    options = given();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  if (options === undefined) {
    console.log(usage);
    return;
  }
  try {
    write(options);
  } catch (error) {
    if (!(error instanceof SettingsError || error instanceof NeedsDockerError)) throw error;
    console.error(`\n${error.message}\n`);
    process.exitCode = 1;
  }
}
