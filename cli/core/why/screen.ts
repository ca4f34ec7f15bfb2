/** Lays an explanation out for a terminal: it fits on one screen of 80 columns and about 24 lines. */
import { clock } from '../durations.ts';
import { harmless } from '../harmless.ts';
import { cut, cutMiddle, wrap } from '../wrap.ts';
import type { State } from './cause.ts';
import type { Explanation } from './explain.ts';

/** The role of a part of a line, for its colour. */
export type Tone = State | 'heading' | 'faint';
export type Paint = (tone: Tone, text: string) => string;

const TITLES: Readonly<Record<State, string>> = {
  done: 'has ended',
  running: 'is running',
  waiting: 'waits, and continues on its own',
  person: 'waits for a person',
  blocked: 'is blocked',
};

/** Causes that the title of their state doesn't describe. */
const TITLE_OF_CAUSE: Readonly<Record<string, string>> = { 'run-unknown': 'can’t be found' };

/** Causes that end on their own only if this launcher isn't the only one. */
const WAITS_FOR: Readonly<Record<string, string>> = { 'pool-not-served': 'waits, but not for this launcher' };

/** About this many lines show one fact. */
const MOST_LINES = 4;
const LABEL_COLUMNS = 15;
/** At most so many lines show one error of the agent. */
const LINES_OF_ERROR = 3;

export function screenOf(explanation: Explanation, nowMs: number, columns: number, paint: Paint): string[] {
  const { runId, state, verdict, facts, agentLog, todo, cause } = explanation;
  const title = TITLE_OF_CAUSE[cause] ?? (state === 'waiting' ? WAITS_FOR[cause] : undefined) ?? TITLES[state];
  const lines = [
    `${paint('heading', runId)} ${paint(state, title)} ${paint('faint', `(${cause})`)}`,
    ...wrap(harmless(verdict), columns),
    '',
  ];
  if (todo.length > 0) {
    lines.push(paint('heading', 'What to do'));
    for (const [index, text] of todo.entries()) {
      const [first = '', ...more] = wrap(harmless(text), columns - 5);
      lines.push(`  ${index + 1}. ${first}`, ...more.map((line) => `     ${line}`));
    }
    lines.push('');
  }
  lines.push(paint('heading', 'What is known'));
  let before = '';
  for (const { source, text } of facts) {
    const news = newsIn(text, verdict);
    if (news === '') continue;
    lines.push(...labelled(source === before ? '' : source, harmless(news), columns));
    before = source;
  }
  for (const [index, { atMs, line: logged }] of agentLog.entries()) {
    const message = messageOf(harmless(logged));
    const width = columns - LABEL_COLUMNS - 2;
    const text = `${clock(atMs, nowMs)} ${message}`;
    // An error says its cause, often with an address at its end. A verdict often quotes it.
    const isLong = !message.startsWith('[INFO]') && !verdict.includes(messageOnly(message));
    const shown = isLong ? wrap(cut(text, LINES_OF_ERROR * width), width) : [cut(text, width)];
    for (const [part, line] of shown.entries()) {
      lines.push(`  ${(index + part === 0 ? "Agent's log" : '').padEnd(LABEL_COLUMNS)}${line}`);
    }
  }
  return lines;
}

function labelled(label: string, text: string, columns: number): string[] {
  const width = columns - LABEL_COLUMNS - 2;
  // A terminal makes an address clickable if it is on one line.
  const shown = text.startsWith('https://') ? [text] : wrap(cutMiddle(text, MOST_LINES * width), width);
  return shown.map((line, index) => `  ${(index === 0 ? label : '').padEnd(LABEL_COLUMNS)}${line}`);
}

/** Shorter parts of a fact may occur in the verdict by chance. */
const LEAST_REPEATED = 40;

/** The parts of a fact that the verdict doesn't contain yet. A verdict begins them with a capital letter, and ends them with a full stop. */
function newsIn(fact: string, verdict: string): string {
  const isRepeated = (part: string): boolean =>
    part.length >= LEAST_REPEATED && verdict.includes(part.slice(1).replace(/\.$/, ''));
  return fact
    .split('; ')
    .filter((part) => !isRepeated(part))
    .join('; ');
}

/** The beginning of a message without its level, which is enough to recognize it. */
function messageOnly(message: string): string {
  return message.replace(/^\[\w+\]\s+/, '').slice(0, LEAST_REPEATED);
}

/** The agent's lines begin with a time, which is almost the event's time. */
function messageOf(line: string): string {
  return line.replace(/^\d{4}-\d{2}-\d{2}T[\d:.]+Z\s+/, '');
}
