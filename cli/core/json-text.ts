/**
 * Changes values in the text of a JSON file, and keeps the rest of the text as it is: order, spaces, line ends.
 *
 * A changed value gets a new text. A new key is added after the last one, in the style of its object: on its own line if the object has
 * one key per line. Nothing else changes, so a diff shows only what was asked for.
 */

export type JsonPath = readonly (string | number)[];

/** One change. Without a value, the key is removed. */
export interface JsonChange {
  readonly path: JsonPath;
  readonly value?: unknown;
}

interface Node {
  readonly start: number;
  readonly end: number;
  /** The members of an object or the items of a list, in order; absent for other values. */
  readonly members?: readonly Member[];
  readonly isList?: boolean;
}

interface Member {
  readonly key: string | number;
  /** Where the member begins: at its key, or at its value in a list. */
  readonly start: number;
  readonly value: Node;
}

/** Applies the changes in order. @throws SyntaxError if the text isn't JSON */
export function changeJson(text: string, changes: readonly JsonChange[]): string {
  JSON.parse(withoutMark(text));
  return changes.reduce((changed, { path, value }) => {
    return value === undefined ? removed(changed, path) : replaced(changed, path, value);
  }, text);
}

/** Without the byte order mark that some editors of Windows write. */
export function withoutMark(text: string): string {
  return text.replace(/^\uFEFF/, '');
}

function replaced(text: string, path: JsonPath, value: unknown): string {
  const root = parse(text);
  let node = root;
  for (const [depth, step] of path.entries()) {
    const member = node.members?.findLast(({ key }) => key === step);
    if (member === undefined) return inserted(text, node, step, nested(path.slice(depth + 1), value));
    node = member.value;
  }
  return text.slice(0, node.start) + formatted(text, node.start, value) + text.slice(node.end);
}

/** The value inside the objects and lists of a path that doesn't exist yet. */
function nested(path: JsonPath, value: unknown): unknown {
  return path.reduceRight((inner, step) => (typeof step === 'number' ? [inner] : { [step]: inner }), value);
}

function inserted(text: string, parent: Node, key: string | number, value: unknown): string {
  const { members = [], isList = false } = parent;
  const name = isList ? '' : `${JSON.stringify(key)}: `;
  const last = members.at(-1);
  if (last === undefined) {
    const whole = isList ? [value] : { [key]: value };
    return text.slice(0, parent.start) + formatted(text, parent.start, whole, true) + text.slice(parent.end);
  }
  // The space between the last member and what is before it shows the style of the object.
  const before = /\s*$/.exec(text.slice(parent.start + 1, last.start))?.[0] ?? '';
  const separator = before === '' && members.length === 1 ? ' ' : before;
  const position = last.value.end;
  const added = formatted(text, last.start, value);
  return `${text.slice(0, position)},${separator}${name}${added}${text.slice(position)}`;
}

function removed(text: string, path: JsonPath): string {
  let node = parse(text);
  for (const step of path.slice(0, -1)) {
    const member = node.members?.findLast(({ key }) => key === step);
    if (member === undefined) return text;
    node = member.value;
  }
  const { members = [] } = node;
  const index = members.findLastIndex(({ key }) => key === path.at(-1));
  const member = members[index];
  if (member === undefined) return text;
  const next = members[index + 1];
  const previous = members[index - 1];
  if (next !== undefined) return text.slice(0, member.start) + text.slice(next.start);
  if (previous !== undefined) return text.slice(0, previous.value.end) + text.slice(member.value.end);
  return text.slice(0, node.start + 1) + text.slice(node.end - 1);
}

/** The value as JSON, indented like the line it begins on. A short list or object in a list stays on one line. */
function formatted(text: string, position: number, value: unknown, multiline = false): string {
  const compact = inOneLine(value);
  const lineStart = text.lastIndexOf('\n', position - 1) + 1;
  const indent = /^[ \t]*/.exec(text.slice(lineStart, position))?.[0] ?? '';
  const isShort = typeof value !== 'object' || value === null || Array.isArray(value);
  if (isShort && !multiline && compact.length + indent.length <= 80) return compact;
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  return JSON.stringify(value, undefined, unitOf(text)).replaceAll('\n', `${eol}${indent}`);
}

function inOneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inOneLine).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const parts = Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)}: ${inOneLine(inner)}`);
  return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`;
}

/** The file's unit of indentation: the first indentation in it. */
function unitOf(text: string): string {
  return /\n([ \t]+)\S/.exec(text)?.[1] ?? '  ';
}

/** Parses text that is known to be JSON, and remembers where each value is. */
function parse(text: string): Node {
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  const space = (): void => {
    while (/\s/.test(text[at] ?? '')) at += 1;
  };
  const string = (): string => {
    const start = at;
    at += 1;
    while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    at += 1;
    return JSON.parse(text.slice(start, at)) as string;
  };
  const value = (): Node => {
    const start = at;
    const open = text[at];
    if (open === '"') string();
    else if (open === '{' || open === '[') {
      const isList = open === '[';
      const members: Member[] = [];
      at += 1;
      space();
      while (text[at] !== '}' && text[at] !== ']') {
        const from = at;
        let key: string | number = members.length;
        if (!isList) {
          key = string();
          space();
          at += 1;
          space();
        }
        members.push({ key, start: from, value: value() });
        space();
        if (text[at] === ',') at += 1;
        space();
      }
      at += 1;
      return { start, end: at, members, isList };
    } else while (/[^\s,\]}]/.test(text[at] ?? ' ')) at += 1;
    return { start, end: at };
  };
  space();
  return value();
}
