import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Most of the time goes into waiting for child processes, not into the processor.
    maxWorkers: 4,
    // The test files of a worker share one evaluation of aws-cdk-lib, which costs more than their tests.
    isolate: false,
    globalSetup: ['test/temporary-folder.ts'],
    // Synthesis and real child processes on two cores: generous ceilings, never waits.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    env: {
      // The template validation costs 3 s a synth; the stack tests that need it switch it on themselves.
      CDK_VALIDATION: 'false',
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      CHECKPOINT_DISABLE: '1',
    },
    coverage: {
      provider: 'v8',
      include: ['functions/**/*.ts', 'lib/**/*.ts'],
      reporter: ['text-summary', 'html'],
      thresholds: {
        'functions/*/core/**': { lines: 100, functions: 100, branches: 100, statements: 100 },
      },
    },
  },
});
