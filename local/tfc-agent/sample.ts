/** The engine for a machine without Terraform. It has one sample resource for all configurations, and the run's log says so. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { type Counts, type Engine, NO_COUNTS, type Operation, stateFile } from './engine.ts';

const samplePlan = z.object({ action: z.enum(['create', 'delete', 'no-op']) });
type Action = z.infer<typeof samplePlan>['action'];

const stateAnswer = z.object({ serial: z.number(), lineage: z.string(), resources: z.array(z.unknown()) });
type State = z.infer<typeof stateAnswer>;

const NOTICE =
  'There is no terraform on the PATH of this agent: the built-in sample is executed in place of the configuration.\n\n';
const TERRAFORM_VERSION = '1.11.4';

export const sampleEngine: Engine = {
  async plan(operation) {
    operation.write(NOTICE);
    const state = await readState(operation);
    const exists = (state?.resources.length ?? 0) > 0;
    const { isDestroy, refreshOnly } = operation.job;
    const action: Action = refreshOnly || exists !== isDestroy ? 'no-op' : isDestroy ? 'delete' : 'create';
    await writeFile(operation.planFile, JSON.stringify({ action } satisfies z.infer<typeof samplePlan>));
    operation.write(planText(action));
    const hasChanges = action !== 'no-op';
    return { status: 'finished', hasChanges, ...countsOf(action), planJson: planJson(action) };
  },
  async apply(operation) {
    operation.write(NOTICE);
    const { action } = samplePlan.parse(JSON.parse(await readFile(operation.planFile, 'utf8')));
    const file = stateFile(operation.directory, operation.job.workspaceName);
    const before = await readState(operation);
    await mkdir(dirname(file), { recursive: true });
    if (action === 'no-op' && before === undefined) await rm(file, { force: true });
    else if (action !== 'no-op') await writeFile(file, stateText(operation.job.workspaceId, before, action));
    const counts = countsOf(action);
    if (action === 'create') {
      operation.write('terraform_data.sample: Creating...\nterraform_data.sample: Creation complete after 0s\n');
    }
    if (action === 'delete') {
      operation.write('terraform_data.sample: Destroying...\nterraform_data.sample: Destruction complete after 0s\n');
    }
    const { resourceAdditions: added, resourceDestructions: destroyed } = counts;
    operation.write(`\nApply complete! Resources: ${added} added, 0 changed, ${destroyed} destroyed.\n`);
    return { status: 'finished', ...counts };
  },
};

function countsOf(action: Action): Counts {
  return {
    ...NO_COUNTS,
    resourceAdditions: action === 'create' ? 1 : 0,
    resourceDestructions: action === 'delete' ? 1 : 0,
  };
}

function planText(action: Action): string {
  if (action === 'no-op') return 'No changes. Your infrastructure matches the configuration.\n';
  const [sign, will, additions, destructions] = action === 'create' ? ['+', 'created', 1, 0] : ['-', 'destroyed', 0, 1];
  return `Terraform will perform the following actions:

  # terraform_data.sample will be ${will}
  ${sign} resource "terraform_data" "sample" {
    }

Plan: ${additions} to add, 0 to change, ${destructions} to destroy.
`;
}

const RESOURCE = { mode: 'managed', type: 'terraform_data', name: 'sample' } as const;

function planJson(action: Action): string {
  const address = 'terraform_data.sample';
  const provider = { provider_name: 'terraform.io/builtin/terraform' };
  return JSON.stringify({
    format_version: '1.2',
    terraform_version: TERRAFORM_VERSION,
    resource_changes: [{ address, ...RESOURCE, ...provider, change: { actions: [action] } }],
  });
}

async function readState({ directory, job }: Operation): Promise<State | undefined> {
  const text = await readFile(stateFile(directory, job.workspaceName), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : stateAnswer.parse(JSON.parse(text));
}

/** A state that the real Terraform can read. IDs are derived from the workspace, so that the sample is always the same. */
function stateText(workspaceId: string, before: State | undefined, action: Action): string {
  const hex = createHash('sha256').update(workspaceId).digest('hex');
  const uuid = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
  const attributes = { id: uuid, input: null, output: null, triggers_replace: null };
  const instances = [{ schema_version: 0, attributes, sensitive_attributes: [] }];
  const resource = { ...RESOURCE, provider: 'provider["terraform.io/builtin/terraform"]', instances };
  const state = {
    version: 4,
    terraform_version: TERRAFORM_VERSION,
    serial: (before?.serial ?? 0) + 1,
    lineage: before?.lineage ?? uuid,
    outputs: {},
    resources: action === 'delete' ? [] : [resource],
    check_results: null,
  };
  return JSON.stringify(state, null, 2);
}
