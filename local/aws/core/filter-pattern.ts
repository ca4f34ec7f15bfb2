/**
 * Filter patterns of CloudWatch Logs: terms for any log event, and `{ … }` for events in JSON.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 *
 * Terms: `a b` (both), `"a phrase"`, `-a` (not), `?a ?b` (any), `%regex%`. Terms are case-sensitive and match inside of words.
 * JSON: selectors (`$.a.b[0].c`), `= != < <= > >=`, `IS TRUE|FALSE|NULL`, `NOT EXISTS`, `&&`, `||`, parentheses, `*` in strings, `%regex%`.
 * A comparison with an absent property is false, also with `!=`.
 *
 * Not here: patterns for events that are delimited by spaces (`[a, b, …]`).
 */
import { ApiError } from './api-error.ts';

export type Matcher = (message: string) => boolean;

/** @throws ApiError `InvalidParameterException` for a pattern that AWS refuses, or that isn't supported here */
export function filterPattern(pattern: string): Matcher {
  const text = pattern.trim();
  if (text === '') return () => true;
  if (text.startsWith('{')) return jsonMatcher(text);
  if (text.startsWith('['))
    throw new ApiError(
      'InvalidParameterException',
      'Patterns for space-delimited events are not supported by this emulator.',
    );
  return termsMatcher(text);
}

function invalid(): ApiError {
  return new ApiError('InvalidParameterException', 'Invalid filter pattern');
}

const TERM = /([?-]?)(?:"((?:[^"\\]|\\.)*)"|%((?:[^%\\]|\\.)+)%|([^\s"]+))(?=\s|$)\s*/y;

function termsMatcher(text: string): Matcher {
  const all: Matcher[] = [];
  const any: Matcher[] = [];
  TERM.lastIndex = 0;
  while (TERM.lastIndex < text.length) {
    const [found, sign, phrase, regex, word] = TERM.exec(text) ?? [];
    if (found === undefined) throw invalid();
    const matches =
      regex === undefined ? containing(phrase === undefined ? (word ?? '') : unescaped(phrase)) : regexMatcher(regex);
    if (sign === '?') any.push(matches);
    else all.push(sign === '-' ? (message) => !matches(message) : matches);
  }
  // AWS ignores optional terms if there are other terms.
  if (all.length === 0) return (message) => any.some((matches) => matches(message));
  return (message) => all.every((matches) => matches(message));
}

function containing(term: string): Matcher {
  return (message) => message.includes(term);
}

function unescaped(phrase: string): string {
  return phrase.replaceAll(/\\(.)/g, '$1');
}

/** AWS supports a part of the usual syntax: no groups, and only some symbols. */
function regexMatcher(source: string): Matcher {
  if (/(?<!\\)[()]/.test(source)) throw invalid();
  try {
    const regex = new RegExp(source);
    return (message) => regex.test(message);
  } catch {
    throw invalid();
  }
}

type Test = (event: unknown) => boolean;
type Token = { readonly kind: 'symbol' | 'selector' | 'word' | 'string' | 'regex'; readonly text: string };

function jsonMatcher(text: string): Matcher {
  const tokens = tokensOf(text);
  const parser = new Parser(tokens);
  const test = parser.whole();
  return (message) => {
    let event: unknown;
    try {
      event = JSON.parse(message);
    } catch {
      return false;
    }
    return typeof event === 'object' && event !== null && test(event);
  };
}

