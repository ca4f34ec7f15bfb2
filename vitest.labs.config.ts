import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** Tests that take longer than a developer waits, or need more permissions than a developer has. CI runs them in sequence. */
export default defineConfig({
  test: {
    ...base.test,
    include: ['labs/**/*.lab.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
