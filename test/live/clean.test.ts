/** `npm run live -- --clean` after a killed run, against the local system. The CDK CLI is a function of the test, which deletes the stack or doesn't. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Agent } from 'undici';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CreatedThing } from '../../labs/live/cleanup.ts';
import { runClean, type SessionDeps } from '../../labs/live/session.ts';
import { startSystem, type TestSystem } from '../cli/system.ts';
import { newFolder } from '../temporary-folder.ts';

const ACCOUNT = '000000000000';
const STACK = 'agent-launcher-live-test';
const PROFILE = 'lab';

let system: TestSystem;
let destroyed: unknown[];

beforeAll(async () => {
  system = await startSystem({ launcher: false });
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: key, AWS_SHARED_CREDENTIALS_FILE: file } = process.env;
  writeFileSync(file ?? '', `[${PROFILE}]\naws_access_key_id = ${id}\naws_secret_access_key = ${key}\n`);
}, 60_000);
afterAll(() => system?.close());
beforeEach(() => {
  destroyed = [];
  const { cloudFormation } = system.ecs.aws;
  cloudFormation.put({ ...cloudFormation.stack('AgentLauncher'), name: STACK });
});

/** Cleans up the stack of a killed run. */
async function clean(
  given: { readonly region?: string; readonly profile?: string },
  destroy: () => void,
  place?: CreatedThing['place'],
) {
  const { hostname, organization, apiToken, certPem: ca } = system.hcpTerraform;
  const folder = newFolder('live-clean');
  const file = join(folder, 'created.json');
  writeFileSync(file, JSON.stringify([{ kind: 'stack', id: STACK, byHand: 'delete the stack', place }]));
  const deps: SessionDeps = {
    version: '0.2.0',
    id: 'test',
    folder,
    env: { TFE_TOKEN: apiToken },
    now: Date.now,
    sleep: async () => undefined,
    note: () => undefined,
    confirm: async () => true,
    signal: new AbortController().signal,
    dispatcher: new Agent({ connect: { ca } }),
    cdk: async (args, { env, folder: app }) => {
      destroyed.push({ args, env, app });
      destroy();
      return '';
    },
  };
  const options = { organization, hostname, agentVersion: '1.33.0', region: undefined, profile: undefined, ...given };
  return { left: await runClean(file, options, deps), file, folder };
}

const deleteStack = (): void => system.ecs.aws.cloudFormation.delete(STACK);

describe('cleaning up after a killed run', () => {
  it('destroys the stack in the region and with the profile of the command line', async () => {
    const { left, file, folder } = await clean({ region: 'eu-north-1', profile: PROFILE }, deleteStack);
    const env = { AWS_REGION: 'eu-north-1', AWS_PROFILE: PROFILE };
    expect(destroyed).toEqual([{ args: ['destroy', '--force'], env, app: join(folder, 'cdk') }]);
    expect(left).toEqual([]);
    expect(existsSync(file)).toBe(false);
  });

  it('leaves region and profile to the environment if the command line has neither', async () => {
    await clean({}, deleteStack);
    expect(destroyed).toEqual([expect.objectContaining({ env: {} })]);
  });

  it('destroys the stack in the region of the killed run', async () => {
    const place = { account: ACCOUNT, region: 'eu-west-2' };
    await clean({ region: 'eu-north-1' }, deleteStack, place);
    expect(destroyed).toEqual([expect.objectContaining({ env: { AWS_REGION: 'eu-west-2' } })]);
  });

  it('refuses the credentials of another account', async () => {
    const place = { account: '210987654321', region: 'eu-west-2' };
    await expect(clean({}, deleteStack, place)).rejects.toThrow(
      `in the AWS account 210987654321, but the credentials are those of ${ACCOUNT}`,
    );
    expect(destroyed).toEqual([]);
  });

  it('keeps the stack in the list if it still exists after cdk destroy', async () => {
    const { left, file } = await clean({}, () => undefined);
    expect(left).toEqual([
      `stack ${STACK} (the stack ${STACK} still exists after cdk destroy). Remove it with: delete the stack`,
    ]);
    expect(existsSync(file)).toBe(true);
  });

  it('runs no CDK if the stack is gone', async () => {
    deleteStack();
    expect((await clean({}, () => undefined)).left).toEqual([]);
    expect(destroyed).toEqual([]);
  });
});
