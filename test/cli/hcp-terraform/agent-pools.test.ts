import { MockAgent } from 'undici';
import { expect, test } from 'vitest';
import { agentTokensOf } from '../../../cli/hcp-terraform/agent-pools.ts';
import { HcpTerraform } from '../../../cli/hcp-terraform/client.ts';

test.each(['now', ''])('the list of tokens is an error if a token has the time %j, which has no age', async (time) => {
  const mock = new MockAgent();
  mock.disableNetConnect();
  mock
    .get('https://tfe.example.com')
    .intercept({ path: (path) => path.startsWith('/api/v2/agent-pools/apool-1/authentication-tokens') })
    .reply(200, { data: [{ id: 'at-1', attributes: { description: '', 'created-at': time, 'last-used-at': null } }] });
  const client = new HcpTerraform({ hostname: 'tfe.example.com', token: 'x', dispatcher: mock });
  await expect(agentTokensOf(client, 'apool-1')).rejects.toThrow("a document that this command doesn't understand");
  await client.close();
});
