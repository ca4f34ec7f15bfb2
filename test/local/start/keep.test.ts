import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newKeyPair } from '../../../local/hcp-terraform/certificate.ts';
import { type HcpTerraformServer, startHcpTerraform } from '../../../local/hcp-terraform/server.ts';
import { writeClientFiles } from '../../../local/start/client-files.ts';
import { instructions } from '../../../local/start/keep.ts';
import { SETTINGS_HOSTNAME } from '../../../local/start/settings-hostname.ts';
import { openStateFolder } from '../../../local/start/state-folder.ts';
import { newFolder } from '../../temporary-folder.ts';

let directory: string;
let server: HcpTerraformServer | undefined;
beforeEach(() => {
  directory = newFolder('keep');
});
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const modeOf = (file: string) => statSync(file).mode & 0o777;
const DAY_MS = 86_400_000;

/** Starts once, like `npm start -- --keep --state`. */
async function start(folder: string) {
  const state = await openStateFolder(folder, Date.now());
  server = await startHcpTerraform(state.identity);
  await state.save(server.port, server.world.seeds);
  const { url, caFile, certPem, apiToken, launcherApiToken, agentPool } = server;
  await server.close();
  server = undefined;
  return { url, caFile, certPem, apiToken, launcherApiToken, agentPool };
}

test('the state folder keeps port, certificate and tokens from one start to the next', async () => {
  const folder = join(directory, 'state');
  const first = await start(folder);
  expect(await start(folder)).toEqual(first);
  expect(modeOf(folder)).toBe(0o700);
  expect(modeOf(join(folder, 'state.json'))).toBe(0o600);
  expect(readFileSync(join(folder, 'ca.pem'), 'utf8')).toBe(first.certPem);
});

test('the state folder creates a new certificate if the old one is about to expire', async () => {
  const first = await start(directory);
  const later = await openStateFolder(directory, Date.now() + 391 * DAY_MS);
  expect(later.identity.certificate.cert).not.toBe(first.certPem);
  expect(later.identity.port).toBe(Number(new URL(first.url).port));
});

test('the state folder creates a new certificate if the old one lacks the hostname for the settings', async () => {
  const first = await start(directory);
  const file = join(directory, 'state.json');
  const { key, cert } = await newKeyPair(397);
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), key, cert }));
  const later = await openStateFolder(directory, Date.now());
  expect([cert, first.certPem]).not.toContain(later.identity.certificate.cert);
  expect(new X509Certificate(later.identity.certificate.cert).checkHost(SETTINGS_HOSTNAME)).toBe(SETTINGS_HOSTNAME);
});

test.each(['file', 'file/below'])('the state folder is rejected if its path is %s', async (path) => {
  writeFileSync(join(directory, 'file'), '');
  await expect(openStateFolder(join(directory, path), Date.now())).rejects.toThrow(
    `${join(directory, path)} can't be the state folder: it is a file, or a part of it is.`,
  );
});

test('the state folder is rejected if other users can open it', async () => {
  chmodSync(directory, 0o755);
  await expect(openStateFolder(directory, Date.now())).rejects.toThrow(`chmod 700 ${directory}`);
});

test.each(['', '{}', '{"version":2}', 'half a fil'])(
  'the state folder explains what to do about a state.json with the content %j',
  async (text) => {
    writeFileSync(join(directory, 'state.json'), text);
    await expect(openStateFolder(directory, Date.now())).rejects.toThrow('Remove it, or choose another folder.');
  },
);

test('env.sh is readable by this user only, works in a folder with a quote in its name, and is removed at the end', async () => {
  server = await startHcpTerraform();
  const folder = join(directory, "it's here");
  mkdirSync(folder);
  const files = await writeClientFiles(server, folder);
  expect(modeOf(files.environment)).toBe(0o600);
  expect(modeOf(join(folder, 'terraform.rc'))).toBe(0o600);
  const script =
    '. "$1" && printf "%s\\n" "$TF_CLI_CONFIG_FILE" "$TF_CLOUD_HOSTNAME" "$TF_CLOUD_ORGANIZATION" "$SSL_CERT_FILE"';
  const printed = execFileSync('/bin/sh', ['-c', script, 'sh', files.environment], { encoding: 'utf8' });
  expect(printed.split('\n')).toEqual([join(folder, 'terraform.rc'), server.hostname, 'acme', server.caFile, '']);

  const temporary = await writeClientFiles(server);
  expect(modeOf(join(temporary.environment, '..'))).toBe(0o700);
  await temporary.remove();
  expect(existsSync(temporary.environment)).toBe(false);
});

test('aws.sh exports the variables of the command line, and only this user can read it', async () => {
  server = await startHcpTerraform();
  const { commandLine } = await writeClientFiles(server, directory, { AWS_REGION: "it's here", TFE_TOKEN: 'x' });
  expect(modeOf(commandLine)).toBe(0o600);
  const script = '. "$1" && sh -c \'printf "%s\\n" "$AWS_REGION" "$TFE_TOKEN"\'';
  expect(execFileSync('/bin/sh', ['-c', script, 'sh', commandLine], { encoding: 'utf8' })).toBe("it's here\nx\n");
});

test('aws.sh hides the profile and the session of your account, which would replace the local keys', async () => {
  server = await startHcpTerraform();
  const { commandLine } = await writeClientFiles(server, directory, { AWS_ACCESS_KEY_ID: 'LOCAL' });
  const script = '. "$1"; env | grep ^AWS_ | sort';
  const env = {
    AWS_PROFILE: 'mine',
    AWS_DEFAULT_PROFILE: 'mine',
    AWS_SESSION_TOKEN: 'mine',
    PATH: process.env['PATH'],
  };
  expect(execFileSync('/bin/sh', ['-c', script, 'sh', commandLine], { encoding: 'utf8', env })).toBe(
    'AWS_ACCESS_KEY_ID=LOCAL\n',
  );
});

test('env.sh prints the commands for macOS on macOS', async () => {
  server = await startHcpTerraform();
  const { environment } = await writeClientFiles(server, directory);
  writeFileSync(join(directory, 'uname'), '#!/bin/sh\necho Darwin\n', { mode: 0o755 });
  const printed = execFileSync('/bin/sh', ['-c', '. "$1" 2>&1', 'sh', environment], {
    encoding: 'utf8',
    env: { PATH: `${directory}:${process.env['PATH']}`, HOME: '/Users/me' },
  });
  expect(printed).toContain('security add-trusted-cert -r trustRoot -p ssl');
  expect(printed).toContain(server.caFile);
});

test('the user needs three commands for Terraform and four for the command line, and their lines don’t wrap', async () => {
  server = await startHcpTerraform();
  const lines = instructions(server, {
    environment: '/tmp/agent-launcher-AbCdEf/env.sh',
    commandLine: '/tmp/agent-launcher-AbCdEf/aws.sh',
    remove: async () => {},
  });
  const commands = lines.filter((line) => line.startsWith('  '));
  expect(commands).toHaveLength(7);
  for (const command of commands) expect(command.length).toBeLessThan(80);
});
