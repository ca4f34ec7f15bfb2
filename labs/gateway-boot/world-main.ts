/**
 * The world around the virtual machine: the instance's metadata, the requests of `aws`, and the host of HCP Terraform. It prints one JSON line per
 * request of `aws`.
 */
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { certificateFor, newAuthority } from '../../test/certificates.ts';
import { listen } from '../../test/loopback.ts';
import { HOST, INSTANCE_ID, METADATA_ADDRESS } from './places.ts';

const metadata = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const answers: Readonly<Record<string, string>> = {
      'PUT /latest/api/token': 'metadata-token',
      'GET /latest/meta-data/instance-id': INSTANCE_ID,
    };
    const { method, url, headers } = request;
    if (method === 'POST' && url === '/aws') {
      process.stdout.write(`${JSON.stringify({ aws: Buffer.concat(chunks).toString() })}\n`);
      response.end();
      return;
    }
    const answer = answers[`${method} ${url}`];
    // Version 2 of the metadata service, which the launch template demands: no answer without a token.
    const allowed = method === 'PUT' || headers['x-aws-ec2-metadata-token'] === 'metadata-token';
    response.writeHead(allowed ? (answer === undefined ? 404 : 200) : 401).end(allowed ? answer : '');
  });
});
const certificate = await certificateFor(await newAuthority('lab'), [HOST.name]);
const host = createTlsServer(certificate, (_, response) => response.end('reached\n'));
await Promise.all([listen(metadata, METADATA_ADDRESS, 80), listen(host, HOST.address, 443)]);
process.stdout.write('{"ready":true}\n');
