/** The shape of the table of causes. */
import { cut } from '../wrap.ts';
import type { Situation } from './situation.ts';

/**
 * - `done`: the run has ended. `running`: an agent executes it.
 * - `waiting`: the run continues without anybody's help. `person`: somebody must decide in HCP Terraform.
 * - `blocked`: something must be repaired or changed first.
 */
export type State = 'done' | 'running' | 'waiting' | 'person' | 'blocked';

/** An explanation without the facts behind it. */
export interface Finding {
  readonly state: State;
  /** Answers "why does my run wait?" in one or two sentences. */
  readonly verdict: string;
  /** What to do, in order. Empty: nothing. */
  readonly todo: readonly string[];
}

/** One cause of waiting. */
export interface Cause {
  /** Stable id, for scripts. */
  readonly id: string;
  /** The finding if this is the cause, otherwise `undefined`. */
  readonly find: (situation: Situation) => Finding | undefined;
}

export const done = (verdict: string, ...todo: string[]): Finding => ({ state: 'done', verdict, todo });
export const running = (verdict: string, ...todo: string[]): Finding => ({ state: 'running', verdict, todo });
export const waiting = (verdict: string, ...todo: string[]): Finding => ({ state: 'waiting', verdict, todo });
export const person = (verdict: string, ...todo: string[]): Finding => ({ state: 'person', verdict, todo });
export const blocked = (verdict: string, ...todo: string[]): Finding => ({ state: 'blocked', verdict, todo });

/** Characters of a log line that a verdict quotes. The agent's log shows the whole line. */
const QUOTED = 220;

/** A line of the agent's log in a verdict: without its time and level. */
export function quoted(line: string): string {
  const message = line.trim().replace(/^\S+Z\s+(?:\[\w+\]\s+)?/, '');
  return message.length <= QUOTED ? `${message.replace(/[.;:]+$/, '')}.` : cut(message, QUOTED);
}
