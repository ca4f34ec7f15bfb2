/** The steps of the plan in words: for the summary, for `--dry-run`, and for what is left after a failure. */
import { CALLS, type PoolScope } from '../pool-calls.ts';
import { agentSecretFinding, type Existing, type Step, scopeOf } from './plan.ts';

/** Where the steps act. */
export interface Where {
  readonly hostname: string;
  readonly organization: string;
  readonly account: string;
  readonly region: string;
}

/** What an image from a registry costs in security. docs/decisions/0009-no-init-process.md says why. */
export const REGISTRY_IMAGE_RISK =
  'In an image from a registry, Terraform providers can read the agent token. An image that the deployment builds hides the token from them (--image build).';

/** What exists already, one line each. */
export function existingInWords(existing: Existing): readonly string[] {
  const { pool, agentSecret, apiSecret } = existing;
  const found = agentSecretFinding(existing);
  const lines: string[] = [];
  if (pool !== undefined) {
    const { kind } = scopeOf(pool);
    const users = kind === 'organization' ? 'every project can use it' : 'limited to some projects or workspaces';
    lines.push(`Agent pool ${pool.name} (${pool.id}): ${users}`);
  }
  if (agentSecret.state !== 'missing') {
    const what: Readonly<Record<typeof found.finding, string>> = {
      missing: 'is scheduled for deletion',
      empty: 'has no value',
      valid: `has the agent token ${'tokenId' in found ? found.tokenId : ''} of the pool`,
      dead: `has the agent token ${'tokenId' in found ? found.tokenId : ''}, which this pool doesn't have`,
      unknown: "has a value; the API can't show which token it is",
    };
    lines.push(`Secret ${agentSecret.name} ${what[found.finding]}`);
  }
  if (apiSecret.state !== 'missing') {
    const what = { empty: 'has no value', deleted: 'is scheduled for deletion', 'has-value': 'has a value' };
    lines.push(`Secret ${apiSecret.name} ${what[apiSecret.state]}`);
  }
  return lines;
}

/** One line per step: what will exist afterwards. */
export function stepInWords(step: Step): string {
  switch (step.kind) {
    case 'create-pool':
      return `create the agent pool ${step.name} for ${scopeInWords(step.scope)}`;
    case 'scope-pool':
      return `let only ${scopeInWords(step.scope)} use the agent pool ${step.pool.name}`;
    case 'create-agent-token':
      return 'create an agent token of the pool';
    case 'store-agent-token':
      return `store the agent token ${inSecret(step)}`;
    case 'store-api-token':
      return `store the launcher's API token ${inSecret(step)}`;
    case 'write-settings':
      return `write ${step.changes.length === 1 ? 'one setting' : `${step.changes.length} settings`} to ${step.shown}`;
  }
}

function inSecret({ secret, how, previous }: { secret: string; how: 'create' | 'put'; previous: string | undefined }) {
  if (how === 'create') return `in the new secret ${secret}`;
  return previous === undefined ? `in the empty secret ${secret}` : `in the secret ${secret}, and replace its value`;
}

export function scopeInWords(scope: PoolScope): string {
  if (scope.kind === 'organization') return 'every project';
  const names = scope.projects.map(({ name }) => name);
  if (names.length === 0) return 'no project';
  return `${names.length === 1 ? 'the project' : 'the projects'} ${names.join(', ')}`;
}

/** The call of the step as `--dry-run` prints it: method and URL or action, and the body without secrets. */
export function callOf(step: Step, { hostname, region }: Where): string {
  const http = ({ method, path, body }: { method: string; path: string; body: object }): string =>
    `${method} https://${hostname}${path}\n${JSON.stringify(body, undefined, 2)}`;
  switch (step.kind) {
    case 'create-pool':
      return http(CALLS.createPool(step.organization, step.name, step.scope));
    case 'scope-pool':
      return http(CALLS.scopePool(step.pool.id, step.pool.name, step.scope));
    case 'create-agent-token':
      return http(CALLS.createToken(step.poolId ?? '<id of the new pool>', step.description));
    case 'store-agent-token':
    case 'store-api-token': {
      const key = step.how === 'create' ? 'Name' : 'SecretId';
      const body = { [key]: step.secret, SecretString: '<not shown>' };
      const action = step.how === 'create' ? 'CreateSecret' : 'PutSecretValue';
      return `secretsmanager ${action} in ${region}\n${JSON.stringify(body, undefined, 2)}`;
    }
    case 'write-settings': {
      const lines = step.changes.map(({ path, from, to }) => `${path}: ${shownValue(from)} → ${shownValue(to)}`);
      return `write ${step.shown}\n${lines.join('\n')}`;
    }
  }
}

