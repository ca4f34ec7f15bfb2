import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Stack } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { type HealthOptions, healthScript } from '../../../lib/gateway/health.ts';
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
    ['of the health checks with another port', healthScript({ ...OPTIONS, port: 8443 })],
  ])('%s have no finding', (_, script) => {
    const { stdout, status } = spawnSync('shellcheck', ['-s', 'bash', '-'], { input: script, encoding: 'utf8' });
    expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
  });
});

interface Check {
  /** Each start has its own state folder, because `/run` is empty after a start. */
  readonly start: number;
  readonly used?: string;
  /** Ports that nginx listens on at each look; the last one is repeated. */
  readonly listens?: readonly (readonly number[])[];
}

/** Runs the script in a folder with programs that replace those of the instance. */
class Machine implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'agent-launcher-health-'));

  constructor() {
    this.program('aws', `echo "$2 $(sed 's/.*--tags //; s/.*Key=//; s/Key=//' <<<"$*")" >>${this.at('tags')}`);
    this.program('curl', 'echo i-1');
    this.program('logrotate', '');
    this.program('sleep', `echo "$1" >>${this.at('pauses')}`);
    this.program('power', `echo "$*" >>${this.at('powered')}`);
  }

  at(name: string): string {
    return join(this.#folder, name);
  }

  program(name: string, text: string): void {
    writeFileSync(this.at(name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
  }

  run(command: string, state: string, options: Partial<HealthOptions> = {}): void {
    mkdirSync(this.at(state), { recursive: true });
    const script = healthScript({ ...OPTIONS, ...options })
      .replace('state=/run/agent-launcher-gateway', `state=${this.at(state)}`)
      // Not in PATH: a mistake in this test must not power off the machine that runs it.
      .replaceAll('systemctl poweroff', `${this.at('power')} off`);
    expect(script).not.toContain('systemctl');
    const env = { ...process.env, PATH: `${this.#folder}:${process.env['PATH']}` };
    const { status, stderr } = spawnSync('bash', ['-c', script, 'health', command], { env, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  }

  /** Returns the lines that the programs have written to a file, and removes it. */
  take(name: string): string[] {
    if (!existsSync(this.at(name))) return [];
    const lines = readFileSync(this.at(name), 'utf8').trim().split('\n');
    rmSync(this.at(name));
    return lines;
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

describe('the health check of a gateway', () => {
  /** Runs `check` several times. @returns the tags that each run changed, and how long it waited, in seconds */
  function checks(runs: readonly Check[], options: Partial<HealthOptions> = {}) {
    using machine = new Machine();
    return runs.map(({ start, used = '10%', listens = [[443]] }) => {
      machine.program('df', `echo ' ${used}'`);
      const looks = listens.map((ports) => ports.map((port) => `[ "$2" = "sport = :${port}" ] && echo listening`));
      // One look asks for each port, until one is closed.
      machine.program(
        'ss',
        `look=$(cat ${machine.at('pauses')} 2>/dev/null | wc -l)
case $look in
${looks.map((lines, index) => `${index === looks.length - 1 ? '*' : index}) ${lines.join('; ')} ;;`).join('\n')}
esac
true`,
      );
      machine.run('check', String(start), options);
      const pauses = machine.take('pauses').map(Number);
      return { tags: machine.take('tags'), waited: pauses.reduce((sum, seconds) => sum + seconds, 0) };
    });
  }

  it('removes the problem of the last run after each start, and then reports only changes', () => {
    expect(
      checks([
        { start: 1 },
        { start: 1 },
        { start: 1, used: '99%' },
        { start: 1, used: '99%' },
        { start: 2 },
        { start: 3, used: '99%' },
      ]).map(({ tags }) => tags),
    ).toEqual([
      ['delete-tags agent-launcher:problem'],
      [],
      ['create-tags agent-launcher:problem,Value=disk-full'],
      [],
      ['delete-tags agent-launcher:problem'],
      ['create-tags agent-launcher:problem,Value=disk-full'],
    ]);
  });

  it('reports a dead filter only if it is closed three times within ten seconds', () => {
    expect(
      checks([
        { start: 1 },
        { start: 1, listens: [[], [443]] },
        { start: 1, listens: [[], [], [443]] },
        { start: 1, listens: [[]] },
        { start: 1 },
      ]).slice(1),
    ).toEqual([
      { tags: [], waited: 5 },
      { tags: [], waited: 10 },
      { tags: ['create-tags agent-launcher:problem,Value=engine-dead'], waited: 10 },
      { tags: ['delete-tags agent-launcher:problem'], waited: 0 },
    ]);
  });

  it('reports a dead filter if the host’s own port is closed', () => {
    const dead = ['create-tags agent-launcher:problem,Value=engine-dead'];
    const of = (...ports: number[]) => checks([{ start: 1, listens: [ports] }], { port: 8443 })[0]?.tags;
    expect([of(443), of(8443), of(443, 8443)]).toEqual([dead, dead, ['delete-tags agent-launcher:problem']]);
  });
});

describeUnless(whyMissing('ss'), 'a gateway that the launcher forgets', () => {
  it('powers itself off, unless somebody uses one of its ports', async () => {
    using machine = new Machine();
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const poweredOff = (): boolean => {
      mkdirSync(machine.at('state'), { recursive: true });
      writeFileSync(machine.at('state/used'), '');
      const longAgo = Date.now() / 1000 - (OPTIONS.unusedMinutes + 1) * 60;
      utimesSync(machine.at('state/used'), longAgo, longAgo);
      machine.run('unused', 'state', { port });
      return machine.take('powered').includes('off');
    };
    expect(poweredOff()).toBe(true);
    // Not 127.0.0.1, because the connections of the gateway's own check don't count.
    const agent = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
    await once(agent, 'connect');
    expect(poweredOff()).toBe(false);
    agent.destroy();
    server.close();
  });
});
