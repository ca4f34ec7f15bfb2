/**
 * Removes everything that the lab created, in the reverse order, also after a failure or Ctrl-C.
 *
 * Each thing is written to a file before it is created. If the process is killed, `--clean FILE` removes what the file lists.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod';

const createdThing = z.object({
  kind: z.enum(['stack', 'secret', 'pool', 'workspace', 'team']),
  /** What {@link Remove} needs to find it. */
  id: z.string(),
  /** A command that removes it by hand. */
  byHand: z.string(),
  /** Where a thing in AWS is. */
  place: z.object({ account: z.string(), region: z.string() }).optional(),
});

export type CreatedThing = z.infer<typeof createdThing>;

/** Removes one thing. A thing that doesn't exist counts as removed. */
export type Remove = (thing: CreatedThing) => Promise<void>;

/** How often a removal is tried: for example, a pool can't be deleted while an agent still leaves. */
const ATTEMPTS = 5;

export interface CleanupDeps {
  readonly file: string;
  readonly remove: Remove;
  readonly sleep: (ms: number) => Promise<void>;
  readonly note: (text: string) => void;
}

export class Cleanup {
  readonly #deps: CleanupDeps;
  #things: CreatedThing[];

  constructor(deps: CleanupDeps, things: readonly CreatedThing[] = []) {
    this.#deps = deps;
    this.#things = [...things];
  }

  /** Reads the file of an earlier run that didn't end. */
  static read(file: string): CreatedThing[] {
    return z.array(createdThing).parse(JSON.parse(readFileSync(file, 'utf8')));
  }

  /** Call this before the thing is created, or as soon as its id is known. */
  add(thing: CreatedThing): void {
    this.#things.push(thing);
    this.#save();
  }

  /** Never rejects. */
  async run(): Promise<{ removed: string[]; left: string[] }> {
    const removed: string[] = [];
    const left: string[] = [];
    for (const thing of this.#things.toReversed()) {
      const error = await this.#remove(thing);
      if (error === undefined) {
        removed.push(`${thing.kind} ${thing.id}`);
        this.#things = this.#things.filter((one) => one !== thing);
        this.#save();
      } else left.push(`${thing.kind} ${thing.id} (${error}). Remove it with: ${thing.byHand}`);
    }
    return { removed, left };
  }

  async #remove(thing: CreatedThing): Promise<string | undefined> {
    this.#deps.note(`removing the ${thing.kind} ${thing.id}`);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#deps.remove(thing);
        return undefined;
      } catch (error) {
        if (attempt >= ATTEMPTS) return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
        await this.#deps.sleep(attempt * 5_000);
      }
    }
  }

  #save(): void {
    if (this.#things.length === 0) {
      rmSync(this.#deps.file, { force: true });
      return;
    }
    mkdirSync(dirname(this.#deps.file), { recursive: true });
    writeFileSync(this.#deps.file, `${JSON.stringify(this.#things, undefined, 2)}\n`, { mode: 0o600 });
  }
}
