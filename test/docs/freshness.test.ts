import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RUNBOOK_HEADINGS } from '../../lib/launcher/monitoring.ts';

const read = (file: string) => readFileSync(file, 'utf8');
const documents = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'agent-image/README.md']
  .concat(readdirSync('docs', { recursive: true, encoding: 'utf8' }).map((file) => join('docs', file)))
  .concat(['local/ecs/README.md', 'local/hcp-terraform/README.md'])
  .filter((file) => file.endsWith('.md'));

describe('the README', () => {
  it('names the commands that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = documents.flatMap((file) => [...read(file).matchAll(/npm run (?:--silent )?([\w:-]+)/g)]);
    expect(named.length).toBeGreaterThan(3);
    for (const [command, script] of named) expect(Object.keys(scripts), command).toContain(script);
  });
});

describe('the architecture document', () => {
  it('lists every file of the core', () => {
    const text = readFileSync('docs/architecture.md', 'utf8');
    const core = readdirSync('functions/launcher/core');
    expect(core.filter((file) => !text.includes(file))).toEqual([]);
  });
});

describe('the index of the decisions', () => {
  it('lists every decision with its title', () => {
    const folder = 'docs/decisions';
    const records = readdirSync(folder).filter((file) => /^\d/.test(file));
    const lines = records.sort().map((file) => `- [${/^# (.+)$/m.exec(read(join(folder, file)))?.[1]}](${file})`);
    expect(read(join(folder, 'README.md'))).toContain(`${lines.join('\n')}\n`);
  });
});

describe('the runbook', () => {
  it('has one title, and sections below it', () => {
    const text = readFileSync('docs/runbook.md', 'utf8').replace(/^```[\s\S]*?^```/gm, '');
    expect(text.match(/^# .*$/gm)).toEqual(['# Runbook']);
  });

  it('has a heading for every alarm, and procedures after them', () => {
    const headings = [...read('docs/runbook.md').matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual([...Object.values(RUNBOOK_HEADINGS), 'Procedures']);
  });
});

describe('links', () => {
  it.each(documents)('of %s lead somewhere', (file) => {
    const targets = [...read(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)(#[^)]*)?\)/g)].map(
      ([, target]) => target ?? '',
    );
    for (const target of targets) expect(() => readdirOrRead(join(dirname(file), target)), target).not.toThrow();
  });
});

function readdirOrRead(path: string): void {
  try {
    readdirSync(path);
  } catch {
    read(path);
  }
}
