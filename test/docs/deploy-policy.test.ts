/** The policies in docs/deploy-policy. */
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { charactersOf, MOST_CHARACTERS, type Policy } from '../../bin/deploy-policy/policies.ts';
import { DEPLOY_POLICY_FOLDER, deployPolicyFiles } from './deploy-policy.ts';

const files = deployPolicyFiles();
const policies = [...files].map(([name, text]): [string, Policy] => [name, JSON.parse(text)]);
const readme = readFileSync(join(DEPLOY_POLICY_FOLDER, 'README.md'), 'utf8');

describe('the policies for a deployment', () => {
  it('are up to date (npm run docs:write)', () => {
    const written = globSync(join(DEPLOY_POLICY_FOLDER, '*.json')).map((file) => basename(file));
    expect(written.sort()).toEqual([...files.keys()].sort());
    for (const [name, text] of files) expect(readFileSync(join(DEPLOY_POLICY_FOLDER, name), 'utf8'), name).toBe(text);
  });

  it.each(policies)('fit into managed policies: %s', (_, policy) => {
    expect(charactersOf(policy)).toBeLessThanOrEqual(MOST_CHARACTERS);
  });

  it.each(policies)('allow no wildcard in an action, and no change without a resource: %s', (_, { Statement }) => {
    for (const { Sid, Action, Resource, Condition } of Statement) {
      expect(Action.join(), Sid).not.toContain('*');
      if (!Resource.includes('*')) continue;
      expect(Condition, Sid).toBeDefined();
      expect(readme, `docs/deploy-policy/README.md has no reason for ${Sid}`).toContain(`| \`${Sid}\` |`);
    }
  });

  it('name a reason only for statements that exist', () => {
    const named = [...readme.matchAll(/^\| `([A-Z]\w+)` \|/gm)].map(([, sid]) => sid);
    const sids = policies.flatMap(([, { Statement }]) => Statement.map(({ Sid }) => Sid));
    expect(named.filter((sid) => sid !== undefined && !sids.includes(sid))).toEqual([]);
    expect(named.length).toBeGreaterThan(5);
  });

  it('let a caller of the CDK do nothing but assume the roles of the bootstrap', () => {
    const [, caller] = policies.find(([name]) => name === 'caller-cdk.json') ?? [];
    expect(caller?.Statement.flatMap(({ Action }) => Action)).toEqual(['sts:AssumeRole']);
  });
});
