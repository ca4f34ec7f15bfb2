/**
 * One run of the lab. It starts the network, the engine and the far side, makes attempts from the task's namespace, and
 * compares what each one got back with what arrived. Everything is removed at the end, even after an interrupt.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import * as z from 'zod';
import { until } from '../../test/processes.ts';
import type { Attempt, Verdict } from './attempts.ts';
import { type Engine, start, Undo } from './machine.ts';
import { buildNetwork, type Network, within } from './network.ts';
import { type Suricata, startSuricata } from './suricata.ts';
import type { EngineSettings } from './under-test.ts';

export interface Result {
  readonly attempt: Attempt;
  readonly seen: Verdict;
  /** Bytes of the attempt that reached the far side, whether it got an answer or not. */
  readonly leaked: number;
  readonly detail: string;
}

const ready = z.object({ ca: z.string(), organization: z.string(), apiToken: z.string(), agentToken: z.string() });

/** What the far side prints when it is ready: HCP Terraform's certificate authority, organization and tokens. */
export type FarSide = z.infer<typeof ready>;

export interface Lab {
  readonly network: Network;
  readonly far: FarSide;
  readonly suricata: Suricata;
  attempt(attempts: readonly Attempt[]): Promise<Result[]>;
}

const outcomes = z.array(z.object({ reached: z.boolean(), from: z.string().optional(), detail: z.string() }));

export async function withLab<T>(
  engine: Engine,
  settings: EngineSettings,
  use: (lab: Lab, undo: Undo) => Promise<T>,
): Promise<T> {
  const undo = new Undo();
  const interrupted = () => {
    void undo.all().finally(() => process.exit(130));
  };
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    const network = buildNetwork(undo, settings.stateless);
    const [suricata, server] = await Promise.all([
      startSuricata(undo, engine, network.router, settings),
      startServer(undo, network),
    ]);
    return await use({ network, suricata, far: server.far, attempt: (all) => attempt(network, server, all) }, undo);
  } finally {
    await undo.all();
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
  }
}

export interface Server {
  readonly far: FarSide;
  arrived(): Promise<Record<string, number>>;
}

/** Starts the far side in the world's namespace. */
export async function startServer(undo: Undo, network: Network): Promise<Server> {
  const child = start(undo, within(network.server, process.execPath, join(import.meta.dirname, 'server-main.ts')), {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  if (child.stdout === null || child.stdin === null) throw new Error('the far side has no pipes');
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const { stdin } = child;
  const next = () =>
    until('the far side answers', () => {
      if (child.exitCode !== null) throw new Error(`the far side ended with exit code ${child.exitCode}`);
      return lines.shift();
    });
  const far = ready.parse(JSON.parse(await next()));
  return {
    far,
    arrived: async () => {
      stdin.write('\n');
      return z.record(z.string(), z.number()).parse(JSON.parse(await next()));
    },
  };
}

async function attempt(network: Network, server: Server, attempts: readonly Attempt[]): Promise<Result[]> {
  const before = await server.arrived();
  const [program = '', ...args] = within(network.client, process.execPath, join(import.meta.dirname, 'client-main.ts'));
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(attempts.map((each) => each.try)));
  const answers = outcomes.parse(JSON.parse(await text(child.stdout)));
  const greArrived = async () => ((await server.arrived())['gre'] ?? 0) > (before['gre'] ?? 0);
  // GRE gets no answer, and the packet can arrive after the client has ended.
  if (attempts.some(({ try: { how } }) => how === 'gre'))
    await until('GRE arrives', greArrived, 2_000).catch(() => false);
  const arrived = await server.arrived();
  return attempts.map((each, index) => {
    const { reached, from = '', detail } = answers[index] ?? { reached: false, detail: 'not tried' };
    const leaked = (arrived[from] ?? 0) - (before[from] ?? 0);
    // GRE gets no answer, so an attempt counts as successful if its packet arrived.
    const seen: Verdict = reached || (each.try.how === 'gre' && leaked > 0) ? 'reaches' : 'blocked';
    return { attempt: each, seen, leaked, detail };
  });
}
