import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Stack } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { healthScript } from '../../../lib/gateway/health.ts';
import { packetRules } from '../../../lib/gateway/nftables.ts';
import { filterConfig, nameLine } from '../../../lib/gateway/nginx.ts';
import { gatewayOwnNames } from '../../../lib/gateway/own-names.ts';
import { type GatewayUserDataOptions, gatewayUserData } from '../../../lib/gateway/user-data.ts';
import { whyMissing } from '../../processes.ts';
import { describeUnless } from '../../unless.ts';

const OPTIONS: GatewayUserDataOptions = {
  names: ['app.terraform.io', '*.modules.example.com'],
  host: 'app.terraform.io',
  port: 443,
  taskRanges: ['10.90.0.0/21'],
  vpcRange: '10.90.0.0/20',
  logGroup: '/agents/gateway',
  service: 'agents',
  region: 'eu-central-1',
  unusedMinutes: 60,
  sessionManager: false,
};

/** The list of names that the script writes. */
function namesIn(script: string): string {
  const [, compressed = ''] = /base64 -d <<'END_OF_FILE' \| gunzip >\S+\n([^_]*)END_OF_FILE/.exec(script) ?? [];
  const [, open = ''] = /cat >>\S+ <<'END_OF_FILE'\n([^_]*?)END_OF_FILE/.exec(script) ?? [];
  return gunzipSync(Buffer.from(compressed, 'base64')).toString() + open;
}

describe('the user data of a gateway', () => {
  it('writes the names, also those that are known only at deployment', () => {
    const { region } = new Stack();
    const script = gatewayUserData({ ...OPTIONS, names: [...OPTIONS.names, `ecs.${region}.amazonaws.com`] });
    expect(namesIn(script)).toBe(
      [
        'app.terraform.io app.terraform.io;',
        '*.modules.example.com $server_name_read;',
        `ecs.${region}.amazonaws.com ecs.${region}.amazonaws.com;`,
        '',
      ].join('\n'),
    );
  });

  it('takes hundreds of names, and says what to do if there are too many', () => {
    const names = (count: number) =>
      Array.from({ length: count }, (_, index) => `service-${index}.example${index % 97}.com`);
    expect(gatewayUserData({ ...OPTIONS, names: names(500) }).length).toBeLessThan(16_384);
    expect(() => gatewayUserData({ ...OPTIONS, names: names(3_000) })).toThrow(/3000 domains are allowed.*allow fewer/);
  });

  it('turns off SSH, and Session Manager unless it is wanted', () => {
    const off = (sessionManager: boolean) =>
      /systemctl disable --now (.*) \|\|/.exec(gatewayUserData({ ...OPTIONS, sessionManager }))?.[1];
    expect([off(false), off(true)]).toEqual(['sshd amazon-ssm-agent', 'sshd']);
  });

  it('contains no token and no key', () => {
    expect(gatewayUserData(OPTIONS)).not.toMatch(/AKIA|ASIA|atlasv1|BEGIN [A-Z ]*PRIVATE/);
  });

  it('is the same for the same options, so that a deployment without a change replaces no gateway', () => {
    expect(gatewayUserData(OPTIONS)).toBe(gatewayUserData({ ...OPTIONS }));
  });

  it('needs these names, which tasks can resolve but not reach', () => {
    const place = { region: 'eu-central-1', urlSuffix: 'amazonaws.com' };
    expect(gatewayOwnNames(place, false)).toEqual([
      'al2023-repos-eu-central-1-de612dc2.s3.dualstack.eu-central-1.amazonaws.com',
      'ec2.eu-central-1.amazonaws.com',
      'logs.eu-central-1.amazonaws.com',
    ]);
    expect(gatewayOwnNames(place, true)).toContain('ssmmessages.eu-central-1.amazonaws.com');
  });
});

describe('the filter', () => {
  it('forwards a wildcard’s names as they are, and every other name as listed', () => {
    expect(['*.example.com', 'example.com'].map(nameLine)).toEqual([
      '*.example.com $server_name_read;',
      'example.com example.com;',
    ]);
  });

  it('listens on the host’s own port for this host only', () => {
    const options = { host: 'tfe.example.com', port: 8443, service: 'agents' };
    expect(filterConfig(options)).toContain('"8443:tfe.example.com" tfe.example.com:8443;');
    expect(filterConfig(options)).toMatch(/listen 443 .*\n {4}listen 8443 /);
    expect(filterConfig({ ...options, port: 443 })).not.toMatch(/8443/);
    expect(packetRules({ ...OPTIONS, port: 8443 })).toContain('tcp dport { 443, 8443 } redirect');
  });

  it('never connects to the VPC, also if its range isn’t private', () => {
    expect(packetRules({ ...OPTIONS, vpcRange: '198.51.100.0/22' })).toMatch(
      /elements = \{.*10\.0\.0\.0\/8.*198\.51\.100\.0\/22 \}/,
    );
  });
});

describeUnless(whyMissing('shellcheck'), 'the scripts', () => {
  it.each([
    ['of the user data', gatewayUserData(OPTIONS)],
    ['of the health checks', healthScript(OPTIONS)],
  ])('%s have no finding', (_, script) => {
    const { stdout, status } = spawnSync('shellcheck', ['-s', 'bash', '-'], { input: script, encoding: 'utf8' });
    expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
  });
});

describe('the health check of a gateway', () => {
  /** Runs `check` several times with another state folder per start. @returns the tags that it changed, for each run */
  function checks(runs: readonly { readonly start: number; readonly used: string }[]): string[][] {
    const folder = mkdtempSync(join(tmpdir(), 'agent-launcher-health-'));
    try {
      const program = (name: string, text: string): void =>
        writeFileSync(join(folder, name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
      program('aws', `echo "$2 $(sed 's/.*--tags //; s/.*Key=//; s/Key=//' <<<"$*")" >>${folder}/tags`);
      program('curl', 'echo i-1');
      program('ss', 'echo listening');
      program('logrotate', '');
      return runs.map(({ start, used }) => {
        program('df', `echo ' ${used}'`);
        const state = join(folder, String(start));
        mkdirSync(state, { recursive: true });
        rmSync(join(folder, 'tags'), { force: true });
        const script = healthScript(OPTIONS).replace('state=/run/agent-launcher-gateway', `state=${state}`);
        const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` };
        const { status, stderr } = spawnSync('bash', ['-c', script, 'health', 'check'], { env, encoding: 'utf8' });
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
        const tags = join(folder, 'tags');
        return existsSync(tags) ? readFileSync(tags, 'utf8').trim().split('\n') : [];
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  it('removes the problem of the last run after each start, and then reports only changes', () => {
    expect(
      checks([
        { start: 1, used: '10%' },
        { start: 1, used: '10%' },
        { start: 1, used: '99%' },
        { start: 1, used: '99%' },
        { start: 2, used: '10%' },
        { start: 3, used: '99%' },
      ]),
    ).toEqual([
      ['delete-tags agent-launcher:problem'],
      [],
      ['create-tags agent-launcher:problem,Value=disk-full'],
      [],
      ['delete-tags agent-launcher:problem'],
      ['create-tags agent-launcher:problem,Value=disk-full'],
    ]);
  });
});
