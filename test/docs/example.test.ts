/** The example app is the guide's sample; `labs/synth/package.lab.ts` type-checks and synthesizes it. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as z from 'zod';

const read = (file: string) => readFileSync(file, 'utf8');
const manifest = (file: string) =>
  z
    .looseObject({
      engines: z.unknown(),
      peerDependencies: z.unknown().optional(),
      dependencies: z.unknown().optional(),
    })
    .parse(JSON.parse(read(file)));

it("the example app has the text of the guide's first sample", () => {
  const [, sample] = /```ts\n([\s\S]*?)```/.exec(read('docs/construct.md')) ?? [];
  expect(sample).toBe(read('examples/construct/app.ts'));
});

it('the example app asks for the CDK and Node.js that the package needs', () => {
  const [own, example] = [manifest('package.json'), manifest('examples/construct/package.json')];
  expect(example.dependencies).toEqual(own.peerDependencies);
  expect(example.engines).toEqual(own.engines);
});
