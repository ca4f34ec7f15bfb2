/**
 * Detects that a program should stop. The shell of npm doesn't always forward a signal. Therefore the end of the parent process also
 * counts as a signal, so that the program doesn't become an orphan.
 */

const PARENT_CHECK_MS = 100;

/** Calls `stop` once when the npm that runs this process has ended. @returns a function that ends the watch */
function watchParent(stop: () => void): () => void {
  if (process.env['npm_lifecycle_event'] === undefined) return () => {};
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    stop();
  }, PARENT_CHECK_MS).unref();
  return () => clearInterval(timer);
}

/** Resolves at the next SIGTERM, SIGINT or SIGHUP, or with SIGTERM when the npm that runs this process has ended. */
export async function stopSignal(): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, resolve);
  const endWatch = watchParent(() => resolve('SIGTERM'));
  const signal = await promise;
  endWatch();
  return signal;
}

/**
 * Starts a server, prints its ready line on stdout, and closes it when it should stop. A second signal calls `close` again.
 * A signal that arrives during the start is handled, too, so nothing is left behind.
 */
export async function runUntilStopped<Server extends { close(): Promise<void> }>(
  start: () => Promise<Server>,
  readyLine: (server: Server) => object,
): Promise<never> {
  const stopped = stopSignal();
  // The reader of the output may have exited. Don't crash with a stack trace.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => {});
  const server = await start();
  process.stdout.write(`${JSON.stringify(readyLine(server))}\n`);
  await stopped;
  void stopSignal().then(() => server.close());
  await server.close();
  process.exit(0);
}
