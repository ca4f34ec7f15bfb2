import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { DEFAULT_AGENT_VERSION } from '../../lib/defaults.ts';
import { runSync, whyMissing } from '../processes.ts';
import { testUnless } from '../unless.ts';

const FOLDER = fileURLToPath(new URL('../../agent-image/', import.meta.url));
const read = (file: string) => readFileSync(join(FOLDER, file), 'utf8');
const dockerfiles = ['Dockerfile', 'Dockerfile.release'];

describe('the Dockerfiles', () => {
  test('are identical from the line "USER root" on', () => {
    const [one, other] = dockerfiles.map((file) => read(file).split('\nUSER root\n')[1]);
    expect(one).toContain('ENTRYPOINT');
    expect(other).toBe(one);
  });

  test.each(dockerfiles)(
    '%s has the default version, and no line with syntax=, which would download a build frontend',
    (file) => {
      expect(read(file)).toContain(`ARG TFC_AGENT_VERSION=${DEFAULT_AGENT_VERSION}\n`);
      expect(read(file)).not.toMatch(/^# *syntax=/im);
    },
  );

  test('have a build context that contains exactly the files that they copy', () => {
    const letIn = read('.dockerignore').match(/(?<=^!).*/gm) ?? [];
    const copied = dockerfiles.flatMap((file) => [...read(file).matchAll(/^COPY (?!--from)(.+) \S+$/gm)]);
    const names = copied.flatMap(([, sources = '']) => sources.split(' '));
    expect(new Set(letIn)).toEqual(new Set([...names, ...dockerfiles]));
  });

  test('pin the same key of HashiCorp as the script', () => {
    const fingerprint = 'C874011F0AB405110D02105534365D9472D7468F';
    expect(read('Dockerfile.release')).toContain(`KEY_FINGERPRINT=${fingerprint}\n`);
    expect(read('fetch-release.sh')).toContain(`KEY_FINGERPRINT:-${fingerprint}}`);
  });

  testUnless(whyMissing('shellcheck'), 'and the labs run only scripts that pass shellcheck', () => {
    const scripts = globSync(['*.sh', 'example/hooks/*', '../labs/*/*.sh'], { cwd: FOLDER });
    const options = ['--shell=sh', '--enable=all', '--exclude=SC2249,SC2250,SC2312'];
    expect(runSync('shellcheck', [...options, ...scripts], { cwd: FOLDER })).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
  });
});
