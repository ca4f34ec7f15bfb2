/** Starts the agent as a process, in a separate home, with the PATH that a test sets. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TOKEN } from './agent-server.ts';

export const COMMAND = fileURLToPath(new URL('../../../local/tfc-agent/tfc-agent', import.meta.url));

export interface AgentProcess {
  readonly child: ChildProcess;
  readonly home: string;
  /** What it wrote to stdout and stderr so far. */
  output(): string;
  readonly exited: Promise<number | null>;
  /** Kills it if it still runs, and removes its files. */
  cleanUp(): Promise<void>;
}

export interface Starting {
  readonly address: string;
  /** Default: the repository's `local/tfc-agent/tfc-agent`. */
  readonly command?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A shell script that is `terraform` on the PATH. Absent: no terraform there. */
  readonly terraform?: string;
  /** Further directories of the PATH. */
  readonly path?: readonly string[];
  /** Shell scripts by the names of hooks. */
  readonly hooks?: Readonly<Record<string, string>>;
}

export function startAgent(settings: Starting): AgentProcess {
  const { address, command = COMMAND, args = ['-single'], env, terraform, path = [], hooks = {} } = settings;
  const home = mkdtempSync(join(tmpdir(), 'agent-home-'));
  const bin = join(home, 'bin');
  const hooksFolder = join(home, '.tfc-agent', 'hooks');
  mkdirSync(bin);
  mkdirSync(hooksFolder, { recursive: true });
  if (terraform !== undefined) script(join(bin, 'terraform'), terraform);
  for (const [name, text] of Object.entries(hooks)) script(join(hooksFolder, name), text);
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      HOME: home,
      // The wrapper and the scripts need a few programs of the system; terraform is in none of these directories.
      PATH: [bin, ...path, '/usr/bin', '/bin'].join(':'),
      TFC_ADDRESS: address,
      TFC_AGENT_TOKEN: TOKEN,
      TFC_AGENT_NAME: 'task-0001',
      ...env,
    },
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
  }
  const exited = once(child, 'close').then(() => child.exitCode);
  return {
    child,
    home,
    output: () => chunks.join(''),
    exited,
    async cleanUp() {
      if (child.kill('SIGKILL')) await exited;
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function script(file: string, text: string): void {
  writeFileSync(file, `#!/bin/sh\n${text}`, { mode: 0o755 });
}
