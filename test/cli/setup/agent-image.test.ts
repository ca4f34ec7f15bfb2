import { expect, test } from 'vitest';
import { digestOf, newestVersion } from '../../../cli/setup/agent-image.ts';

test('the reason why the newest version is unknown has the host, and no name of a script', async () => {
  const { problem } = await newestVersion('1.33.0', { env: { RELEASES_URL: 'http://127.0.0.1:9' } });
  expect(problem).toMatch(/^could not reach 127\.0\.0\.1:9: /);
});

test('the reason why a digest is unknown has the host, and no name of a script', async () => {
  const { problem } = await digestOf('localhost:9/agent:1.33.0', { env: {} });
  expect(problem).toMatch(/^could not reach localhost:9: /);
});
