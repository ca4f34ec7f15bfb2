import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { CONNECT_TO_VARIABLE, connectToIn, hcpTerraformAt } from '../../../cli/hcp-terraform/connect.ts';
import { Interruption } from '../../../cli/interruption.ts';
import { UsageError } from '../../../cli/io.ts';
import { type HcpTerraformServer, startHcpTerraform } from '../../../local/hcp-terraform/server.ts';
import * as local from '../../../local/start/settings-hostname.ts';

const trusted = getCACertificates('default');
let server: HcpTerraformServer;
beforeAll(async () => {
  server = await startHcpTerraform({ hosts: ['tfe.example.com'] });
  setDefaultCACertificates([...trusted, server.certPem]);
});
afterAll(async () => {
  setDefaultCACertificates(trusted);
  await server.close();
});

async function account(hostname: string, to: string): Promise<unknown> {
  const env = { [CONNECT_TO_VARIABLE]: to };
  const context = { io: { env }, interruption: new Interruption(new AbortController().signal) };
  const client = hcpTerraformAt(context, { hostname, token: server.apiToken });
  try {
    return await client.get('/api/v2/account/details', z.unknown());
  } finally {
    await client.close();
  }
}

it('a client connects to the address of the variable, and asks for the hostname of the settings', async () => {
  // DNS knows neither the host nor its certificate: the answer can only come from the local server.
  for (const host of ['localhost', '127.0.0.1']) {
    expect(await account('tfe.example.com', `${host}:${server.port}`)).toMatchObject({ data: { type: 'users' } });
  }
});

it('a client sends no token to a server whose certificate is for another hostname', async () => {
  const before = server.calls().length;
  await expect(account('app.terraform.io', `localhost:${server.port}`)).rejects.toThrow(
    `No answer from https://app.terraform.io at localhost:${server.port}, from ${CONNECT_TO_VARIABLE} (ERR_TLS_CERT_ALTNAME_INVALID).\nThe server there has a certificate for another hostname.`,
  );
  expect(server.calls()).toHaveLength(before);
});

it.each(['https://localhost:8443', 'localhost', 'localhost:0', 'localhost:65536', 'localhost:8443/api', 'a b:1'])(
  'the variable with the value %s is wrong use, not an address',
  (value) => {
    expect(() => connectToIn({ [CONNECT_TO_VARIABLE]: value })).toThrow(UsageError);
    expect(() => connectToIn({ [CONNECT_TO_VARIABLE]: value })).toThrow('It must be HOST:PORT');
  },
);

it.each([
  ['10.0.0.1:443', { host: '10.0.0.1', port: 443 }],
  ['[::1]:8443', { host: '::1', port: 8443 }],
  [' localhost:8443 ', { host: 'localhost', port: 8443 }],
  ['', undefined],
])('the variable with the value "%s" is read', (value, expected) => {
  expect(connectToIn({ [CONNECT_TO_VARIABLE]: value })).toEqual(expected);
});

it('npm start sets the variable that the commands read', () => {
  expect(local.CONNECT_TO_VARIABLE).toBe(CONNECT_TO_VARIABLE);
});
