import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { dockerNote } from '../../../lib/settings/docker-note.ts';
import { parseSettings } from '../../../lib/settings/parse.ts';
import { LEAST } from '../synthesis.ts';

const folder = mkdtempSync(join(tmpdir(), 'docker-note-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const podman = join(folder, 'podman');
writeFileSync(podman, '#!/bin/sh\n');
chmodSync(podman, 0o755);

const registry = 'hashicorp/tfc-agent:1.33.0';
const settings = (more: object = {}) => parseSettings({ agentLauncher: { ...LEAST, ...more } });

it('says that a deployment needs Docker, and what to do without it', () => {
  const note = dockerNote(settings(), { PATH: folder });
  expect(note).toContain('docker, which is not on your PATH');
  expect(note).toContain('see "Without Docker" in README.md');
  expect(dockerNote(settings(), {})).toBe(note);
});

it('is absent if the engine is there, by its name or its path', () => {
  expect(dockerNote(settings(), { PATH: `/nowhere:${folder}`, CDK_DOCKER: 'podman' })).toBeUndefined();
  expect(dockerNote(settings(), { PATH: '/nowhere', CDK_DOCKER: podman })).toBeUndefined();
  expect(dockerNote(settings(), { PATH: folder, CDK_DOCKER: 'finch' })).toContain('finch');
});

it('is absent if no image is built', () => {
  expect(dockerNote(settings({ agentImage: { registry } }), { PATH: folder })).toBeUndefined();
  expect(dockerNote(settings({ pools: [{ ...LEAST.pools[0], image: registry }] }), { PATH: folder })).toBeUndefined();
});
