import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { overrideBackend, pack, rootModule, unpack, variablesText } from '../../../local/tfc-agent/configuration.ts';
import { NO_COUNTS } from '../../../local/tfc-agent/engine.ts';
import { parseEnvFile } from '../../../local/tfc-agent/hooks.ts';
import { createLog } from '../../../local/tfc-agent/log.ts';
import { createLogStream } from '../../../local/tfc-agent/log-stream.ts';
import { appliedCounts, planArguments, plannedCounts } from '../../../local/tfc-agent/terraform.ts';
import { newFolder } from '../../temporary-folder.ts';
import { planJob } from './agent-server.ts';

let directory: string;
beforeEach(() => {
  directory = newFolder('agent-pieces');
});

describe('the log', () => {
  const now = () => new Date('2026-01-02T03:04:05.678Z');
  const written = (json: boolean, level: 'debug' | 'info' = 'info') => {
    const lines: string[] = [];
    const log = createLog({ level, json }, (line) => void lines.push(line), now);
    log.identify({ agent_id: 'agent-1' });
    log.write('debug', 'core', 'Polled');
    log.write('warn', 'agent', 'Two words', { 'a.b': 'x y', n: 1 });
    return lines;
  };

  test('is text in the real agent’s format by default', () => {
    expect(written(false)).toEqual(['2026-01-02T03:04:05.678Z [WARN]  agent: Two words: a.b="x y" n=1']);
    expect(written(false, 'debug')[0]).toBe('2026-01-02T03:04:05.678Z [DEBUG] core: Polled');
  });

  test('can be JSON with the agent’s identity, and without dots in its keys', () => {
    const [line = '', ...others] = written(true);
    expect(others).toEqual([]);
    expect(JSON.parse(line)).toEqual({
      '@level': 'warn',
      '@message': 'Two words',
      '@module': 'agent',
      '@timestamp': '2026-01-02T03:04:05.678Z',
      agent_id: 'agent-1',
      a_b: 'x y',
      n: 1,
    });
  });
});

describe('a log stream', () => {
  test('sends one chunk at a time in order, and never splits a character', async () => {
    const sent: string[] = [];
    let open = 0;
    const send = async (text: string) => {
      open += 1;
      expect(open).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      sent.push(text);
      open -= 1;
    };
    const stream = createLogStream(send, (error) => expect.fail(String(error)), 0);
    const umlaut = Buffer.from('ä');
    stream.write('one ');
    stream.write(umlaut.subarray(0, 1));
    await new Promise((resolve) => setTimeout(resolve, 5));
    stream.write(umlaut.subarray(1));
    stream.write(' two');
    await stream.end();
    expect(sent.join('')).toBe('one ä two');
  });

  test('drops the remaining text after a failure, and reports the failure once', async () => {
    const failures: unknown[] = [];
    const failed = (error: unknown) => failures.push(error);
    const stream = createLogStream(() => Promise.reject(new Error('gone')), failed, 0);
    stream.write('one');
    await stream.end();
    stream.write('two');
    await stream.end();
    expect(failures).toEqual([new Error('gone')]);
  });
});

describe('the files of a job', () => {
  test('are packed for the apply without the state and the providers', async () => {
    const root = join(directory, 'config');
    for (const folder of ['.terraform/providers', '.terraform/modules', 'providers', '.tfc-agent-state/ws']) {
      mkdirSync(join(root, folder), { recursive: true });
      writeFileSync(join(root, folder, 'file'), 'x');
    }
    const [archive, out] = [join(directory, 'a.tar.gz'), join(directory, 'out')];
    await pack(archive, directory, ['config']);
    await unpack(archive, out);
    expect(readdirSync(join(out, 'config')).sort()).toEqual(['.terraform', 'providers']);
    expect(readdirSync(join(out, 'config', '.terraform'))).toEqual(['modules']);
    expect(existsSync(join(out, 'config', 'providers', 'file'))).toBe(true);
  });

  test('can’t have a root module outside the configuration', async () => {
    const configuration = join(directory, 'config');
    const network = join(configuration, 'stacks', 'network');
    mkdirSync(network, { recursive: true });
    expect(await rootModule(configuration, 'stacks/network')).toBe(network);
    await expect(rootModule(configuration, '../config/../..')).rejects.toThrow('is not in the configuration');
    await expect(rootModule(configuration, 'absent')).rejects.toThrow('"absent"');
  });

  test('contain a local backend, but no state file from the configuration', async () => {
    writeFileSync(join(directory, 'terraform.tfstate'), '{}');
    await overrideBackend(directory);
    expect(readdirSync(directory)).toEqual(['zzz_backend_override.tf']);
    expect(readFileSync(join(directory, 'zzz_backend_override.tf'), 'utf8')).toContain('backend "local"');
  });

  test('contain the Terraform variables: values as strings, and HCL unchanged', () => {
    const variable = { category: 'terraform', hcl: false } as const;
    const text = variablesText([
      { ...variable, key: 'plain', value: `a "b" \${c} %{d}\n\\\f` },
      { ...variable, key: 'list', value: '["a"]', hcl: true },
      { ...variable, key: 'SHELL', value: 'x', category: 'env' },
    ]);
    expect(text).toBe('plain = "a \\"b\\" $${c} %%{d}\\n\\\\\\u000c"\nlist = ["a"]\n');
  });
});

describe('Terraform', () => {
  const counts = (...numbers: [additions: number, changes: number, destructions: number, imports: number]) =>
    Object.fromEntries(Object.keys(NO_COUNTS).map((name, index) => [name, numbers[index]]));

  test('is called with the run’s options', () => {
    const addresses = { targets: ['a.b'], replace: ['c.d', 'e.f'] };
    const job = planJob({ isDestroy: true, refreshOnly: true, refresh: false, ...addresses });
    expect(planArguments({ job, planFile: '/p', variablesFile: '/v' }).join(' ')).toBe(
      'plan -input=false -detailed-exitcode -out=/p -var-file=/v -destroy -refresh-only -refresh=false ' +
        '-target=a.b -replace=c.d -replace=e.f',
    );
  });

  test('has its plan’s changes counted from JSON, and a replacement counts twice', () => {
    const change = (...actions: string[]) => ({ change: { actions } });
    const resource_changes = [
      change('create'),
      change('delete', 'create'),
      change('update'),
      change('no-op'),
      change('read'),
      { change: { actions: ['no-op'], importing: { id: 'x' } } },
    ];
    expect(plannedCounts(JSON.stringify({ resource_changes }))).toEqual(counts(2, 1, 1, 1));
    expect(plannedCounts('{}')).toMatchObject({ resourceAdditions: 0 });
  });

  test('has its apply’s changes counted from the last line, or after a failure from the finished resources', () => {
    const whole = '\u001b[32m\nApply complete! Resources: 3 imported, 12 added, 1 changed, 4 destroyed.\n\u001b[0m';
    expect(appliedCounts(whole)).toEqual(counts(12, 1, 4, 3));
    const failed = [
      '\u001b[1mterraform_data.a: Creation complete after 0s [id=1]',
      'terraform_data.b: Destruction complete after 0s',
      'terraform_data.c: Modifications complete after 1s [id=2]',
      'Error: no',
    ].join('\n');
    expect(appliedCounts(failed)).toEqual(counts(1, 1, 1, 0));
  });
});

test('a hook sets variables with lines that have a name and a value', () => {
  expect(parseEnvFile('A=1\nB=x=y \r\n\n# no\n1C=2\nD=')).toEqual({ A: '1', B: 'x=y ', D: '' });
});
