/** The rotation with one deliberate mistake each. The worlds must notice every one of them. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Edit } from '../../simulation/mutants.ts';
import type { Rotation } from './world.ts';

const edit = (file: string, find: string, replace: string): Edit => ({ file, find, replace });

export interface RotationMutant {
  readonly name: string;
  readonly edits: readonly Edit[];
}

export const MUTANTS: readonly RotationMutant[] = [
  {
    name: 'the old token is revoked at once',
    edits: [edit('core/rotation.ts', 'if (oldTasks.length > 0 || !isQuiet) return', 'if (nowMs < 0) return')],
  },
  {
    name: 'the old token is revoked on schedule, whatever tasks are alive',
    edits: [edit('core/rotation.ts', "status !== 'STOPPED' && createdAtMs", "status === 'NONE' && createdAtMs")],
  },
  {
    name: 'tasks that were created just after the new version do not count',
    edits: [edit('core/rotation.ts', 'READ_MARGIN_MS = 60_000', 'READ_MARGIN_MS = 0')],
  },
  {
    name: 'only running tasks count, and not those that ECS shows late',
    edits: [
      edit('core/rotation.ts', 'READ_MARGIN_MS = 60_000', 'READ_MARGIN_MS = 1_000'),
      edit('core/rotation.ts', 'QUIET_MS = 20_000', 'QUIET_MS = 1'),
    ],
  },
  {
    name: 'the date of the last change does not count, so that a label can move back unnoticed',
    edits: [edit('core/rotation.ts', 'Math.max(current.createdAtMs, changedAtMs)', 'current.createdAtMs')],
  },
  {
    name: 'a token is created before abandoned ones are looked for',
    edits: [
      edit(
        'core/rotation.ts',
        'if (abandoned.length > 0) return',
        'if (rotated && old.length === 0 && abandoned.length > 0) return',
      ),
      edit('core/rotation.ts', 'patient && young.length > 0 ?', 'nowMs < 0 ?'),
    ],
  },
  {
    name: 'abandoned tokens are never revoked',
    edits: [edit('core/rotation.ts', 'if (abandoned.length > 0) return', 'if (nowMs < 0) return')],
  },
  {
    name: 'a young token that no secret contains yet counts as abandoned',
    edits: [edit('core/rotation.ts', 'ORPHAN_AGE_MS = 600_000', 'ORPHAN_AGE_MS = 0')],
  },
  {
    name: 'a token of another secret counts as abandoned',
    edits: [
      edit(
        'core/agent-tokens.ts',
        'return description.startsWith(',
        "const isIn = (text: string) => description.startsWith(text.split(' in ')[0] ?? '');\n  return isIn(",
      ),
    ],
  },
  {
    name: 'only the first page of tokens is read',
    edits: [
      edit('adapters/hcp-terraform.ts', "meta?.pagination?.['next-page'] ?? undefined", 'undefined'),
      edit('adapters/hcp-terraform.ts', "meta?.pagination?.['total-count'] ?? all.size", 'all.size'),
    ],
  },
  {
    name: 'only the first page of tasks is read',
    edits: [edit('adapters/ecs.ts', 'arns.push(arn);', 'arns.push(arn);\n      return;')],
  },
  {
    name: 'a token that somebody else created is revoked',
    edits: [edit('core/rotation.ts', '=> !named.has(id));', "=> !named.has(id) && id === 'x');")],
  },
  {
    name: 'only the current value is ever old enough, and not an earlier token that still works',
    edits: [
      edit(
        'core/rotation.ts',
        'const ageMs = oldestAgeMs(state);',
        "const its = state.versions.filter(({ labels }) => labels.includes('AWSCURRENT'));\n  const ageMs = oldestAgeMs({ ...state, versions: its });",
      ),
    ],
  },
  {
    name: 'an agent outside the stack does not count',
    edits: [edit('core/rotation.ts', 'strangers.length > 0 && !force', 'strangers.length > 1_000')],
  },
  {
    name: 'the version of the secret does not contain the id of the token',
    edits: [edit('rotate-pool.ts', 'const version = versionOfToken(id);', "const version = id.padEnd(40, '-');")],
  },
];

/** Loads a copy of `functions/token-rotation` from another folder. */
export async function loadRotation(folder: string): Promise<Rotation> {
  const url = (file: string): string => pathToFileURL(join(folder, file)).href;
  const rotateModule: typeof import('../../../functions/token-rotation/rotate.ts') = await import(url('rotate.ts'));
  const hcp: typeof import('../../../functions/token-rotation/adapters/hcp-terraform.ts') = await import(
    url('adapters/hcp-terraform.ts')
  );
  const secrets: typeof import('../../../functions/token-rotation/adapters/secrets-manager.ts') = await import(
    url('adapters/secrets-manager.ts')
  );
  const ecs: typeof import('../../../functions/token-rotation/adapters/ecs.ts') = await import(url('adapters/ecs.ts'));
  return {
    rotate: rotateModule.rotate,
    HcpTerraformTokens: hcp.HcpTerraformTokens,
    SecretsManagerTokens: secrets.SecretsManagerTokens,
    EcsPoolTasks: ecs.EcsPoolTasks,
  };
}
