/** Options that several commands have, and how their values are read. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { UsageError } from './io.ts';

/** The option of every command that reads. */
export function jsonOption(): Option {
  return new Option('--json', 'print the result as JSON (docs/cli.md describes it)');
}

/** An option whose value is an integer. */
export function integerOption(
  flags: string,
  description: string,
  { fallback, least, most }: { readonly fallback: number; readonly least: number; readonly most: number },
): Option {
  return new Option(flags, description).default(fallback).argParser(integer({ least, most }));
}

/** Reads an integer. Default: any that isn't negative. */
export function integer(range?: { readonly least: number; readonly most: number }): (text: string) => number {
  const { least, most } = range ?? { least: 0, most: Number.MAX_SAFE_INTEGER };
  const allowed = range === undefined ? '' : ` from ${least} to ${most}`;
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Use an integer${allowed}.`);
  };
}

/** The values of an option that can be repeated. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** Refuses an option without the one that it belongs to: it would have no effect. @param option such as `--interval` */
export function requires(command: Command, option: string, needed: string): void {
  const given = optionsGivenTo(command, [option, needed]);
  command.hook('preAction', () => {
    if (!given.has(option) || given.has(needed)) return;
    throw new UsageError(`${option} has no effect without ${needed}.\nAdd ${needed}, or leave ${option} out.`);
  });
}

/** Refuses two options that contradict each other. Otherwise, the last one would win silently. */
export function excludes(command: Command, one: string, other: string): void {
  const given = optionsGivenTo(command, [one, other]);
  command.hook('preAction', () => {
    if (given.size === 2) throw new UsageError(`Pass either ${one} or ${other}, not both.`);
  });
}

/** Those of the options that are on the command line. */
function optionsGivenTo(command: Command, options: readonly string[]): ReadonlySet<string> {
  const given = new Set<string>();
  for (const option of options) command.on(`option:${option.replace(/^--/, '')}`, () => given.add(option));
  return given;
}

/** The names in a text, separated by commas. */
export function listOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
