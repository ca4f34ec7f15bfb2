import { configDefaults, defineConfig } from 'vitest/config';

/**
 * Tests that start many processes or local systems, simulate many worlds or synthesize often. With them, `npm test` would take more than 90 s on two cores,
 * so `npm run test:slow` runs them.
 */
export const SLOW_TESTS = [
  'test/agent-image/fetch-release.test.ts',
  'test/agent-image/idle-watchdog.test.ts',
  'test/journey/journey.test.ts',
  'test/cli/*.test.ts',
  'test/cli/commands/*.test.ts',
  'test/cli/setup/*.test.ts',
  'test/bench/models.test.ts',
  'test/bin/agent-launcher.test.ts',
  'test/bin/check-network.test.ts',
  'test/bin/synth-standalone.test.ts',
  'test/functions/image-copy/built-image.test.ts',
  'test/lib/changes.test.ts',
  'test/lib/compliance.test.ts',
  'test/lib/partitions.test.ts',
  'test/lib/service-trust.test.ts',
  'test/lib/start-order.test.ts',
  'test/lib/network/guardduty.test.ts',
  'test/lib/network/reachability*.test.ts',
  'test/bin/deploy-policy.test.ts',
  'test/live/gateway.test.ts',
  'test/live/local.test.ts',
  'test/functions/token-rotation/model.test.ts',
  'test/functions/token-rotation/whole-path.test.ts',
  'test/local/*/main.test.ts',
  'test/local/start/on-demand.test.ts',
  'test/local/*/second-client.test.ts',
  'test/local/tfc-agent/agent.test.ts',
  'test/simulation/gateways.test.ts',
  'test/simulation/simulation.test.ts',
  'test/simulation/stacks.test.ts',
];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...SLOW_TESTS],
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
