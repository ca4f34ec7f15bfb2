import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { RUNBOOK_HEADINGS } from '../../lib/launcher/monitoring.ts';

const read = (file: string) => readFileSync(file, 'utf8');
const documents = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'agent-image/README.md']
  .concat(readdirSync('docs', { recursive: true, encoding: 'utf8' }).map((file) => join('docs', file)))
  .concat(['local/ecs/README.md', 'local/hcp-terraform/README.md', 'terraform/README.md'])
  .concat(globSync('examples/**/README.md'))
  .filter((file) => file.endsWith('.md'));

it('the documents use only npm scripts that exist', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  // The example apps have their own scripts.
  const ours = documents.filter((file) => !file.startsWith('examples'));
  const named = ours.flatMap((file) => [...read(file).matchAll(/npm run (?:--silent )?([\w:-]+)/g)]);
  expect(named.length).toBeGreaterThan(3);
  for (const [command, script] of named) expect(Object.keys(scripts), command).toContain(script);
});

it('the architecture document lists every file of the core', () => {
  const text = read('docs/architecture.md');
  expect(readdirSync('functions/launcher/core').filter((file) => !text.includes(file))).toEqual([]);
});

it('the index of the decisions lists every decision with its title', () => {
  const folder = 'docs/decisions';
  const records = readdirSync(folder).filter((file) => /^\d/.test(file));
  const lines = records.sort().map((file) => `- [${/^# (.+)$/m.exec(read(join(folder, file)))?.[1]}](${file})`);
  expect(read(join(folder, 'README.md'))).toContain(`${lines.join('\n')}\n`);
});

it('the runbook has one title', () => {
  const text = read('docs/runbook.md').replace(/^```[\s\S]*?^```/gm, '');
  expect(text.match(/^# .*$/gm)).toEqual(['# Runbook']);
});

it('the runbook has a section for every alarm, and then the procedures', () => {
  const headings = [...read('docs/runbook.md').matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
  expect(headings).toEqual([...Object.values(RUNBOOK_HEADINGS), 'Procedures']);
});

it.each(documents)('the links in %s lead to existing files', (file) => {
  const targets = [...read(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)(#[^)]*)?\)/g)].map(
    ([, target = '']) => target,
  );
  expect(targets.filter((target) => !existsSync(join(dirname(file), target)))).toEqual([]);
});
