import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { cdkJsonSchema, settingsReference } from '../../docs/settings-reference.ts';
import { LEAST } from '../synthesis.ts';

const reference = settingsReference();
const rows = reference.split('\n').filter((line) => line.startsWith('| `'));

describe('the reference of settings', () => {
  it('has a row for every setting, with its default or that it is required', () => {
    expect(rows).toContainEqual(expect.stringMatching(/^\| `organization` \|.*\| \*\*required\*\* \|$/));
    expect(rows).toContainEqual(expect.stringMatching(/^\| `pools\[\]\.maxAgents` \|.*\| `10` \|$/));
    expect(rows).toContainEqual(expect.stringMatching(/^\| `network\.egress` \|.*\| `nat-gateway` \|$/));
    expect(rows).toContainEqual(expect.stringMatching(/^\| `agentImage\.registry` \|.*\| an image is built \|$/));
    expect(rows).toContainEqual(
      expect.stringMatching(/`pools\[\]\.warmAgents\.schedule\.days` .*\| `Mon`, .*`Sun` \|$/),
    );
  });

  it('has a heading for every group of settings', () => {
    const headings = [...reference.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    expect(headings.slice(0, 2)).toEqual(['The stack', '`pools[]`']);
    expect(headings).toEqual(expect.arrayContaining(['`pools[].phases`', '`agentImage`', '`network`']));
  });

  it('has four cells in every row', () => {
    for (const row of rows) expect(row.replaceAll('\\|', '').split('|'), row).toHaveLength(6);
  });

  it('describes no two settings in the same words', () => {
    const descriptions = rows.map((row) => row.split('|')[2]);
    expect(new Set(descriptions).size).toBe(descriptions.length);
  });

  it('is docs/settings.md (npm run docs:write)', () => {
    expect(readFileSync('docs/settings.md', 'utf8')).toBe(reference);
  });
});

describe('the JSON schema of cdk.json', () => {
  const schema = z.fromJSONSchema(JSON.parse(JSON.stringify(cdkJsonSchema())));
  const accepts = (agentLauncher: object) => schema.safeParse({ context: { agentLauncher } }).success;

  it('accepts the committed cdk.json, which names it', () => {
    const cdkJson = JSON.parse(readFileSync('cdk.json', 'utf8'));
    expect(schema.safeParse(cdkJson).success).toBe(true);
    expect(cdkJson.$schema).toBe('./docs/cdk.schema.json');
  });

  it('rejects an unknown setting, a wrong type and a missing required setting', () => {
    expect(accepts(LEAST)).toBe(true);
    expect(accepts({ ...LEAST, organisation: 'acme' })).toBe(false);
    expect(accepts({ ...LEAST, scheduleMinutes: '1' })).toBe(false);
    expect(accepts({ ...LEAST, network: { egress: 'nat' } })).toBe(false);
    expect(accepts({ apiTokenSecret: LEAST.apiTokenSecret, pools: LEAST.pools })).toBe(false);
  });

  it('describes every setting for the editor', () => {
    const pools = z.object({ properties: z.object({ context: z.any() }) }).parse(cdkJsonSchema());
    const { properties } = pools.properties.context.properties.agentLauncher;
    for (const [name, property] of Object.entries<{ description?: string }>(properties)) {
      expect(property.description, name).toMatch(/Allowed: /);
    }
  });

  it('is docs/cdk.schema.json (npm run docs:write)', () => {
    expect(JSON.parse(readFileSync('docs/cdk.schema.json', 'utf8'))).toEqual(
      JSON.parse(JSON.stringify(cdkJsonSchema())),
    );
  });
});
