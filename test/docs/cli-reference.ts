/** docs/cli.md and docs/cli.schema.json: the commands' help, and the schemas of what they print with `--json`. */
import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import * as z from 'zod';
import { CONNECT_TO_VARIABLE } from '../../cli/hcp-terraform/connect.ts';
import type { Io } from '../../cli/io.ts';
import { createProgram, runCommandLine } from '../../cli/program.ts';

const INTRO = `# The command line

\`agent-launcher\` sets up, explains and operates a launcher. It reads what is deployed from the stack's outputs and from AWS.

![status shows pools, tasks, alarms and today's cost](pictures/status.svg)

![cost shows what the jobs of each workspace cost](pictures/cost.svg)

- In a clone: \`npm run --silent agent-launcher -- <command>\`.
- From the package: \`agent-launcher <command>\`. The package contains everything that the command needs, except Node.js.

It finds AWS credentials, the region and endpoints as the AWS CLI does. \`--stack\`, \`--region\` and \`--profile\` choose another stack, and \`--launcher\` one of several launchers in a stack.
Without \`--stack\`, it uses \`stackName\` in the \`cdk.json\` of the current folder, or else \`AgentLauncher\`.

The launcher starts a task for one job, but HCP Terraform gives a job to any free agent of the pool, so agents that start together often swap their jobs.
Commands show a task under the run that its agent executed, if the launcher, HCP Terraform or the agent's log shows it; otherwise they say what the task was started for.

No command takes a token as an argument, because other users of the machine can read arguments. Commands look for a token of HCP Terraform in this order:

1. the variable of the host, such as \`TF_TOKEN_app_terraform_io\`, or \`TFE_TOKEN\`, which is only for the host in \`TFE_HOSTNAME\` if that is set;
2. the file that \`terraform login\` writes;
3. the launcher's secret.

If this machine can't reach your Terraform Enterprise by its hostname, open a tunnel, and set \`${CONNECT_TO_VARIABLE}\` to \`HOST:PORT\` of its near end, such as \`localhost:8443\`.
It changes only where commands connect, like \`--connect-to\` of curl: settings keep the hostname, and the server's certificate must be for it. Commands then use no proxy for HCP Terraform.
[\`npm start -- --keep\`](../local/aws/README.md) uses the variable for its local HCP Terraform.

Results go to standard output. Progress, questions and errors go to standard error. Colours appear only on a terminal, and \`NO_COLOR\` turns them off.

| exit code | meaning |
|---|---|
| 0 | The command did what was asked, and found nothing wrong |
| 1 | The command found a problem, or could not do its work |
| 2 | The command line is wrong |
| 130 | You stopped it with Ctrl-C before it was done. 143: SIGTERM, 129: SIGHUP |

\`status\`, \`doctor\` and \`why\` judge by one rule. What continues on its own is a note, and the exit code stays 0: a full pool, another limit, or a run in a pool that this launcher doesn't serve. After three minutes, such a run is a problem, because no other launcher has started an agent.
What somebody must repair or change is a problem, with the exit code 1: \`✗\` in \`status\`, a warning or an error in \`doctor\`, *is blocked* in \`why\`.

With \`--json\`, a command prints one JSON document; \`status --watch --json\` prints one per line. [cli.schema.json](cli.schema.json) contains the schemas. A later version can add members, but doesn't remove or change any.

This page is made by \`npm run docs:write\` from the program's help and schemas.
`;

/** A stream for help that is 80 columns wide. */
function io(): Io & { readonly stdout: PassThrough } {
  const stdout = new PassThrough();
  return {
    stdin: new PassThrough(),
    stdout,
    stderr: stdout,
    env: {},
    cwd: '/',
    now: () => 0,
    sleep: async () => undefined,
    interrupted: new AbortController().signal,
  };
}

/** The commands in the order of the help. */
export function commands(): readonly Command[] {
  return createProgram(io(), () => async () => undefined).commands;
}

/** What `agent-launcher <argv> --help` prints to a pipe. */
export async function helpOf(...argv: readonly string[]): Promise<string> {
  const own = io();
  await runCommandLine([...argv, '--help'], own);
  own.stdout.end();
  return text(own.stdout);
}

/** The schemas of the documents that commands print, by the command's name: the exports `<command>Json` in `cli/core`. */
export async function outputSchemas(): Promise<ReadonlyMap<string, z.ZodType>> {
  const found = new Map<string, z.ZodType>();
  for (const file of globSync('cli/core/**/*.ts').sort()) {
    for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(/^export const (\w+)Json = /gm)) {
      const module: Record<string, unknown> = await import(resolve(file));
      const schema = module[`${name}Json`];
      if (schema instanceof z.ZodType) found.set(name, schema);
    }
  }
  return found;
}

export async function cliSchema(): Promise<object> {
  const schemas = [...(await outputSchemas())].map(([name, schema]) => {
    const { $schema, ...own } = z.toJSONSchema(schema, {
      // A later version can add members.
      override: ({ jsonSchema }) => void delete jsonSchema.additionalProperties,
    });
    return [name, own] as const;
  });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'What the commands of agent-launcher print with --json, by the name of the command',
    $defs: Object.fromEntries(schemas.sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

export async function cliReference(): Promise<string> {
  const schemas = await outputSchemas();
  const parts = [INTRO, `## The common options\n\n${block(await helpOf())}`];
  for (const command of commands()) {
    const name = command.name();
    const schema = schemas.get(name);
    const json = schema === undefined ? '' : `\nWith \`--json\`:\n\n${members(z.toJSONSchema(schema))}\n`;
    parts.push(`## \`${name}\`\n\n${block(ownHelp(await helpOf(name)))}${json}`);
  }
  return `${parts.join('\n').trimEnd()}\n`;
}

function block(help: string): string {
  return `\`\`\`text\n${help.trimEnd()}\n\`\`\`\n`;
}

/** The help of a command without the common options, which have their own section. */
function ownHelp(help: string): string {
  return help.replace(/Global Options:\n(?: .*\n)+\n?/, '');
}

interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
}

/** A table of the members of a document. */
function members(schema: object): string {
  const rows = [...rowsOf(schema as Schema, '')].map(
    ([path, type, description]) => `| \`${path}\` | ${type} | ${description} |`,
  );
  return ['| member | type | meaning |', '|---|---|---|', ...rows].join('\n');
}

function* rowsOf(schema: Schema, path: string): Iterable<[string, string, string]> {
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    const own = path === '' ? name : `${path}.${name}`;
    yield [own, typeOf(member), (member.description ?? '').replaceAll('|', '\\|')];
    yield* rowsBelow(member, own);
  }
}

function* rowsBelow(schema: Schema, path: string): Iterable<[string, string, string]> {
  if (schema.items !== undefined) yield* rowsBelow(schema.items, `${path}[]`);
  for (const one of schema.anyOf ?? []) yield* rowsBelow(one, path);
  yield* rowsOf(schema, path);
}

function typeOf(schema: Schema): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' or ');
  if (schema.enum !== undefined) return schema.enum.map((one) => `\`${String(one)}\``).join(', ');
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.items !== undefined)
    return schema.items.properties === undefined ? `list of ${typeOf(schema.items)}` : 'list';
  if (schema.format === 'date-time') return 'time (ISO 8601)';
  return [schema.type ?? 'any'].flat().join(' or ');
}
