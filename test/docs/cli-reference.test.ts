import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cliReference, cliSchema, commands, helpOf, outputSchemas } from './cli-reference.ts';

/** Commands that change something or start a dialogue. Every other command reads, so it has `--json`. */
const WITHOUT_JSON = ['setup', 'rotate', 'complete'];

const all = commands().map((command) => ({ command, name: command.name() }));

it('docs/cli.md is what the program says about itself (npm run docs:write)', async () => {
  expect(readFileSync('docs/cli.md', 'utf8')).toBe(await cliReference());
});

it('docs/cli.schema.json has the schemas of what the commands print (npm run docs:write)', async () => {
  expect(JSON.parse(readFileSync('docs/cli.schema.json', 'utf8'))).toEqual(await cliSchema());
});

it('docs/cli.md has a meaning for each member of the documents, except for objects and lists of them', async () => {
  const rows = (await cliReference()).split('\n').filter((line) => /^\| `.* \| {2}\|$/.test(line));
  expect(rows.filter((row) => !/ \| (?:object|list) \| {2}\|$/.test(row))).toEqual([]);
});

describe.each(all)('the help of $name', ({ command, name }) => {
  it('has a description and examples of this command', async () => {
    expect(command.description()).not.toBe('');
    const [, examples = ''] = (await helpOf(name)).split('\nExamples:\n');
    const lines = examples.split('\n').filter((line) => /^ {2}.*\bagent-launcher\b/.test(line));
    expect(lines.filter((line) => line.includes(name)).length).toBeGreaterThan(0);
  });

  it('fits 80 columns', async () => {
    expect((await helpOf(name)).split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  it('describes each option', () => {
    expect(command.options.filter(({ description }) => description === '')).toEqual([]);
  });
});

it('the help of the program fits 80 columns', async () => {
  expect((await helpOf()).split('\n').filter((line) => line.length > 80)).toEqual([]);
});

it.each(all.filter(({ name }) => !WITHOUT_JSON.includes(name)))(
  '$name prints JSON, and has a schema for it',
  async ({ command, name }) => {
    expect(command.options.map(({ long }) => long)).toContain('--json');
    expect([...(await outputSchemas()).keys()]).toContain(name);
  },
);
