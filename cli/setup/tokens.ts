/** Where the tokens of `setup` come from: never from the command line, because other users of the machine can read it. */
import { CommandError, type Io, UsageError } from '../io.ts';
import { tokenFault } from './questions.ts';

/** Sources of a token that a flag can select. */
export type TokenSource = 'stdin' | 'env';

/** Environment variables of the tokens that `setup` stores. */
export const API_TOKEN_VARIABLE = 'AGENT_LAUNCHER_API_TOKEN';
export const AGENT_TOKEN_VARIABLE = 'AGENT_LAUNCHER_AGENT_TOKEN';

/** Reads tokens from standard input, one per line, in the order in which they are taken. */
export class TokenInput {
  readonly #io: Io;
  #lines: Promise<string[]> | undefined;

  constructor(io: Io) {
    this.#io = io;
  }

  async fromStdin(what: string): Promise<string> {
    this.#lines ??= linesOf(this.#io);
    const line = (await this.#lines).shift();
    return checked(line ?? '', what, 'Standard input has no line for it. Write one token per line.');
  }

  fromEnvironment(variable: string, what: string): string {
    return checked(this.#io.env[variable] ?? '', what, `Set it in the environment variable ${variable}.`);
  }
}

function checked(given: string, what: string, missing: string): string {
  const token = given.trim();
  if (token === '') throw new UsageError(`There is no ${what}. ${missing}`);
  const fault = tokenFault(token);
  if (fault !== undefined) throw new CommandError(`The ${what} is not a token. ${fault}`);
  return token;
}

async function linesOf({ stdin }: Io): Promise<string[]> {
  if (stdin.isTTY === true) throw new UsageError('Standard input is a terminal. Pass tokens through a pipe or a file.');
  let text = '';
  for await (const chunk of stdin) text += String(chunk);
  return text.split('\n').filter((line) => line.trim() !== '');
}
