/** Generates docs/deploy-policy/*.json: the policies that allow every mode of the settings. */
import {
  cdkCallerPolicy,
  executionPolicies,
  type NamedSettings,
  type Policy,
  releaseCallerPolicy,
  releaseExecutionPolicies,
  type Template,
} from '../../bin/deploy-policy/policies.ts';
import { parseSettings } from '../../lib/settings/parse.ts';
import { LEAST, REGISTRY_IMAGE, resourcesById, templateOf } from '../lib/synthesis.ts';
import { VALIDATED } from '../lib/validated-settings.ts';

export const DEPLOY_POLICY_FOLDER = 'docs/deploy-policy';

export const TARGET = { account: '123456789012', region: 'eu-central-1' };
const NAMES = { bucket: 'acme-agent-launcher', serviceRole: 'agent-launcher-cloudformation' };
const settings: NamedSettings = parseSettings({ agentLauncher: LEAST });

/** Templates of all modes. */
export function templatesOfAllModes(): Template[] {
  // The example has neither a boundary nor other names of roles.
  const others = VALIDATED.filter(({ roles }) => roles === undefined);
  return others.map((more) => ({ Resources: resourcesById(templateOf({ ...REGISTRY_IMAGE, ...more })) }));
}

/** Each file's name and contents. */
export function deployPolicyFiles(templates = templatesOfAllModes()): Map<string, string> {
  const numbered = (name: string, policies: readonly Policy[]) =>
    policies.map((policy, index) => [`${name}-${index + 1}.json`, policy] as const);
  const files = [
    ...numbered('execution', executionPolicies(templates, settings, TARGET)),
    ...numbered('release-execution', releaseExecutionPolicies(templates, settings, TARGET, NAMES)),
    ['caller-cdk.json', cdkCallerPolicy(TARGET)] as const,
    ['caller-release.json', releaseCallerPolicy(settings, TARGET, NAMES)] as const,
  ];
  return new Map(files.map(([name, policy]) => [name, `${JSON.stringify(policy, null, 2)}\n`]));
}
