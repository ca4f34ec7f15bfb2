/** Generates the sections of docs/without-cdk.md about the parameters of the release template. */
import { type Coverage, coverageOf } from '../../bin/release/coverage.ts';
import { PARAMETERS, SETTINGS_OF_PARAMETERS } from '../../bin/release/parameters.ts';
import { settingPaths } from './settings-reference.ts';

export function releaseSections(): { readonly name: string; readonly text: string }[] {
  return [
    { name: 'release-parameters', text: parametersTable() },
    { name: 'release-missing', text: missingTable() },
  ];
}

function parametersTable(): string {
  const settings = new Map(
    [...SETTINGS_OF_PARAMETERS].flatMap(([setting, names]) => names.map((name) => [name, setting] as const)),
  );
  const rows = Object.entries(PARAMETERS).map(([name, { Default }]) => {
    const setting = settings.get(name);
    const value = Default === undefined ? '**required**' : Default === '' ? 'empty' : `\`${Default}\``;
    return `| \`${name}\` | ${setting === undefined ? 'the place of the ZIP files' : `\`${setting}\``} | ${value} |`;
  });
  return ['| parameter | setting | default |', '|---|---|---|', ...rows].join('\n');
}

/** The settings that aren't parameters, grouped by their reason. */
function missingTable(): string {
  const missing = settingPaths().flatMap((path) => {
    const coverage = coverageOf(path);
    return coverage === undefined || coverage.by === 'parameters' ? [] : [{ path, text: textOf(coverage) }];
  });
  const byText = Map.groupBy(missing, ({ text }) => text);
  const rows = [...byText].map(([text, its]) => `| ${its.map(({ path }) => `\`${path}\``).join(', ')} | ${text} |`);
  return ['| setting | instead, or why not |', '|---|---|', ...rows].join('\n');
}

function textOf(coverage: Exclude<Coverage, { by: 'parameters' }>): string {
  return coverage.by === 'stack' ? `It is ${coverage.what}.` : coverage.reason;
}
