/** Writes docs/compliance.md: what cdk-nag's compliance packs say about the stack. */
import { type compliance, type Judgement, PACKS } from '../lib/compliance.ts';

const TITLE = `# Compliance packs

This page is generated: \`npm run docs:write\` runs four rule packs of [cdk-nag](https://github.com/cdklabs/cdk-nag) over the stack's templates and writes down every result.

It helps a reviewer to map controls to resources. **It is not a statement of compliance**, and no auditor has seen it.
A pack checks templates only, and only a part of what its standard requires. It doesn't see your account, your processes, or what Terraform creates.

The packs run over the default settings, over every egress mode, and over a stack with the settings that large companies use: the launcher in the VPC, customer managed keys, an address for alarms, nudges, token rotation, flow logs and DNS query logs.
A test fails if a finding has no reason in the code, and if a reason explains no finding. If you run these packs in your own CDK app, cdk-nag doesn't report the explained findings again.
`;

/** The settings that a reason names because they remove the finding. */
export function settingsIn(reason: string): string[] {
  const [, names = ''] = / The setting ([\w.[\]]+(?: or [\w.[\]]+)*) removes the finding\.$/.exec(reason) ?? [];
  return names === '' ? [] : names.split(' or ');
}

export function compliancePage({ judgements }: Pick<ReturnType<typeof compliance>, 'judgements'>): string {
  const findings = judgements.filter(({ isFinding }) => isFinding);
  const found = new Set(findings.map(({ rule }) => rule));
  const met = judgements.filter(({ rule, isFinding }) => !isFinding && !found.has(rule));
  return [
    TITLE,
    '## Exceptions',
    '',
    'The default settings, or some resources, do not meet these rules. Where a setting is named, the resource meets the rule with that setting.',
    '',
    '| rule | packs | resource | met with the setting | reason |',
    '|---|---|---|---|---|',
    ...grouped(findings, ({ rule, reason = '**not explained**' }) => [rule, reason]).map(
      ([[rule = '', text = ''], of]) => {
        const settings = settingsIn(text);
        const reason = text.replace(/ The setting \S+(?: or \S+)* removes the finding\.$/, '');
        return row(rule, packsOf(of), resourcesOf(of), settings.map(code).join(' or ') || 'none', reason);
      },
    ),
    '',
    '## Rules that the stack meets',
    '',
    'Every resource of these types meets the rule, in every stack that the packs ran over.',
    '',
    '| rule | packs | resource types |',
    '|---|---|---|',
    ...grouped(met, ({ rule }) => [rule]).map(([[rule = ''], of]) =>
      row(rule, packsOf(of), unique(of.map(({ type }) => code(type))).join(', ')),
    ),
    '',
  ].join('\n');
}

function grouped(judgements: readonly Judgement[], keyOf: (one: Judgement) => string[]): [string[], Judgement[]][] {
  const groups = new Map<string, [string[], Judgement[]]>();
  for (const one of judgements) {
    const key = keyOf(one);
    const id = key.join('\n');
    const group = groups.get(id) ?? [key, []];
    group[1].push(one);
    groups.set(id, group);
  }
  return [...groups.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

function packsOf(judgements: readonly Judgement[]): string {
  const packs = Object.entries(PACKS).filter(([id]) => judgements.some(({ pack }) => pack === id));
  return packs.map(([, name]) => name).join(', ');
}

/** Up to three constructs, without the CDK's names of their inner resources. */
function resourcesOf(judgements: readonly Judgement[]): string {
  const paths = unique(judgements.map(({ path }) => code(path.replace(/\/Resource$|\/DefaultPolicy\/Resource$/, ''))));
  const shown = paths.slice(0, 3).join(', ');
  return paths.length > 3 ? `${shown} and ${paths.length - 3} more` : shown;
}

function row(...cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

const code = (text: string) => `\`${text}\``;
const unique = (texts: readonly string[]) => [...new Set(texts)].sort();
