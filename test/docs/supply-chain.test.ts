import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { DEFAULT_AGENT_VERSION } from '../../lib/defaults.ts';

const FOLDERS = ['.github/workflows', 'examples/github-actions'];
const WORKFLOWS = FOLDERS.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.yml'))
    .map((name) => join(folder, name)),
);

describe.each(WORKFLOWS)('the workflow %s', (file) => {
  const text = readFileSync(file, 'utf8');

  it('pins each image by its digest', () => {
    for (const [, image] of text.matchAll(/^\s*image: (.+)$/gm)) expect(image).toMatch(/@sha256:[0-9a-f]{64}$/);
  });
});

it("Renovate finds the agent's default version", () => {
  const { customManagers } = z
    .looseObject({
      customManagers: z.array(
        z.looseObject({ managerFilePatterns: z.array(z.string()), matchStrings: z.array(z.string()) }),
      ),
    })
    .parse(JSON.parse(readFileSync('renovate.json', 'utf8')));
  const [manager] = customManagers;
  const [pattern = ''] = manager?.managerFilePatterns ?? [];
  expect('lib/defaults.ts').toMatch(new RegExp(pattern.slice(1, -1)));
  const [match = ''] = manager?.matchStrings ?? [];
  const found = new RegExp(match).exec(readFileSync('lib/defaults.ts', 'utf8'));
  expect(found?.groups?.['currentValue']).toBe(DEFAULT_AGENT_VERSION);
});
