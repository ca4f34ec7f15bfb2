/** The egress lab as one test, for whoever runs the labs; `node test/egress-lab/main.ts` tells more. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { whyNot } from './machine.ts';

const reason = whyNot();

it.skipIf(reason !== undefined)(
  `the rules of the template let out what they should and nothing else, in a real Suricata${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  { timeout: 300_000 },
  async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], { stdio: 'inherit' });
    const code = await new Promise((resolve) => {
      child.once('close', resolve);
    });
    expect(code).toBe(0);
  },
);
