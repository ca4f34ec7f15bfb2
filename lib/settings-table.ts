import * as z from 'zod';
import { settingDocs, unwrapped } from './setting.ts';
import { settingsSchema } from './settings-schema.ts';

/** All settings as a Markdown table, generated from their definition. The README contains it. */
export function settingsTable(): string {
  return ['| setting | what it is | allowed | default |', '|---|---|---|---|', ...rows('', settingsSchema)].join('\n');
}

function rows(prefix: string, object: z.ZodObject): string[] {
  return Object.entries(object.shape).flatMap(([name, schema]) => {
    const path = `${prefix}${name}`;
    const inner = unwrapped(schema);
    const doc = settingDocs.get(schema);
    if (inner instanceof z.ZodObject && doc === undefined) return rows(`${path}.`, inner);
    if (doc === undefined) throw new Error(`Setting ${path} has no documentation: describe it beside its schema.`);
    const row = `| \`${path}\` | ${cell(doc.description)} | ${cell(doc.allowed)} | ${defaultOf(schema, doc.absent)} |`;
    if (inner instanceof z.ZodObject) return [row, ...rows(`${path}.`, inner)];
    if (!(inner instanceof z.ZodArray) || !(inner.element instanceof z.ZodObject) || !hasDocs(inner.element))
      return [row];
    return [row, ...rows(`${path}[].`, inner.element)];
  });
}

/** Whether the items of a list are settings. The parts of an IAM statement aren't: AWS defines them. */
function hasDocs(object: z.ZodObject): boolean {
  return Object.values(object.shape).some((schema) => settingDocs.has(schema));
}

function defaultOf(schema: z.core.$ZodType, absent: string | undefined): string {
  if (schema instanceof z.ZodDefault) {
    const value: unknown = schema.def.defaultValue;
    return typeof value === 'object' ? 'none' : `\`${value}\``;
  }
  if (schema instanceof z.ZodPrefault) return 'the defaults of its parts';
  return absent === undefined ? '**required**' : cell(absent);
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
