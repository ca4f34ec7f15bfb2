import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import * as z from 'zod';

/** The parts of npm's own range parser that this test needs. */
const semver = z
  .looseObject({ subset: z.custom<(inner: string, outer: string) => boolean>((value) => typeof value === 'function') })
  .parse(createRequire(import.meta.url)('semver'));

const engines = z.looseObject({ node: z.string().optional() });
const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));

it('the package allows only versions of Node.js that every package in the lock file supports', () => {
  const { engines: own } = z.looseObject({ engines: z.looseObject({ node: z.string() }) }).parse(read('package.json'));
  const { packages } = z
    .looseObject({ packages: z.record(z.string(), z.looseObject({ engines: engines.optional() })) })
    .parse(read('package-lock.json'));
  const required = Object.entries(packages).flatMap(([path, { engines: its }]) =>
    its?.node === undefined ? [] : [{ path, node: its.node }],
  );
  expect(required.length).toBeGreaterThan(50);
  expect(required.filter(({ node }) => !semver.subset(own.node, node))).toEqual([]);
  expect(semver.subset('>=20', '>=22')).toBe(false);
});
