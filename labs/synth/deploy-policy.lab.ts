/** Checks the policies in docs/deploy-policy with cfn-lint, which knows the grammar of policies and the name of every action. */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect } from 'vitest';
import { runSync, whyMissing } from '../../test/processes.ts';
import { newFolder } from '../../test/temporary-folder.ts';
import { testUnless } from '../../test/unless.ts';

const folder = join(import.meta.dirname, '..', '..', 'docs', 'deploy-policy');

/** Runs cfn-lint for a template whose managed policies are the files, changed by `edit`. */
function lint(edit: (text: string) => string) {
  const files = globSync(join(folder, '*.json')).sort();
  const Resources = Object.fromEntries(
    files.map((file) => [
      basename(file, '.json').replaceAll('-', ''),
      { Type: 'AWS::IAM::ManagedPolicy', Properties: { PolicyDocument: JSON.parse(edit(readFileSync(file, 'utf8'))) } },
    ]),
  );
  expect(files.length).toBeGreaterThan(3);
  const template = join(newFolder('deploy-policy'), 'policies.template.json');
  writeFileSync(template, JSON.stringify({ Resources }));
  return runSync('cfn-lint', ['--', template]);
}

testUnless(whyMissing('cfn-lint'), 'cfn-lint has no finding in the policies for a deployment', () => {
  expect(lint((text) => text)).toEqual({ code: 0, stdout: '', stderr: '' });
});

testUnless(whyMissing('cfn-lint'), 'cfn-lint would find an action that does not exist', () => {
  const { code, stdout } = lint((text) => text.replace('ecs:CreateCluster', 'ecs:CreateClusters'));
  expect(code).not.toBe(0);
  expect(stdout).toContain('createclusters');
});
