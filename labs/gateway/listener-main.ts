/**
 * Servers on port 443 of the given addresses. They answer `reached` to the first data, take everything that follows, and answer with the number of
 * bytes when the client has ended.
 */
import { createServer } from 'node:net';
import { listen } from '../../test/loopback.ts';

await Promise.all(
  process.argv.slice(2).map((address) => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      let bytes = 0;
      socket.on('error', () => socket.destroy());
      socket.once('data', () => socket.write('reached '));
      socket.on('data', (data) => {
        bytes += data.length;
      });
      socket.on('end', () => socket.end(`${bytes} bytes`));
    });
    return listen(server, address, 443);
  }),
);
process.stdout.write('ready\n');
