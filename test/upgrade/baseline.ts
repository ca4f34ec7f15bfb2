/**
 * The templates of the last release, reduced to what decides how an update affects a deployed stack. `npm run upgrade:baseline` writes
 * `baseline.json` from the current code, as a part of each release.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Template } from 'aws-cdk-lib/assertions';
import * as z from 'zod';
import { causesReplacement } from '../lib/replacements.ts';
import { templateOf } from '../lib/synthesis.ts';
import { CASES } from './cases.ts';
import { HARMLESS_REPLACEMENT, isSensitive } from './consequences.ts';

const FILE = 'test/upgrade/baseline.json';

const resource = z.strictObject({
  Type: z.string(),
  /** Digest of the whole resource, which shows that something in it changed. */
  digest: z.string(),
  /** What CloudFormation does with the resource when it leaves the template. */
  DeletionPolicy: z.string().optional(),
  /** The properties that can replace the resource or harm running jobs. If a replacement is harmless, a digest of each is enough. */
  Properties: z.record(z.string(), z.unknown()).default({}),
});
const snapshot = z.strictObject({ outputs: z.array(z.string()), resources: z.record(z.string(), resource) });
const baseline = z.strictObject({
  /** Version of the release. */
  version: z.string(),
  cases: z.record(z.string(), snapshot),
});

export type Snapshot = z.infer<typeof snapshot>;
export type Baseline = z.infer<typeof baseline>;

const whole = z.object({
  Outputs: z.record(z.string(), z.unknown()).default({}),
  Resources: z.record(
    z.string(),
    z.looseObject({
      Type: z.string(),
      DeletionPolicy: z.string().optional(),
      Properties: z.record(z.string(), z.unknown()).default({}),
    }),
  ),
});

/** Reduces a template to what a comparison with the next release needs. */
export function snapshotOf(template: Template): Snapshot {
  const { Outputs, Resources } = whole.parse(template.toJSON());
  const resources = Object.entries(Resources).map(([id, all]) => {
    const { Type, DeletionPolicy, Properties } = all;
    const kept = Object.entries(Properties).filter(([key]) => isSensitive(Type, key) || causesReplacement(Type, key));
    const shown = kept.map(([key, value]) => [key, HARMLESS_REPLACEMENT[Type] === undefined ? value : digestOf(value)]);
    const policy = DeletionPolicy !== undefined && { DeletionPolicy };
    return [id, { Type, digest: digestOf(all), ...policy, Properties: Object.fromEntries(shown) }];
  });
  return snapshot.parse({ outputs: Object.keys(Outputs).sort(), resources: Object.fromEntries(resources) });
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 12);
}

/** The snapshots of the current code. */
export function currentBaseline(version: string): Baseline {
  const cases = Object.entries(CASES).map(([name, settings]) => [name, snapshotOf(templateOf(settings))]);
  return baseline.parse({ version, cases: Object.fromEntries(cases) });
}

export function readBaseline(): Baseline {
  if (!existsSync(FILE)) throw new Error(`${FILE} is missing. Write it with: npm run upgrade:baseline`);
  return baseline.parse(JSON.parse(readFileSync(FILE, 'utf8')));
}

/** Writes one resource per line, so that a change of the baseline is readable. */
export function writeBaseline({ version, cases }: Baseline): void {
  const lines = Object.entries(cases).map(([name, { outputs, resources }]) => {
    const rows = Object.entries(resources).map(([id, one]) => `        ${JSON.stringify(id)}: ${JSON.stringify(one)}`);
    return `    ${JSON.stringify(name)}: {\n      "outputs": ${JSON.stringify(outputs)},\n      "resources": {\n${rows.join(',\n')}\n      }\n    }`;
  });
  writeFileSync(FILE, `{\n  "version": ${JSON.stringify(version)},\n  "cases": {\n${lines.join(',\n')}\n  }\n}\n`);
}
