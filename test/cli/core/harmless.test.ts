import { expect, it } from 'vitest';
import { harmless, harmlessJson, harmlessName, MarkedStyles } from '../../../cli/core/harmless.ts';

const ESC = '\u001b';
const BEL = '\u0007';

it.each([
  ['colours', `${ESC}[1;31mred${ESC}[0m text`, 'red text'],
  ['a window title', `${ESC}]0;owned${BEL}text`, 'text'],
  ['a window title that ends with ST', `${ESC}]2;owned${ESC}\\text`, 'text'],
  ['a hyperlink', `${ESC}]8;;https://evil.example${BEL}click${ESC}]8;;${BEL}`, 'click'],
  ['a device control string', `${ESC}P$q"p${ESC}\\text`, 'text'],
  ['cursor movements', `line${ESC}[2A${ESC}[2Kforged`, 'lineforged'],
  ['8-bit sequences', `\u009b31mred\u009d0;owned\u009ctext`, 'redtext'],
  ['an unfinished sequence', `text${ESC}]0;owned`, 'text'],
  ['an unfinished CSI', `text${ESC}[`, 'text'],
  ['a reset', `${ESC}ctext`, 'text'],
  ['carriage returns and backspaces', 'secret\rforged\b\b', 'secretforged'],
  ['text direction', 'a\u202eb\u2066c', 'abc'],
  ['nothing in ordinary text', 'tab\tumlaut ä emoji 🚀 [INFO]', 'tab\tumlaut ä emoji 🚀 [INFO]'],
])('harmless removes %s', (_, given, expected) => {
  expect(harmless(given)).toBe(expected);
});

it.each(['\n', '\r\n', '\v', '\f', '\t', '\u0085', '\u2028', '\u2029'])(
  'harmlessName keeps a name with %j in one line',
  (text) => {
    expect(harmlessName(`net${text}✗ forged`)).toBe('net ✗ forged');
  },
);

it('harmless leaves no control character, whatever a log contains', () => {
  for (let code = 0; code < 0xa0; code += 1) {
    const result = harmless(`a${String.fromCharCode(code)}[31mb${ESC}${String.fromCharCode(code)}c`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the test looks for them
    expect(result).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/);
  }
});

it('harmlessJson keeps the values, and escapes what a terminal would obey', () => {
  const value = { [`a${ESC}[2J\u009b2J`]: `\u202e\u007f "\\ ä 🚀 ${BEL}` };
  const json = harmlessJson(JSON.stringify(value));
  expect(JSON.parse(json)).toEqual(value);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test looks for them
  expect(json).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
});

const red = (text: string) => `${ESC}[31m${text}${ESC}[39m`;

it('MarkedStyles shows its own styles, and no others', () => {
  const styles = new MarkedStyles('secret');
  const styled = styles.styled(`evil${ESC}[8m${ESC}]0;owned${BEL}`, red);
  expect(styles.shown(`${ESC}[2Ja ${styled} ${ESC}[31mb${ESC}`)).toBe(`a ${red('evil')} b`);
  expect(styles.shown(styles.styled(styled, (text) => `${ESC}[1m${text}${ESC}[22m`))).toBe(
    `${ESC}[1m${red('evil')}${ESC}[22m`,
  );
});

it('MarkedStyles removes a sequence that a text begins and its own style would end', () => {
  const styles = new MarkedStyles('secret');
  expect(styles.shown(`a${ESC}]0;${styles.styled('ok', red)}`)).toBe(`a${red('ok')}`);
  expect(styles.shown('line 1\nline 2\r')).toBe('line 1\nline 2');
});
