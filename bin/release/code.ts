/** The ZIP files of the Lambda functions. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeBundle } from '../../lib/bundle/lambda-bundle.ts';
import { functionNames } from '../function-names.ts';
import { zip } from './zip.ts';

/**
 * Key of each function's ZIP file, by the function's name. The key contains a hash of the code, so a new version has a new key,
 * and CloudFormation updates the function.
 */
export type CodeKeys = ReadonlyMap<string, string>;

/** Bundles every function and writes its ZIP file into a folder. */
export function writeCode(folder: string): CodeKeys {
  mkdirSync(folder, { recursive: true });
  return new Map(
    functionNames().map((name) => {
      const archive = zip(bundleOf(name));
      const hash = createHash('sha256').update(archive).digest('hex').slice(0, 16);
      const key = `${name}-${hash}.zip`;
      writeFileSync(join(folder, key), archive);
      return [name, key] as const;
    }),
  );
}

function bundleOf(name: string): Record<string, Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'agent-launcher-code-'));
  try {
    writeBundle(name, folder);
    return Object.fromEntries(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file))]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
