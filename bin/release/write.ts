/** Writes templates, with their files, for commands that upload them to a bucket. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CfnTemplate } from './json.ts';

/** CloudFormation's maximum for a template in S3. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
export const MAX_TEMPLATE_BYTES = 1_000_000;

/** @throws if CloudFormation wouldn't accept a template of this size */
export function writeTemplate(file: string, template: CfnTemplate): void {
  const text = `${JSON.stringify(template, undefined, 1)}\n`;
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_TEMPLATE_BYTES) {
    throw new Error(`The template ${file} has ${bytes} bytes, and CloudFormation accepts ${MAX_TEMPLATE_BYTES}.`);
  }
  writeFileSync(file, text);
}

/** Writes `SHA256SUMS` for all files of a folder, in the format of `sha256sum`. */
export function writeChecksums(folder: string): void {
  const sums = readdirSync(folder)
    .filter((name) => name !== 'SHA256SUMS')
    .sort()
    .map(
      (name) =>
        `${createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex')}  ${name}\n`,
    );
  writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''));
}
