import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** What takes longer than a developer's patience, or more than a developer's rights: run by CI, one after the other. */
export default defineConfig({
  test: {
    ...base.test,
    include: ['test/**/*.lab.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
