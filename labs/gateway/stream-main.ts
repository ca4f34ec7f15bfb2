/** A task that sends `megabytes` MB after its hello. It reads `{ address, hello, megabytes }` as JSON, and prints the seconds until the host had all. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import * as z from 'zod';

const plan = z.object({ address: z.string(), hello: z.string(), megabytes: z.number() });
const { address, hello, megabytes } = plan.parse(JSON.parse(await text(process.stdin)));
const socket = connect({ host: address, port: 443, noDelay: true });
await once(socket, 'connect');
const first = Buffer.from(hello, 'base64');
socket.write(first);
const chunk = Buffer.alloc(1_000_000, 'x');
const answer = text(socket);
const started = performance.now();
for (let sent = 0; sent < megabytes; sent += 1) if (!socket.write(chunk)) await once(socket, 'drain');
socket.end();
const expected = `${first.length + megabytes * chunk.length} bytes`;
const given = await answer;
if (!given.includes(expected)) throw new Error(`the host has ${given}, not ${expected}`);
process.stdout.write(`${(performance.now() - started) / 1000}\n`);
