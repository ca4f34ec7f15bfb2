/** Tests the example of an image with extras. Each extra must work in a job with the directory and CLI configuration that the agent creates. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { newFolder } from '../../test/temporary-folder.ts';
import { describeUnless } from '../../test/unless.ts';
import { AgentContainers, BASE, buildArgs, check, engineOk, IMAGE_FOLDER, NO_BASE } from './container-engine.ts';

const terraform = spawnSync('sh', ['-c', 'command -v terraform'], { encoding: 'utf8' }).stdout.trim();
const PROVIDER = 'registry.terraform.io/acme/example/1.2.3/linux_amd64/terraform-provider-example_v1.2.3';

/** Runs a job like the agent: the job's directory is its home, and contains a CLI configuration with the job's credentials. */
const AS_A_JOB = `
  run=$TFC_AGENT_DATA_DIR/component/terraform/runs/run-1
  mkdir -p "$run/config"; cd "$run/config"
  export HOME="$run" TFC_AGENT_ENV="$run/env" CHECKPOINT_DISABLE=1; : >"$TFC_AGENT_ENV"
  printf 'credentials "app.terraform.io" {\\n  token = "of-the-job"\\n}\\n' >"$HOME/.terraformrc"
  printf 'terraform {\\n required_providers {\\n  example = { source = "acme/example", version = "1.2.3" }\\n }\\n}\\n' >main.tf
  hook() { "$TFC_AGENT_DATA_DIR/hooks/terraform-$1"; }`;

describeUnless(NO_BASE, 'the example of an image with extras, in a container engine', () => {
  const directory = newFolder('container-example');
  const ownBase = 'agent-example-base:test';
  const containers = new AgentContainers();

  beforeAll(async () => {
    cpSync(join(IMAGE_FOLDER, 'example'), directory, { recursive: true });
    mkdirSync(join(directory, 'mirror', PROVIDER, '..'), { recursive: true });
    writeFileSync(join(directory, 'mirror', PROVIDER), '#!/bin/sh\n', { mode: 0o755 });
    writeFileSync(join(directory, 'cache', 'terraform'), 'seeded');
    const { cert } = await generate([{ name: 'commonName', value: 'Acme CA' }]);
    writeFileSync(join(directory, 'ca', 'acme.crt'), cert);
    const args = buildArgs({ BASE_IMAGE: `${BASE}`, PACKAGES: '' });
    engineOk(['build', '--network', 'none', '--tag', ownBase, ...args, directory]);
    containers.build(ownBase);
  }, 180_000);
  afterAll(() => {
    containers.release();
    engineOk(['rmi', '--force', ownBase]);
  });

  check('the example image trusts the certificate authority', () => {
    const { stdout } = containers.run('cat /etc/ssl/certs/ca-certificates.crt');
    const certificate = readFileSync(join(directory, 'ca', 'acme.crt'), 'utf8');
    expect(stdout.replaceAll('\r', '')).toContain(certificate.replaceAll('\r', '').trim());
    return 'it is in the system’s store';
  });

  check('the example image passes proxy settings and the task’s other variables to the agent', () => {
    const proxy = { HTTPS_PROXY: 'http://proxy.example:3128', NO_PROXY: '169.254.170.2,localhost' };
    const { stdout } = containers.run('echo "$HTTPS_PROXY $NO_PROXY"', proxy);
    expect(stdout).toBe(`${proxy.HTTPS_PROXY} ${proxy.NO_PROXY}\n`);
    return 'HTTPS_PROXY and NO_PROXY, unchanged';
  });

  check(
    'every hook runs; together, they extend the job’s CLI configuration only once, and print the job’s disk usage',
    () => {
      const { code, stdout } = containers.run(
        `${AS_A_JOB}
       for kind in pre-plan post-plan pre-apply post-apply; do hook "$kind" || exit 1; done
       echo "of the job: $(grep -c of-the-job "$HOME/.terraformrc"), mirrors: $(grep -c filesystem_mirror "$HOME/.terraformrc")"
       cat "$TFC_AGENT_ENV"`,
      );
      expect(code).toBe(0);
      expect(stdout).toMatch(/disk used by the job: \S+\n/);
      expect(stdout).toContain('of the job: 1, mirrors: 1\nTF_REGISTRY_CLIENT_TIMEOUT=20\n');
      return 'four hooks ran; the job’s .terraformrc kept its credentials and got the mirror once';
    },
  );

  const noTerraform = terraform === '' ? ' (skipped: needs terraform)' : '';
  describe.skipIf(terraform === '')(`with the real terraform${noTerraform}`, () => {
    check('terraform init works from the mirror, without a network', () => {
      const mount = ['--volume', `${terraform}:/usr/local/bin/terraform:ro`];
      const init = 'terraform init -no-color >log 2>&1; code=$?; cat log; exit $code';
      const { code, stdout } = containers.run(`${AS_A_JOB}\nhook pre-plan; ${init}`, {}, mount);
      expect(stdout).toContain('Installed acme/example v1.2.3');
      expect(code).toBe(0);
      // Without the hook, the same command fails. This proves that the mirror was used.
      expect(containers.run(`${AS_A_JOB}\n${init}`, {}, mount).code).toBe(1);
      return 'with the mirror exit code 0, without it 1';
    });
  });

  check('the seeded cache is in the writable volume and belongs to the agent', () => {
    const { stdout } = containers.run(
      'cd "$TFC_AGENT_DATA_DIR/cache" && cat terraform && echo && touch another && stat -c %U terraform another',
    );
    expect(stdout).toBe('seeded\ntfc-agent\ntfc-agent\n');
    return 'owned by tfc-agent, and another file can be added to its folder';
  });
});
