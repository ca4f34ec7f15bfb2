/** Secrets Manager with one secret, and SQS with one queue: the two operations that the nudge uses. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import * as z from 'zod';
import { NUDGE_ENV } from '../../../functions/nudge/contract.ts';

const sendMessage = z.object({ QueueUrl: z.string(), MessageBody: z.string() });

export async function startAws(key: string) {
  const state = { key, secretReads: 0, secretWorks: true, queueWorks: true };
  const messages: unknown[] = [];
  const server = createServer(async (request, response) => {
    const body: unknown = JSON.parse(await bodyOf(request));
    const send = (status: number, answer: object): void => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(answer));
    };
    const target = request.headers['x-amz-target'];
    if (target === 'secretsmanager.GetSecretValue') {
      state.secretReads += 1;
      if (state.secretWorks) send(200, { SecretString: `${state.key}\n`, Name: 'acme/nudge-key' });
      else send(400, { __type: 'ResourceNotFoundException', Message: 'no such secret' });
    } else if (target === 'AmazonSQS.SendMessage') {
      const { MessageBody } = sendMessage.parse(body);
      if (!state.queueWorks) return send(400, { __type: 'QueueDoesNotExist' });
      messages.push(JSON.parse(MessageBody));
      send(200, { MessageId: '1', MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex') });
    } else {
      send(400, { __type: 'UnknownOperation' });
    }
  });
  const endpoint = `http://127.0.0.1:${await listening(server)}`;
  return {
    state,
    messages,
    /** Environment of a function that reports to this host of HCP Terraform. */
    environment: (hostname: string, caFile: string): Record<string, string> => ({
      [NUDGE_ENV.hostname]: hostname,
      [NUDGE_ENV.hmacKeySecret]: 'acme/nudge-key',
      [NUDGE_ENV.wakeUpsQueueUrl]: `${endpoint}/000000000000/wake-ups`,
      NODE_EXTRA_CA_CERTS: caFile,
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'AKIATEST',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_ENDPOINT_URL_SQS: endpoint,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: endpoint,
    }),
    close(): void {
      server.close();
      server.closeAllConnections();
    },
  };
}

export async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

export async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
