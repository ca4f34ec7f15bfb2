/** A mirror of releases in a separate process, because the labs block this one while they wait for an engine. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Keys } from '../../test/agent-image/release-keys.ts';
import { KEY_PATH } from '../../test/agent-image/release-mirror.ts';

const PROGRAM = `
  import { createServer } from 'node:http';
  import { createReadStream, existsSync } from 'node:fs';
  const server = createServer(({ url }, response) => {
    const file = process.argv[1] + url;
    if (existsSync(file)) createReadStream(file).pipe(response.writeHead(200));
    else response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));`;

export interface ReleaseServer {
  readonly url: string;
  stop(): void;
}

export async function serveReleases(directory: string): Promise<ReleaseServer> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, directory]);
  const [port] = await once(child.stdout, 'data');
  return { url: `http://127.0.0.1:${`${port}`.trim()}`, stop: () => void child.kill() };
}

/** Build arguments for a release on a mirror. */
export const mirrorArgs = (url: string, keys: Keys) => ({
  RELEASES_URL: url,
  KEY_URL: `${url}/${KEY_PATH}`,
  KEY_FINGERPRINT: keys.fingerprint,
  PACKAGES: '',
});
