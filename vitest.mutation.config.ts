import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** The tests that judge mutants: `labs/mutation/main.ts` sets the patterns of the group that it runs. */
const patterns = process.env['MUTATION_TESTS'];
if (patterns === undefined) throw new Error('MUTATION_TESTS is not set: use `npm run mutate`.');

export default defineConfig({ test: { ...base.test, include: JSON.parse(patterns) } });
