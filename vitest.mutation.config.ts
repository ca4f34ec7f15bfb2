import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** The tests that judge mutants: `test/mutation/main.ts` sets the patterns of the group that it runs. */
const patterns = process.env['MUTATION_TESTS'];
if (patterns === undefined) throw new Error('MUTATION_TESTS is not set: use `npm run mutate`.');

// Without isolation the test files of a run share one evaluation of aws-cdk-lib, which costs more than the tests.
export default defineConfig({ test: { ...base.test, include: JSON.parse(patterns), isolate: false } });
