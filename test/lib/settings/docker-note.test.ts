import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { dockerNote } from '../../../lib/settings/docker-note.ts';
import { parseSettings } from '../../../lib/settings/parse.ts';
import { newFolder } from '../../temporary-folder.ts';
import { LEAST, onePool, REGISTRY_IMAGE } from '../synthesis.ts';

const folder = newFolder('docker-note');
const podman = join(folder, 'podman');
writeFileSync(podman, '#!/bin/sh\n', { mode: 0o755 });

const settings = (more: object = {}) => parseSettings({ agentLauncher: { ...LEAST, ...more } });

it('the note says that a deployment needs Docker, and what to do without it', () => {
  const note = dockerNote(settings(), { PATH: folder });
  expect(note).toContain('docker, which is not on your PATH');
  expect(note).toContain('see "Without Docker" in README.md');
  expect(dockerNote(settings(), {})).toBe(note);
});

it('there is no note if the engine exists, by its name or its path', () => {
  expect(dockerNote(settings(), { PATH: `/nowhere:${folder}`, CDK_DOCKER: 'podman' })).toBeUndefined();
  expect(dockerNote(settings(), { PATH: '/nowhere', CDK_DOCKER: podman })).toBeUndefined();
  expect(dockerNote(settings(), { PATH: folder, CDK_DOCKER: 'finch' })).toContain('finch');
});

it('there is no note if no image is built', () => {
  expect(dockerNote(settings(REGISTRY_IMAGE), { PATH: folder })).toBeUndefined();
  expect(dockerNote(settings(onePool({ image: 'hashicorp/tfc-agent:1.33.0' })), { PATH: folder })).toBeUndefined();
});
