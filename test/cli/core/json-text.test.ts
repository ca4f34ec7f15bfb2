import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { changeJson } from '../../../cli/core/json-text.ts';

const CDK_JSON = readFileSync('cdk.json', 'utf8');

/** The lines that differ, as a diff shows them. */
function diff(before: string, after: string): string[] {
  const [old, changed] = [before.split('\n'), after.split('\n')];
  return [
    ...old.filter((line) => !changed.includes(line)).map((line) => `-${line.trim()}`),
    ...changed.filter((line) => !old.includes(line)).map((line) => `+${line.trim()}`),
  ];
}

describe('changing the text of a JSON file', () => {
  test('replaces one value and keeps every other character', () => {
    const changed = changeJson(CDK_JSON, [{ path: ['context', 'agentLauncher', 'organization'], value: 'acme' }]);
    expect(diff(CDK_JSON, changed)).toEqual(['-"organization": "your-org",', '+"organization": "acme",']);
  });

  test('adds a key on its own line, with the indentation of the object', () => {
    const path = ['context', 'agentLauncher', 'network'];
    const changed = changeJson(CDK_JSON, [{ path, value: { egress: 'public-ip', allowedPresets: ['aws-apis'] } }]);
    expect(changed).toContain(
      [
        '        }',
        '      ],',
        '      "network": {',
        '        "egress": "public-ip",',
        '        "allowedPresets": [',
        '          "aws-apis"',
        '        ]',
        '      }',
        '    },',
      ].join('\n'),
    );
  });

  test.each([
    ['an object on one line', '{ "a": 1 }', ['b'], 2, '{ "a": 1, "b": 2 }'],
    ['an object without spaces', '{"a":1}', ['b'], 2, '{"a":1, "b": 2}'],
    ['an empty object', '{}', ['b'], 2, '{\n  "b": 2\n}'],
    ['a nested path that does not exist', '{"a":1}', ['b', 'c', 0], 2, '{"a":1, "b": {\n  "c": [\n    2\n  ]\n}}'],
    ['a new item of a list', '{ "a": [1, 2] }', ['a', 2], 3, '{ "a": [1, 2, 3] }'],
    ['a value inside a list', '{ "a": [{ "b": 1 }] }', ['a', 0, 'b'], null, '{ "a": [{ "b": null }] }'],
    [
      'a file with tabs and carriage returns',
      '{\r\n\t"a": 1\r\n}\r\n',
      ['b'],
      2,
      '{\r\n\t"a": 1,\r\n\t"b": 2\r\n}\r\n',
    ],
    ['a file with a byte order mark', '\uFEFF{ "a": 1 }', ['a'], 2, '\uFEFF{ "a": 2 }'],
    ['the last of two equal keys, which JSON.parse reads', '{ "a": 1, "a": 2 }', ['a'], 3, '{ "a": 1, "a": 3 }'],
    ['keys and texts with brackets and quotes', '{ "a}": "\\"{", "b": 1 }', ['b'], 2, '{ "a}": "\\"{", "b": 2 }'],
  ] as const)('changes %s', (_, text, path, value, expected) => {
    const changed = changeJson(text, [{ path, value }]);
    expect(changed).toBe(expected);
  });

  test.each([
    ['the first key', '{ "a": 1, "b": 2 }', ['a'], '{ "b": 2 }'],
    ['the last key', '{\n  "a": 1,\n  "b": 2\n}', ['b'], '{\n  "a": 1\n}'],
    ['the only key', '{ "a": 1 }', ['a'], '{}'],
    ['nothing, if the key is missing', '{ "a": 1 }', ['b', 'c'], '{ "a": 1 }'],
  ] as const)('removes %s', (_, text, path, expected) => {
    expect(changeJson(text, [{ path }])).toBe(expected);
  });

  test('applies changes one after the other', () => {
    const text = changeJson('{}', [
      { path: ['pools'], value: [{ name: 'a' }] },
      { path: ['pools', 0, 'cpu'], value: 2048 },
      { path: ['pools', 1], value: { name: 'b' } },
    ]);
    expect(JSON.parse(text)).toEqual({ pools: [{ name: 'a', cpu: 2048 }, { name: 'b' }] });
  });

  test('refuses text that is not JSON', () => {
    expect(() => changeJson('{ "a": 1, }', [{ path: ['a'], value: 2 }])).toThrow(SyntaxError);
  });
});
