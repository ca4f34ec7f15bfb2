/** Generates the reference of all settings: a document for people, and a JSON schema for editors. */
import * as z from 'zod';
import { type SettingDoc, settingDocs, shapeOf, unwrapped } from '../../lib/settings/fields.ts';
import { SETTINGS_KEY } from '../../lib/settings/parse.ts';
import { settingsSchema } from '../../lib/settings/schema.ts';

/** The settings of one object, with a heading. */
interface Group {
  /** Path of the object: `pools[].phases`; empty for the settings themselves. */
  readonly path: string;
  readonly doc: SettingDoc | undefined;
  readonly rows: readonly string[];
}

const TITLE = `# Settings

This page is generated from the schemas in \`lib/settings\`. A test checks that it is up to date.

Set these values in \`cdk.json\` under \`"${SETTINGS_KEY}"\`, or on the command line with \`-c name=value\`. On the command line, write a list or an object as JSON:
\`-c network='{"egress":"public-ip"}'\`. To set one value inside, write its path: \`-c pools.0.maxAgents=20\`. \`cdk synth\` checks every value and reports all faults at once.

\`cdk.json\` refers to [cdk.schema.json](cdk.schema.json), so editors complete settings and show these descriptions.
`;

/** `docs/settings.md`: a heading for each group of settings, with a table. */
export function settingsReference(): string {
  return [TITLE, ...groups('', settingsSchema, undefined).map(section)].join('\n');
}

/** The path of every setting, as in docs/settings.md. */
export function settingPaths(): string[] {
  const rows = groups('', settingsSchema, undefined).flatMap((group) => group.rows);
  return rows.map((text) => /^\| `([^`]+)`/.exec(text)?.[1] ?? text);
}

function section({ path, doc, rows }: Group): string {
  const heading = path === '' ? '## The stack' : `## \`${path}\``;
  const about = doc === undefined ? [] : [`${doc.description} Allowed: ${cell(doc.allowed)}.`, ''];
  const head = ['| setting | what it is | allowed | default |', '|---|---|---|---|'];
  return [heading, '', ...about, ...head, ...rows, ''].join('\n');
}

/** The group of an object, followed by those of the objects inside. */
function groups(path: string, object: z.core.$ZodType, doc: SettingDoc | undefined): Group[] {
  const rows: string[] = [];
  const inner: Group[] = [];
  for (const [name, schema] of Object.entries(shapeOf(object) ?? {})) {
    const at = path === '' ? name : `${path}.${name}`;
    const own = settingDocs.get(schema);
    const type = unwrapped(schema);
    if (shapeOf(type) !== undefined) inner.push(...groups(at, type, own));
    else if (isListOfSettings(type)) inner.push(...groups(`${at}[]`, type.element, undefined));
    if (own !== undefined) rows.push(row(at, schema, own));
    else if (shapeOf(type) === undefined) {
      throw new Error(`Setting ${at} has no documentation. Describe it next to its schema.`);
    }
  }
  return rows.length === 0 ? inner : [{ path, doc, rows }, ...inner];
}

function row(path: string, schema: z.core.$ZodType, doc: SettingDoc): string {
  return `| \`${path}\` | ${cell(doc.description)} | ${cell(doc.allowed)} | ${defaultOf(schema, doc.absent)} |`;
}

/** Whether the items of a list are settings. The parts of an IAM statement aren't: AWS defines them. */
function isListOfSettings(type: z.core.$ZodType): type is z.ZodArray<z.ZodObject> {
  if (!(type instanceof z.ZodArray) || !(type.element instanceof z.ZodObject)) return false;
  return Object.values(type.element.shape).some((schema) => settingDocs.has(schema));
}

function defaultOf(schema: z.core.$ZodType, absent: string | undefined): string {
  if (absent !== undefined) return cell(absent);
  if (schema instanceof z.ZodDefault) {
    const value: unknown = schema.def.defaultValue;
    if (Array.isArray(value) && value.length > 0) return value.map((item) => `\`${item}\``).join(', ');
    return typeof value === 'object' ? 'none' : `\`${value}\``;
  }
  if (schema instanceof z.ZodPrefault) return 'the defaults of the settings inside';
  return '**required**';
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

/**
 * `docs/cdk.schema.json`: a JSON schema of `cdk.json` that completes and describes the settings in editors. It is wider than
 * the settings: `cdk synth` also checks what JSON schema can't express, such as one value against another.
 */
export function cdkJsonSchema(): object {
  const settings = z.toJSONSchema(settingsSchema, {
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      const doc = settingDocs.get(zodSchema);
      if (doc !== undefined) jsonSchema.description = `${doc.description} Allowed: ${doc.allowed}.`;
    },
  });
  const { $schema, ...agentLauncher } = settings;
  return {
    $schema,
    title: 'cdk.json of agent-launcher',
    type: 'object',
    properties: { context: { type: 'object', properties: { [SETTINGS_KEY]: agentLauncher } } },
  };
}
