import { configDefaults, defineConfig } from 'vitest/config';
import base, { SLOW_TESTS } from './vitest.config.ts';

/** The tests that `npm test` leaves out: see {@link SLOW_TESTS}. */
export default defineConfig({
  test: { ...base.test, include: SLOW_TESTS, exclude: [...configDefaults.exclude] },
});
