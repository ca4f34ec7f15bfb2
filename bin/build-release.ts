/**
 * Builds the release for people without the CDK: one template with parameters, and the ZIP files of the functions. docs/without-cdk.md
 * explains how to deploy it.
 *
 *   node bin/build-release.ts [FOLDER]     writes to dist/release by default; deletes what is in the folder
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeCode } from './release/code.ts';
import { contextIn, flagsIn } from './release/synthesize.ts';
import { releaseTemplate } from './release/template.ts';
import { writeChecksums, writeTemplate } from './release/write.ts';

const ROOT = join(import.meta.dirname, '..');
const [folder = join(ROOT, 'dist', 'release')] = process.argv.slice(2);
const { version }: { version: string } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const code = writeCode(folder);
writeTemplate(join(folder, 'agent-launcher.template.json'), releaseTemplate(code, version, flagsIn(contextIn(ROOT))));
copyFileSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
writeChecksums(folder);
console.error(`Release ${version}: ${folder}`);
