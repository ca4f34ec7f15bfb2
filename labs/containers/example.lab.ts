import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AgentContainers, ENGINE, engineOk, IMAGE_FOLDER } from './container-engine.ts';

const base = process.env['BASE_IMAGE'];
const missing = ENGINE === undefined || base === undefined;
const terraform = spawnSync('sh', ['-c', 'command -v terraform'], { encoding: 'utf8' }).stdout.trim();
const PROVIDER = 'registry.terraform.io/acme/example/1.2.3/linux_amd64/terraform-provider-example_v1.2.3';

/** As the agent does it: the job's directory is its home, with a CLI configuration that has the job's credentials. */
const AS_A_JOB = `
  run=$TFC_AGENT_DATA_DIR/component/terraform/runs/run-1
  mkdir -p "$run/config"; cd "$run/config"
  export HOME="$run" TFC_AGENT_ENV="$run/env" CHECKPOINT_DISABLE=1; : >"$TFC_AGENT_ENV"
  printf 'credentials "app.terraform.io" {\\n  token = "of-the-job"\\n}\\n' >"$HOME/.terraformrc"
  printf 'terraform {\\n required_providers {\\n  example = { source = "acme/example", version = "1.2.3" }\\n }\\n}\\n' >main.tf
  hook() { "$TFC_AGENT_DATA_DIR/hooks/terraform-$1"; }`;

describe.skipIf(missing)(
  `the example of an image with extras, in a container engine${missing ? ' (skipped: see labs/containers/with-docker.sh)' : ''}`,
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'container-example-'));
    const ownBase = 'agent-example-base:test';
    const containers = new AgentContainers();

    beforeAll(async () => {
      cpSync(join(IMAGE_FOLDER, 'example'), directory, { recursive: true });
      mkdirSync(join(directory, 'mirror', PROVIDER, '..'), { recursive: true });
      writeFileSync(join(directory, 'mirror', PROVIDER), '#!/bin/sh\n', { mode: 0o755 });
      writeFileSync(join(directory, 'cache', 'terraform'), 'seeded');
      const { cert } = await generate([{ name: 'commonName', value: 'Acme CA' }]);
      writeFileSync(join(directory, 'ca', 'acme.crt'), cert);
      const args = ['--build-arg', `BASE_IMAGE=${base}`, '--build-arg', 'PACKAGES='];
      engineOk(['build', '--network', 'none', '--tag', ownBase, ...args, directory]);
      containers.build(ownBase);
    }, 180_000);
    afterAll(() => {
      containers.release();
      engineOk(['rmi', '--force', ownBase]);
      rmSync(directory, { recursive: true });
    });

    test('trusts the certificate authority', async ({ annotate }) => {
      const { stdout } = containers.run('cat /etc/ssl/certs/ca-certificates.crt');
      expect(stdout.replaceAll('\r', '')).toContain(
        readFileSync(join(directory, 'ca', 'acme.crt'), 'utf8')
          .replaceAll('\r', '')
          .trim(),
      );
      await annotate('it is in the system’s store');
    });

    test('hands proxy settings, and whatever else the task has, on to the agent', async ({ annotate }) => {
      const proxy = { HTTPS_PROXY: 'http://proxy.example:3128', NO_PROXY: '169.254.170.2,localhost' };
      expect(containers.run('echo "$HTTPS_PROXY $NO_PROXY"', proxy).stdout).toBe(
        `${proxy.HTTPS_PROXY} ${proxy.NO_PROXY}\n`,
      );
      await annotate('HTTPS_PROXY and NO_PROXY as given');
    });

    test('has every hook, executable by the agent; they add to the job’s CLI configuration once, and print', async ({
      annotate,
    }) => {
      const { code, stdout } = containers.run(
        `${AS_A_JOB}
         for kind in pre-plan post-plan pre-apply post-apply; do hook "$kind" || exit 1; done
         echo "of the job: $(grep -c of-the-job "$HOME/.terraformrc"), mirrors: $(grep -c filesystem_mirror "$HOME/.terraformrc")"
         cat "$TFC_AGENT_ENV"`,
      );
      expect(code).toBe(0);
      expect(stdout).toMatch(/disk used by the job: \S+\n/);
      expect(stdout).toContain('of the job: 1, mirrors: 1\nTF_REGISTRY_CLIENT_TIMEOUT=20\n');
      await annotate('four hooks ran; the job’s .terraformrc kept its credentials and got the mirror once');
    });

    test.skipIf(terraform === '')(
      `lets the real terraform init without any network, from the mirror${terraform === '' ? ' (skipped: no terraform)' : ''}`,
      async ({ annotate }) => {
        const mount = ['--volume', `${terraform}:/usr/local/bin/terraform:ro`];
        const init = 'terraform init -no-color >log 2>&1; code=$?; cat log; exit $code';
        const { code, stdout } = containers.run(`${AS_A_JOB}\nhook pre-plan; ${init}`, {}, mount);
        expect(stdout).toContain('Installed acme/example v1.2.3');
        expect(code).toBe(0);
        // The mirror did it: the same without the hook fails.
        expect(containers.run(`${AS_A_JOB}\n${init}`, {}, mount).code).toBe(1);
        await annotate('with the mirror exit code 0, without it 1');
      },
    );

    test('has the seeded cache in the writable volume, as the agent’s own', async ({ annotate }) => {
      const { stdout } = containers.run(
        'cd "$TFC_AGENT_DATA_DIR/cache" && cat terraform && echo && touch another && stat -c %U terraform another',
      );
      expect(stdout).toBe('seeded\ntfc-agent\ntfc-agent\n');
      await annotate('tfc-agent’s, and another file can be added to its folder');
    });
  },
);
