/** Starts the agent as a process, in a separate home, with the PATH that a test sets. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TOKEN } from './agent-server.ts';

const COMMAND = fileURLToPath(new URL('../../../local/tfc-agent/tfc-agent', import.meta.url));

export interface AgentProcess {
  readonly child: ChildProcess;
  readonly home: string;
  /** What it wrote to stdout and stderr so far. */
  output(): string;
  exited(): Promise<number | null>;
}

export interface Starting {
  readonly address: string;
  /** Default: the repository's `local/tfc-agent/tfc-agent`. */
  readonly command?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Text of a shell script that is `terraform` on the PATH; absent: no terraform there. */
  readonly terraform?: string;
  /** Directories that the PATH gets too. */
  readonly path?: readonly string[];
  /** Hook name to the text of a shell script. */
  readonly hooks?: Readonly<Record<string, string>>;
}

/** The agents of one test. */
export class AgentProcesses {
  readonly #started: AgentProcess[] = [];

  start(settings: Starting): AgentProcess {
    const agent = startAgent(settings);
    this.#started.push(agent);
    return agent;
  }

  /** Kills what the test left and removes its files. */
  async cleanUp(): Promise<void> {
    for (const agent of this.#started.splice(0)) {
      if (agent.child.exitCode === null && agent.child.signalCode === null) {
        agent.child.kill('SIGKILL');
        await once(agent.child, 'exit');
      }
      rmSync(agent.home, { recursive: true, force: true });
    }
  }
}

function startAgent(settings: Starting): AgentProcess {
  const home = mkdtempSync(join(tmpdir(), 'agent-home-'));
  const bin = join(home, 'bin');
  const hooks = join(home, '.tfc-agent', 'hooks');
  mkdirSync(bin);
  mkdirSync(hooks, { recursive: true });
  if (settings.terraform !== undefined) script(join(bin, 'terraform'), settings.terraform);
  for (const [name, text] of Object.entries(settings.hooks ?? {})) script(join(hooks, name), text);
  const child = spawn(settings.command ?? COMMAND, settings.args ?? ['-single'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      HOME: home,
      // The wrapper and the scripts need a few programs of the system; terraform is in none of these directories.
      PATH: [bin, ...(settings.path ?? []), '/usr/bin', '/bin'].join(':'),
      TFC_ADDRESS: settings.address,
      TFC_AGENT_TOKEN: TOKEN,
      TFC_AGENT_NAME: 'task-0001',
      ...settings.env,
    },
  });
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const exit = once(child, 'close').then(([code]) => (typeof code === 'number' ? code : null));
  return { child, home, output: () => text, exited: () => exit };
}

function script(file: string, text: string): void {
  writeFileSync(file, `#!/bin/sh\n${text}`);
  chmodSync(file, 0o755);
}
