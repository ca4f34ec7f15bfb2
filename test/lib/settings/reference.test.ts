import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { cdkJsonSchema, settingsReference } from '../../docs/settings-reference.ts';
import { LEAST } from '../synthesis.ts';

const reference = settingsReference();
const rows = reference.split('\n').filter((line) => line.startsWith('| `'));

describe('the reference of settings', () => {
  it.each([
    ['organization', /\| \*\*required\*\* \|$/],
    ['pools[].maxAgents', /\| `10` \|$/],
    ['network.egress', /\| `nat-gateway` \|$/],
    ['agentImage.registry', /\| an image is built \|$/],
    ['pools[].warmAgents.schedule.days', /\| `Mon`, .*`Sun` \|$/],
  ])('has a row for %s with its default, or with the word required', (setting, end) => {
    const found = rows.filter((row) => row.startsWith(`| \`${setting}\` |`));
    expect(found).toEqual([expect.stringMatching(end)]);
  });

  it('has a heading for every group of settings', () => {
    const headings = [...reference.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    expect(headings.slice(0, 2)).toEqual(['The stack', '`pools[]`']);
    expect(headings).toEqual(expect.arrayContaining(['`pools[].phases`', '`agentImage`', '`network`']));
  });

  it('has four cells in every row', () => {
    for (const row of rows) expect(row.replaceAll('\\|', '').split('|'), row).toHaveLength(6);
  });

  it('says for every setting what is allowed', () => {
    for (const row of rows) expect(row.split('|')[3]?.trim(), row).not.toBe('');
  });

  it('has a different description for every setting', () => {
    const descriptions = rows.map((row) => row.split('|')[2]);
    expect(new Set(descriptions).size).toBe(descriptions.length);
  });

  it('is up to date in docs/settings.md (npm run docs:write)', () => {
    expect(readFileSync('docs/settings.md', 'utf8')).toBe(reference);
  });
});

describe('the JSON schema of cdk.json', () => {
  const schema = z.fromJSONSchema(JSON.parse(JSON.stringify(cdkJsonSchema())));
  const accepts = (agentLauncher: object) => schema.safeParse({ context: { agentLauncher } }).success;

  it('accepts the committed cdk.json, which refers to it', () => {
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

  it('has a description of every setting for editors', () => {
    const pools = z.object({ properties: z.object({ context: z.any() }) }).parse(cdkJsonSchema());
    const { properties } = pools.properties.context.properties.agentLauncher;
    for (const [name, property] of Object.entries<{ description?: string }>(properties)) {
      expect(property.description, name).toMatch(/Allowed: /);
    }
  });

  it('is up to date in docs/cdk.schema.json (npm run docs:write)', () => {
    expect(JSON.parse(readFileSync('docs/cdk.schema.json', 'utf8'))).toEqual(
      JSON.parse(JSON.stringify(cdkJsonSchema())),
    );
  });
});
