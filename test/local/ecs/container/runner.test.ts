import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ContainerEngine } from '../../../../local/ecs/container/engine.ts';
import { ContainerRunner } from '../../../../local/ecs/container-runner.ts';
import type { PullResult } from '../../../../local/ecs/core/runner.ts';
import { newFolder } from '../../../temporary-folder.ts';

const directory = newFolder('runner-test');

/** The result of a pull with an engine that has no images and runs this script for `image inspect`. */
async function pulled(script: string): Promise<PullResult> {
  const command = join(directory, 'engine');
  writeFileSync(
    command,
    `#!/bin/sh\n[ "$1" != pull ] || { echo 'no route' >&2; exit 1; }\n[ "$1" = image ] || exit 0\n${script}\n`,
    {
      mode: 0o755,
    },
  );
  const runner = await ContainerRunner.open(
    { engine: new ContainerEngine(command, 'podman', '4.3.1'), hostFiles: [] },
    { region: 'eu-central-1', metadataUrl: () => 'http://127.0.0.1:1/v4', output: () => undefined },
  );
  try {
    return await new Promise((resolve) => runner.pull('some/image:1', resolve));
  } finally {
    await runner.close(0);
  }
}

const DIGEST = `sha256:${'a'.repeat(64)}`;

it.each([
  ['Docker', [{ Id: DIGEST, RepoDigests: [], Config: { Volumes: null } }]],
  ['Podman', [{ Id: 'a'.repeat(64), Config: {} }]],
  [
    'an engine that pulled it from a registry',
    [{ Id: 'sha256:b', RepoDigests: [`some/image@${DIGEST}`], Config: { Volumes: { '/tmp': {} } } }],
  ],
])('the digest of an image is read from the response of %s', async (_, answer) => {
  expect(await pulled(`echo '${JSON.stringify(answer)}'`)).toEqual({ digest: DIGEST });
});

it.each([
  ['doesn’t exist', 'exit 1', /^CannotPullContainerError: .*docker\.io\/some\/image:1: not found \(no route\)$/],
  ['has a description with another schema', 'echo 7', /^CannotPullContainerError: .*invalid_type/],
  ['has a description that isn’t JSON', 'echo nonsense', /^CannotPullContainerError: .*not valid JSON/],
])('an image that %s makes its task fail', async (_, script, failure) => {
  expect(await pulled(script)).toEqual({ failure: expect.stringMatching(failure) });
});
