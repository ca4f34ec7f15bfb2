/** Shell completion, with the script that the command prints, in a real bash. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { beforeAll, expect, it } from 'vitest';
import { runCommandLine } from '../../cli/program.ts';
import { newFolder } from '../temporary-folder.ts';
import { testUnless } from '../unless.ts';

const MAIN = join(import.meta.dirname, '../../cli/main.ts');
const folder = newFolder('completion');

/** What bash-completion provides, without its special cases. */
const GET_WORDS = `_get_comp_words_by_ref() {
  words=("\${COMP_WORDS[@]}"); cword=$COMP_CWORD
  cur="\${words[cword]}"; prev="\${words[cword - 1]}"
}
__ltrim_colon_completions() { :; }
`;

function agentLauncher(...args: string[]) {
  return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
}

beforeAll(() => {
  writeFileSync(join(folder, 'agent-launcher'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
  chmodSync(join(folder, 'agent-launcher'), 0o755);
  writeFileSync(join(folder, 'script.bash'), `${GET_WORDS}${agentLauncher('complete', 'bash').stdout}`);
});

/** The completions that bash offers for the last word. */
function completions(...words: readonly string[]): string[] {
  const script = `source '${folder}/script.bash'
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
function_name=$(complete -p agent-launcher | sed 's/.*-F \\([^ ]*\\).*/\\1/')
compopt() { :; }
"$function_name"
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` };
  const output = execFileSync('bash', ['--norc', '-c', script], { encoding: 'utf8', env });
  return output
    .split('\n')
    .map((line) => line.split('\t')[0]?.trim() ?? '')
    .filter((line) => line !== '');
}

const missing = spawnSync('bash', ['--version']).status === 0 ? undefined : 'bash is not installed';

testUnless(missing, 'bash completes a command', () => {
  expect(completions('agent-launcher', 'dra')).toEqual(['drain']);
});

testUnless(missing, 'bash completes an option of a command', () => {
  expect(completions('agent-launcher', 'cost', '--da')).toEqual(['--days']);
});

testUnless(missing, 'bash completes the value of an option', () => {
  expect(completions('agent-launcher', 'cost', '--by', 'wor')).toEqual(['workspace']);
});

testUnless(missing, 'bash reads the script twice without an error', () => {
  const script = `set -e; source '${folder}/script.bash'; source '${folder}/script.bash'`;
  const { status, stderr } = spawnSync('bash', ['--norc', '-c', script], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

it.each(['bash', 'zsh', 'fish', 'powershell'])('the script for %s asks the command itself', (shell) => {
  const { status, stdout, stderr } = agentLauncher('complete', shell);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/agent-launcher complete '?--/);
});

it('an unknown shell is a wrong command line', () => {
  const { status, stderr } = agentLauncher('complete', 'tcsh');
  expect(status).toBe(2);
  expect(stderr).toContain('Allowed choices are zsh, bash, fish, powershell');
});

it('leaves console.log as it was, also after an error', async () => {
  const { log } = console;
  const code = await runCommandLine(['complete', 'tcsh'], {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    env: {},
    cwd: folder,
    now: () => 0,
    sleep: async () => undefined,
    interrupted: new AbortController().signal,
  });
  const after = console.log;
  console.log = log;
  expect([code, after === log]).toEqual([2, true]);
});