const TOKEN =
  /\s*(?:(?<symbol>&&|\|\||!=|<=|>=|[{}()=<>])|(?<selector>\$(?:\.[A-Za-z0-9_@-]+|\.?\['[^']+'\]|\[\d+\])*)|"(?<string>(?:[^"\\]|\\.)*)"|%(?<regex>(?:[^%\\]|\\.)+)%|(?<word>[^\s"{}()=<>!&|]+))\s*/y;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const groups = TOKEN.exec(text)?.groups;
    if (groups === undefined) throw invalid();
    for (const kind of ['symbol', 'selector', 'string', 'regex', 'word'] as const) {
      const found = groups[kind];
      if (found !== undefined) tokens.push({ kind, text: found });
    }
  }
  return tokens;
}

/** `or := and ('||' and)*`, `and := one ('&&' one)*`, `one := '(' or ')' | selector comparison`. */
class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Test {
    this.#symbol('{');
    const test = this.#or();
    this.#symbol('}');
    if (this.#at !== this.#tokens.length) throw invalid();
    return test;
  }

  #or(): Test {
    const tests = [this.#and()];
    while (this.#takes('symbol', '||')) tests.push(this.#and());
    return (event) => tests.some((test) => test(event));
  }

  #and(): Test {
    const tests = [this.#one()];
    while (this.#takes('symbol', '&&')) tests.push(this.#one());
    return (event) => tests.every((test) => test(event));
  }

  #one(): Test {
    if (this.#takes('symbol', '(')) {
      const test = this.#or();
      this.#symbol(')');
      return test;
    }
    const selector = this.#next();
    if (selector.kind !== 'selector') throw invalid();
    const path = pathOf(selector.text);
    const test = this.#comparison();
    return (event) => test(valueAt(event, path));
  }

  #comparison(): (value: unknown) => boolean {
    const operator = this.#next();
    if (operator.kind === 'word') return this.#wordTest(operator.text.toUpperCase());
    const operand = this.#next();
    switch (operator.text) {
      case '=':
        return equality(operand);
      case '!=': {
        const isEqual = equality(operand);
        return (value) => value !== undefined && !isEqual(value);
      }
      case '<':
      case '<=':
      case '>':
      case '>=':
        return order(operator.text, operand);
      default:
        throw invalid();
    }
  }

  #wordTest(operator: string): (value: unknown) => boolean {
    const operand = this.#next().text.toUpperCase();
    if (operator === 'NOT' && operand === 'EXISTS') return (value) => value === undefined;
    if (operator !== 'IS') throw invalid();
    const wanted = new Map<string, unknown>([
      ['TRUE', true],
      ['FALSE', false],
      ['NULL', null],
    ]);
    if (!wanted.has(operand)) throw invalid();
    return (value) => value === wanted.get(operand);
  }

  #next(): Token {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw invalid();
    this.#at += 1;
    return token;
  }

  #takes(kind: Token['kind'], text: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== kind || token.text !== text) return false;
    this.#at += 1;
    return true;
  }

  #symbol(text: string): void {
    if (!this.#takes('symbol', text)) throw invalid();
  }
}

function equality(operand: Token): (value: unknown) => boolean {
  switch (operand.kind) {
    case 'regex': {
      const matches = regexMatcher(operand.text);
      return (value) => isScalar(value) && matches(String(value));
    }
    case 'string': {
      const matches = wildcards(unescaped(operand.text));
      return (value) => typeof value === 'string' && matches(value);
    }
    case 'word': {
      const number = numberOf(operand.text);
      const matches = wildcards(operand.text);
      return (value) => (typeof value === 'number' && value === number) || (isScalar(value) && matches(String(value)));
    }
    default:
      throw invalid();
  }
}

function order(operator: string, operand: Token): (value: unknown) => boolean {
  const limit = operand.kind === 'word' ? numberOf(operand.text) : undefined;
  if (limit === undefined) throw invalid();
  return (value) => {
    if (typeof value !== 'number') return false;
    if (operator === '<') return value < limit;
    if (operator === '<=') return value <= limit;
    return operator === '>' ? value > limit : value >= limit;
  };
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

/** Numbers may have an exponent: `1e-3`. */
function numberOf(text: string): number | undefined {
  return /^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}

/** `*` stands for any characters. */
function wildcards(text: string): Matcher {
  const parts = text.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const regex = new RegExp(`^${parts.join('[^]*')}$`);
  return (value) => regex.test(value);
}

function pathOf(selector: string): readonly (string | number)[] {
  return [...selector.matchAll(/\.?\['([^']+)'\]|\.([A-Za-z0-9_@-]+)|\[(\d+)\]/g)].map(
    ([, quoted, plain, index]) => quoted ?? plain ?? Number(index),
  );
}

function valueAt(event: unknown, path: readonly (string | number)[]): unknown {
  let value = event;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}
