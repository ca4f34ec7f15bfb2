import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const FUNCTIONS = join(import.meta.dirname, '..', 'functions');

/** The names of the Lambda functions: the folders of `functions` with a handler. The others contain code that functions share. */
export function functionNames(): string[] {
  return readdirSync(FUNCTIONS).filter((name) => existsSync(join(FUNCTIONS, name, 'handler.ts')));
}
