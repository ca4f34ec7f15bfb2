/** The engine that runs the real Terraform CLI. Its coloured output is the run's log. */
import { stripVTControlCharacters } from 'node:util';
import * as z from 'zod';
import { type ApplyOutcome, type Counts, type Engine, NO_COUNTS, type Operation, type PlanOutcome } from './engine.ts';
import { type ProgramExit, runProgram } from './process.ts';

const versionAnswer = z.object({ terraform_version: z.string(), platform: z.string() });
const planAnswer = z.object({
  resource_changes: z
    .array(z.object({ change: z.object({ actions: z.array(z.string()), importing: z.unknown().optional() }) }))
    .default([]),
});

/** `-detailed-exitcode`: 0 means no changes, 2 means changes to apply. */
const PLANNED_WITHOUT_CHANGES = 0;
const PLANNED_WITH_CHANGES = 2;

/**
 * @param command the `terraform` executable
 * @param progress receives each step, for the agent's log
 * @param ownGroup see {@link runProgram}
 */
export function createTerraform(command: string, progress: (message: string) => void, ownGroup: boolean): Engine {
  const run = async (
    operation: Operation,
    args: readonly string[],
    out: (chunk: Buffer) => void,
    err: (chunk: Buffer) => void = out,
  ): Promise<ProgramExit> => {
    const exit = await runProgram(
      { command, args, cwd: operation.directory, env: operation.env, onStdout: out, onStderr: err },
      operation.stops,
      ownGroup,
    );
    if (exit.killedBy !== undefined) {
      const what = `terraform ${args[0]} was killed from outside by ${exit.killedBy} (exit code ${exit.code})`;
      progress(what);
      operation.write(`\nError: ${what}.\nNobody canceled this run. The usual cause is a lack of memory.\n`);
    }
    return exit;
  };

  const stdoutOf = async (operation: Operation, args: readonly string[]): Promise<string | undefined> => {
    const chunks: Buffer[] = [];
    const { code } = await run(
      operation,
      args,
      (chunk) => chunks.push(chunk),
      (chunk) => operation.write(chunk),
    );
    return code === 0 ? Buffer.concat(chunks).toString('utf8') : undefined;
  };

  /** Prints the Terraform version and initializes. As in the real agent, `init`'s output is shown only if it failed. */
  const prepare = async (operation: Operation): Promise<boolean> => {
    const version = versionAnswer.safeParse(JSON.parse((await stdoutOf(operation, ['version', '-json'])) ?? 'null'));
    if (!version.success) return false;
    operation.write(`Terraform v${version.data.terraform_version}\non ${version.data.platform}\n`);
    operation.write('Initializing plugins and modules...\n');
    progress('Running terraform init');
    const said: Buffer[] = [];
    const { code } = await run(operation, ['init', '-input=false'], (chunk) => said.push(chunk));
    if (code !== 0) operation.write(Buffer.concat(said));
    return code === 0;
  };

  return {
    async plan(operation): Promise<PlanOutcome> {
      if (!(await prepare(operation))) return { ok: false };
      progress('Running terraform plan');
      const { code } = await run(operation, planArguments(operation), operation.write);
      if (code !== PLANNED_WITHOUT_CHANGES && code !== PLANNED_WITH_CHANGES) return { ok: false };
      progress('Generating and uploading plan JSON');
      const planJson = await stdoutOf(operation, ['show', '-json', operation.planFile]);
      if (planJson === undefined) return { ok: false };
      const schemas = await stdoutOf(operation, ['providers', 'schema', '-json']);
      return {
        ok: true,
        hasChanges: code === PLANNED_WITH_CHANGES,
        counts: plannedCounts(planJson),
        planJson,
        ...(schemas !== undefined && { providerSchemasJson: schemas }),
      };
    },
    async apply(operation): Promise<ApplyOutcome> {
      if (!(await prepare(operation))) return { ok: false, counts: NO_COUNTS };
      progress('Running terraform apply');
      const said: Buffer[] = [];
      const { code } = await run(operation, ['apply', '-input=false', operation.planFile], (chunk) => {
        said.push(chunk);
        operation.write(chunk);
      });
      return { ok: code === 0, counts: appliedCounts(Buffer.concat(said).toString('utf8')) };
    },
  };
}

/** `terraform plan` with the run's options. */
export function planArguments({
  job,
  planFile,
  variablesFile,
}: Pick<Operation, 'job' | 'planFile' | 'variablesFile'>): string[] {
  return [
    'plan',
    '-input=false',
    '-detailed-exitcode',
    `-out=${planFile}`,
    `-var-file=${variablesFile}`,
    ...(job.isDestroy ? ['-destroy'] : []),
    ...(job.refreshOnly ? ['-refresh-only'] : []),
    ...(job.refresh ? [] : ['-refresh=false']),
    ...job.targets.map((address) => `-target=${address}`),
    ...job.replace.map((address) => `-replace=${address}`),
  ];
}

/** The changes of a plan in JSON. As in Terraform, a replacement counts as one addition and one destruction. */
export function plannedCounts(planJson: string): Counts {
  const changes = planAnswer.parse(JSON.parse(planJson)).resource_changes.map(({ change }) => change);
  const withAction = (action: string): number => changes.filter(({ actions }) => actions.includes(action)).length;
  return {
    additions: withAction('create'),
    changes: withAction('update'),
    destructions: withAction('delete'),
    imports: changes.filter(({ importing }) => importing !== undefined && importing !== null).length,
  };
}

/** The changes of an apply, from its output: the last line, or for a failed apply the resources that it finished. */
export function appliedCounts(output: string): Counts {
  const text = stripVTControlCharacters(output);
  const summary = /^Apply complete! Resources: (.*)\.$/m.exec(text)?.[1];
  if (summary !== undefined) {
    const named = (word: string): number => Number(new RegExp(`([0-9]+) ${word}`).exec(summary)?.[1] ?? 0);
    return {
      additions: named('added'),
      changes: named('changed'),
      destructions: named('destroyed'),
      imports: named('imported'),
    };
  }
  const finished = (word: string): number => text.match(new RegExp(`: ${word} complete`, 'g'))?.length ?? 0;
  return {
    additions: finished('Creation'),
    changes: text.match(/: Modifications complete/g)?.length ?? 0,
    destructions: finished('Destruction'),
    imports: finished('Import'),
  };
}