/** Values that new settings replace, although only earlier ones can have stored them. */
export function replacedByNewSettings(steps: readonly Step[]): readonly string[] {
  return steps.flatMap((step) => {
    if ((step.kind !== 'store-agent-token' && step.kind !== 'store-api-token') || step.previous === undefined)
      return [];
    const option = step.kind === 'store-api-token' ? '--api-token-secret' : '--agent-token-secret';
    return `The secret ${step.secret} has a value, and these settings are new. If another stack uses the secret, it gets the new value, too. To keep them apart, pass another name with ${option}.`;
  });
}

/** A value of a setting in one line. */
export function shownValue(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value);
}

/** Where the value is that setup stored, after the value before it was restored. */
export function replacedInWords(
  { secret, version }: { readonly secret: string; readonly version: string },
  { region }: Pick<Where, 'region'>,
): string {
  const command = `aws secretsmanager update-secret-version-stage --region ${region} --secret-id ${secret} --version-stage AWSPREVIOUS --remove-from-version-id ${version}`;
  return `The secret ${secret} has its earlier value again. Its version AWSPREVIOUS still has the value that setup stored. Remove the label:\n    ${command}`;
}

/** What a step left behind, and the command or the page that removes it. */
export interface Leftover {
  readonly what: string;
  readonly remove: string;
}

/** What may be left of a step that could not be undone. @param id of the pool or the token, if it is known */
export function leftoverOf(step: Step, id: string | undefined, where: Where): Leftover {
  const { hostname, organization, region } = where;
  const page = `https://${hostname}/app/${organization}/settings/agents`;
  const request = (method: string, path: string, body?: object): string =>
    [
      `curl -X ${method} -H "Authorization: Bearer $TFE_TOKEN" -H 'Content-Type: application/vnd.api+json'`,
      ...(body === undefined ? [] : [`-d '${JSON.stringify(body)}'`]),
      `https://${hostname}${path}`,
    ].join(' ');
  const aws = (command: string): string => `aws secretsmanager ${command} --region ${region}`;
  switch (step.kind) {
    case 'create-pool':
      return id === undefined
        ? { what: `maybe the agent pool ${step.name}`, remove: `delete it on ${page}, if it is new` }
        : { what: `the agent pool ${step.name} (${id})`, remove: request('DELETE', `/api/v2/agent-pools/${id}`) };
    case 'scope-pool': {
      const { path, body } = CALLS.scopePool(step.pool.id, step.pool.name, step.before);
      return { what: `the new scope of the agent pool ${step.pool.name}`, remove: request('PATCH', path, body) };
    }
    case 'create-agent-token':
      return id === undefined
        ? { what: `maybe an agent token "${step.description}"`, remove: `revoke it on ${page}` }
        : { what: `the agent token ${id}`, remove: request('DELETE', `/api/v2/authentication-tokens/${id}`) };
    case 'store-agent-token':
    case 'store-api-token':
      if (step.how === 'create') {
        return {
          what: `the secret ${step.secret}`,
          remove: aws(`delete-secret --force-delete-without-recovery --secret-id ${step.secret}`),
        };
      }
      return {
        what: `the new value of the secret ${step.secret}`,
        remove:
          step.previous === undefined
            ? `store the right value in its place: ${aws(`put-secret-value --secret-id ${step.secret} --secret-string file://token.txt`)}`
            : aws(
                `update-secret-version-stage --secret-id ${step.secret} --version-stage AWSCURRENT --move-to-version-id ${step.previous} --remove-from-version-id ${id ?? 'VERSION'}`,
              ),
      };
    case 'write-settings':
      return { what: `the new settings in ${step.shown}`, remove: `git checkout ${step.shown}` };
  }
}
