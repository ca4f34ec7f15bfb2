import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { expect, it, vi } from 'vitest';
import { LabHcpTerraform } from '../../labs/live/hcp-terraform.ts';
import { startHcpTerraform } from '../../local/hcp-terraform/server.ts';
import { certificateFor, newAuthority } from '../certificates.ts';
import { startConnectProxy } from '../connect-proxy.ts';

/** A host that only the proxy can reach. */
const HOST = 'tfe.example.test';

it('the lab uploads configurations through the proxy in HTTPS_PROXY', async () => {
  const authority = await newAuthority('Acme');
  const pair = await certificateFor(authority, [HOST]);
  const certificate = { ...pair, file: '', remove: async () => undefined };
  const server = await startHcpTerraform({ hosts: [HOST], certificate, agentPoolName: 'live' });
  const proxy = await startConnectProxy(() => server.port);
  const trusted = getCACertificates('default');
  setDefaultCACertificates([...trusted, authority.cert]);
  vi.stubEnv('HTTPS_PROXY', proxy.url);
  const lab = new LabHcpTerraform({ hostname: HOST, organization: 'acme', token: server.apiToken });
  try {
    const workspace = await lab.createWorkspace('one', server.agentPool.id);
    await expect(lab.queueRun(workspace, 'output "done" { value = true }\n', true)).resolves.toMatch(/^run-/);
  } finally {
    await lab.close();
    vi.unstubAllEnvs();
    setDefaultCACertificates(trusted);
    await proxy.close();
    await server.close();
  }
});
