import { expect, test } from 'vitest';
import { childEnvironment } from '../../cli/child-environment.ts';

test('a program that a command starts gets no token of HCP Terraform', () => {
  const env = {
    PATH: '/bin',
    HTTPS_PROXY: 'http://proxy:3128',
    TFE_TOKEN: 'a',
    TF_TOKEN_app_terraform_io: 'b',
    AGENT_LAUNCHER_API_TOKEN: 'c',
    AGENT_LAUNCHER_AGENT_TOKEN: 'd',
  };
  expect(childEnvironment(env)).toEqual({ PATH: '/bin', HTTPS_PROXY: 'http://proxy:3128' });
});
