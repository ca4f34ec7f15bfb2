/** Starts the agent as a process with a separate home directory and with the PATH of the test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newFolder } from '../../temporary-folder.ts';
import { TOKEN } from './agent-server.ts';

export const COMMAND = fileURLToPath(new URL('../../../local/tfc-agent/tfc-agent', import.meta.url));

export interface AgentProcess {
  readonly child: ChildProcess;
  readonly home: string;
  /** The output on stdout and stderr so far. */
  output(): string;
  readonly exited: Promise<number | null>;
  /** Kills the process if it is still running. */
  cleanUp(): Promise<void>;
}

export interface Starting {
  readonly address: string;
  /** Default: the repository's `local/tfc-agent/tfc-agent`. */
  readonly command?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A shell script that becomes `terraform` on the PATH. Default: no terraform on the PATH. */
  readonly terraform?: string;
  /** More directories for the PATH. */
  readonly path?: readonly string[];
  /** Shell scripts, by name of the hook. */
  readonly hooks?: Readonly<Record<string, string>>;
}

export function startAgent(settings: Starting): AgentProcess {
  const { address, command = COMMAND, args = ['-single'], env, terraform, path = [], hooks = {} } = settings;
  const home = newFolder('agent-home');
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
    },
  };
}

function script(file: string, text: string): void {
  writeFileSync(file, `#!/bin/sh\n${text}`, { mode: 0o755 });
}
