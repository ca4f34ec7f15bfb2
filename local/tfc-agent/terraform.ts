/** The engine that runs the real Terraform CLI. Its colored output is the run's log. */
import { stripVTControlCharacters } from 'node:util';
import * as z from 'zod';
import type { JobResult } from '../hcp-terraform/agent-protocol.ts';
import type { Counts, Engine, Operation } from './engine.ts';
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
  async function run(
    { directory: cwd, env, write, stops }: Operation,
    args: readonly string[],
    onStdout: (chunk: Buffer) => void,
    onStderr = onStdout,
  ): Promise<ProgramExit> {
    const exit = await runProgram({ command, args, cwd, env, onStdout, onStderr }, stops, ownGroup);
    if (exit.killedBy !== undefined) {
      const what = `terraform ${args[0]} was killed from outside by ${exit.killedBy} (exit code ${exit.code})`;
      progress(what);
      write(`\nError: ${what}.\nNobody canceled this run. The usual cause is a lack of memory.\n`);
    }
    return exit;
  }

  async function stdoutOf(operation: Operation, args: readonly string[]): Promise<string | undefined> {
    const chunks: Buffer[] = [];
    const { code } = await run(operation, args, (chunk) => chunks.push(chunk), operation.write);
    return code === 0 ? Buffer.concat(chunks).toString('utf8') : undefined;
  }

  /** Prints the Terraform version and runs `init`. As in the real agent, the log contains the output of `init` only if it failed. */
  async function prepare(operation: Operation): Promise<boolean> {
    const version = versionAnswer.safeParse(JSON.parse((await stdoutOf(operation, ['version', '-json'])) ?? 'null'));
    if (!version.success) return false;
    operation.write(`Terraform v${version.data.terraform_version}\non ${version.data.platform}\n`);
    operation.write('Initializing plugins and modules...\n');
    progress('Running terraform init');
    const output: Buffer[] = [];
    const { code } = await run(operation, ['init', '-input=false'], (chunk) => output.push(chunk));
    if (code !== 0) operation.write(Buffer.concat(output));
    return code === 0;
  }

  return {
    async plan(operation): Promise<JobResult> {
      if (!(await prepare(operation))) return { status: 'errored' };
      progress('Running terraform plan');
      const { code } = await run(operation, planArguments(operation), operation.write);
      if (code !== PLANNED_WITHOUT_CHANGES && code !== PLANNED_WITH_CHANGES) return { status: 'errored' };
      progress('Generating and uploading plan JSON');
      const planJson = await stdoutOf(operation, ['show', '-json', operation.planFile]);
      if (planJson === undefined) return { status: 'errored' };
      // The CLI needs the provider schemas to show a saved plan.
      const providerSchemasJson = await stdoutOf(operation, ['providers', 'schema', '-json']);
      const hasChanges = code === PLANNED_WITH_CHANGES;
      return { status: 'finished', hasChanges, ...plannedCounts(planJson), planJson, providerSchemasJson };
    },
    async apply(operation): Promise<JobResult> {
      if (!(await prepare(operation))) return { status: 'errored' };
      progress('Running terraform apply');
      const output: Buffer[] = [];
      const { code } = await run(operation, ['apply', '-input=false', operation.planFile], (chunk) => {
        output.push(chunk);
        operation.write(chunk);
      });
      const counts = appliedCounts(Buffer.concat(output).toString('utf8'));
      return { status: code === 0 ? 'finished' : 'errored', ...counts };
    },
  };
}

/** `terraform plan` with the run's options. */
export function planArguments(operation: Pick<Operation, 'job' | 'planFile' | 'variablesFile'>): string[] {
  const { job, planFile, variablesFile } = operation;
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

/** Counts the changes in a JSON plan. As in Terraform, a replacement counts as one addition and one destruction. */
export function plannedCounts(planJson: string): Counts {
  const changes = planAnswer.parse(JSON.parse(planJson)).resource_changes.map(({ change }) => change);
  const withAction = (action: string): number => changes.filter(({ actions }) => actions.includes(action)).length;
  return {
    resourceAdditions: withAction('create'),
    resourceChanges: withAction('update'),
    resourceDestructions: withAction('delete'),
    resourceImports: changes.filter(({ importing }) => importing !== undefined && importing !== null).length,
  };
}

/** Counts the changes in the output of an apply: from the last line, or after a failure from the finished resources. */
export function appliedCounts(output: string): Counts {
  const text = stripVTControlCharacters(output);
  const summary = /^Apply complete! Resources: (.*)\.$/m.exec(text)?.[1];
  const count = (inSummary: string, ofResource: string): number =>
    summary === undefined
      ? text.split(`: ${ofResource} complete`).length - 1
      : Number(new RegExp(`([0-9]+) ${inSummary}`).exec(summary)?.[1] ?? 0);
  return {
    resourceAdditions: count('added', 'Creation'),
    resourceChanges: count('changed', 'Modifications'),
    resourceDestructions: count('destroyed', 'Destruction'),
    resourceImports: count('imported', 'Import'),
  };
}
