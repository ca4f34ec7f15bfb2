/** Checks of the agents' images: whether they exist, and how old their agents are. */
import { isOlder } from '../../../lib/agent/version.ts';
import { countedInWords, listed } from '../sentences.ts';
import { AGENT_RELEASES, type AgentRelease, CHANGELOG_URL, TABLE_DATE } from './agent-releases.ts';
import { couldNotCheck, error, type Finding, note, type Observed, ok, warning } from './findings.ts';
import type { Target, TargetImage } from './target.ts';

/** An image that tasks pull from a registry, or that the deployment copies from there. */
export interface PulledImage {
  readonly reference: string;
  /** Whether the deployment copies it into ECR. */
  readonly copied: boolean;
  readonly pools: readonly string[];
}

/** The images that must exist in a registry, without duplicates. Built images don't exist before the deployment. */
export function pulledImages({ pools }: Target): PulledImage[] {
  const uses = pools.flatMap(({ name, lanes }) =>
    lanes.flatMap(({ task }) => {
      const image = 'value' in task ? task.value.image : {};
      const reference = image.reference ?? image.copyOf;
      return reference === undefined ? [] : [{ reference, copied: image.copyOf !== undefined, pool: name }];
    }),
  );
  return [...Map.groupBy(uses, ({ reference }) => reference)].map(([reference, same]) => ({
    reference,
    copied: same.some(({ copied }) => copied),
    pools: [...new Set(same.map(({ pool }) => pool))],
  }));
}

/** `hidden`: the registry wants a login that doctor doesn't have. */
export type ImageState = 'exists' | 'missing' | 'hidden';

/** @param permission what the check needs, such as `ecr:DescribeImages` */
export function checkImage(image: PulledImage, state: Observed<ImageState>, permission: string): Finding[] {
  const { reference, copied, pools } = image;
  const name = `The image ${reference} of pool ${pools.join(' and ')}`;
  if ('failure' in state) {
    const finding = couldNotCheck('image.exists', `the image ${reference}`, state.failure, permission);
    // Tasks reach other registries from their own network, so that this machine's network says little.
    return [permission.startsWith('ecr:') ? finding : { ...finding, severity: 'note' }];
  }
  if (state.value === 'missing') {
    return [
      error('image.exists', {
        what: `${name} doesn’t exist.`,
        why: copied ? 'The deployment can’t copy it, and fails.' : 'Tasks can’t pull it, so no agent starts.',
        todo: 'Correct agentImage.registry or pools[].image, or push the image again; then deploy.',
      }),
    ];
  }
  if (state.value === 'hidden') {
    return [
      note('image.exists', {
        what: `${name} is in a registry that wants a login, so doctor can’t check it.`,
        why: 'If it doesn’t exist, no agent starts.',
        todo: 'Check with your registry that this image exists.',
      }),
    ];
  }
  return [ok('image.exists', `${name} exists.`), ...pinFindings(image, name)];
}

function* pinFindings({ reference, copied }: PulledImage, name: string): Iterable<Finding> {
  if (copied || reference.includes('@sha256:')) return;
  yield note('image.digest', {
    what: `${name} has no digest.`,
    why: 'Its tag can move to another image between two jobs.',
    todo: 'Add the digest: "node agent-image/print-digest.mjs" prints that of HashiCorp’s images. Or set agentImage.copy to true.',
  });
}

/** Versions of the agent by pool, as the settings or the image's tag show them. */
export function agentVersions({ pools }: Target): { readonly version: string | undefined; readonly pools: string[] }[] {
  const uses = pools.flatMap(({ name, lanes }) =>
    lanes.flatMap(({ task }) => ('value' in task ? { version: versionOf(task.value.image), pool: name } : [])),
  );
  return [...Map.groupBy(uses, ({ version }) => version)].map(([version, same]) => ({
    version,
    pools: [...new Set(same.map(({ pool }) => pool))],
  }));
}

function versionOf({ agentVersion }: TargetImage): string | undefined {
  return agentVersion;
}

/**
 * How old an agent is, and which vulnerabilities the newer releases fix.
 *
 * @param released versions that HashiCorp lists now; a failure: only the table in this repository is known
 */
export function checkAgentAge(
  { version, pools }: { readonly version: string | undefined; readonly pools: readonly string[] },
  released: Observed<readonly string[]>,
  table: readonly AgentRelease[] = AGENT_RELEASES,
): Finding {
  const id = 'image.agent-age';
  const of = `of pool ${pools.join(' and ')}`;
  if (version === undefined) {
    return note(id, {
      what: `The image ${of} doesn’t show the version of its agent.`,
      why: 'Most releases of the agent fix vulnerabilities, and doctor can’t tell whether this one has the fixes.',
      todo: `Compare the version that the agent’s log shows with ${CHANGELOG_URL}`,
    });
  }
  const listedNow = 'value' in released ? released.value : [];
  const known = [...new Set([...table.map((release) => release.version), ...listedNow])];
  const newer = known.filter((other) => isOlder(version, other)).sort((a, b) => (isOlder(a, b) ? 1 : -1));
  const asOf =
    'value' in released ? '' : ` by the changelog of ${TABLE_DATE} (releases.hashicorp.com can’t be reached)`;
  const [newest] = newer;
  if (newest === undefined) return ok(id, `Agent ${version} ${of} is the newest release${asOf}.`);
  const behind = `Agent ${version} ${of} is ${countedInWords(newer.length, 'release')} behind ${newest}${asOf}`;
  const fixing = table.filter((release) => release.fixes !== undefined && isOlder(version, release.version));
  const fixes = [...new Set(fixing.flatMap((release) => release.fixes ?? []))];
  const todo = `Set agentImage.version (or the tag of agentImage.registry) to ${newest}, and deploy. What changed: ${CHANGELOG_URL}`;
  if (fixing.length === 0) {
    return note(id, {
      what: `${behind}.`,
      why: 'The changelog names no vulnerability that the newer releases fix.',
      todo,
    });
  }
  return warning(id, {
    what: `${behind}. ${fixing.length === 1 ? 'One of the newer releases fixes' : `${fixing.length} of the newer releases fix`} vulnerabilities${fixes.length === 0 ? ', which the changelog doesn’t name' : `: ${listed(fixes, 8)}`}.`,
    why: 'The agent runs the code of your workspaces and has their credentials.',
    todo,
  });
}
