/** The help of the scripts fits into a terminal of 80 columns. `test/docs/cli-reference.test.ts` shows that of the commands. */
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

it.each(['bin/check-network.ts', 'bin/deploy-policy.ts', 'bin/synth-standalone.ts', 'local/start/main.ts'])(
  'the help of %s has lines of at most 80 columns',
  (script) => {
    const help = execFileSync(process.execPath, [script, '--help'], { encoding: 'utf8' });
    expect(help).toContain('Usage: npm ');
    expect(help.split('\n').filter((line) => line.length > 80)).toEqual([]);
  },
);
