/**
 * Runs the checks of `doctor`.
 *
 * First it reads the three facts that the others depend on: who the caller is in AWS, the settings, and whether the stack exists. Then the
 * groups run in parallel. Each group reads its facts and asks its checks in `core/doctor`. A read that fails becomes a finding of its check.
 */
import type { Settings } from '../../lib/settings/parse.ts';
import type { Deployment } from '../aws/deployment.ts';
import type { Context } from '../context.ts';
import { rejectedTokenSecret } from '../core/api-token.ts';
import { checkIdentity, type Identity } from '../core/doctor/account.ts';
import { checkAlarmSettings } from '../core/doctor/alarm-receivers.ts';
import { checkStackWithoutLauncher } from '../core/doctor/deployment.ts';
import { type Finding, GROUPS, type Group, type Observed } from '../core/doctor/findings.ts';
import { checkSettings, type SettingsState } from '../core/doctor/machine.ts';
import { checkArchitectureChange } from '../core/doctor/pool.ts';
import { checkNoTarget, skipped } from '../core/doctor/skipped.ts';
import { type Target, targetOfSettings } from '../core/doctor/target.ts';
import { secretLabelOf } from '../core/secret-name.ts';
import { usersToken } from '../hcp-terraform/token.ts';
import { accountFindings, observeIdentity } from './account.ts';
import { deploymentFindings, observeDeployment, targetOf } from './deployment.ts';
import { imageFindings } from './image.ts';
import { machineFindings, readSettings } from './machine.ts';
import { networkFindings } from './network.ts';
import { observePools, poolFindings } from './pool.ts';
import { quotaFindings } from './quotas.ts';
import { secretFindings } from './secrets.ts';
import { serviceFindings } from './services.ts';
import { Tokens, tokenFindings } from './token.ts';
import { unservedFindings } from './unserved.ts';

export interface DoctorOptions {
  /** Default: all. */
  readonly groups: readonly Group[];
  /** Checks the settings even if the stack exists. */
  readonly onlySettings: boolean;
  /** Reads the values of all secrets, to check their form. */
  readonly readSecrets: boolean;
  /** Age in hours from which on a task is old. */
  readonly taskHours: number;
  /** Overrides of settings: `name=value`, as with the CDK. */
  readonly overrides: readonly string[];
}

export interface Diagnosis {
  readonly checked: 'deployment' | 'settings' | 'nothing';
  readonly findings: readonly Finding[];
}

/** What every group gets. */
export interface Checkup {
  readonly context: Context;
  readonly options: DoctorOptions;
  readonly identity: Observed<Identity>;
  readonly settings: Settings | undefined;
  readonly settingsState: SettingsState;
  /** The deployed stack; `undefined`: there is none. */
  readonly deployment: Deployment | undefined;
}

/** A checkup that knows what to check. */
export interface TargetCheckup extends Checkup {
  readonly target: Target;
  readonly tokens: Tokens;
}

export async function diagnose(context: Context, options: DoctorOptions): Promise<Diagnosis> {
  const identity = await observeIdentity(context);
  const { settings, state: settingsState } = readSettings(context, options.overrides, identity);
  const deployed = 'value' in identity ? await observeDeployment(context) : identity;
  const deployment = 'value' in deployed && !options.onlySettings ? deployed.value : undefined;
  const checkup: Checkup = { context, options, identity, settings, settingsState, deployment };
  const wants = (group: Group): boolean => options.groups.includes(group);

  const general = await Promise.all([
    wants('machine') ? machineFindings(checkup) : [],
    'failure' in identity ? [checkIdentity(identity)] : wants('account') ? accountFindings(checkup) : [],
    'failure' in deployed && 'value' in identity ? [stackUnread(deployed)] : [],
    'withoutLauncher' in deployed && !options.onlySettings
      ? [checkStackWithoutLauncher(context.options.stack, deployed.withoutLauncher ?? '')]
      : [],
    // Without a stack, wrong settings are a reason why other groups can't be checked.
    !wants('machine') && settings === undefined && deployment === undefined ? checkSettings(settingsState, false) : [],
  ]);
  const target =
    deployment !== undefined
      ? await targetOf(context, deployment)
      : settings === undefined
        ? undefined
        : targetOfSettings(settings);
  const others = GROUPS.filter((group) => wants(group) && group !== 'machine' && group !== 'account');
  if (target === undefined) {
    const why = options.onlySettings ? 'settings-only' : 'failure' in identity ? 'unknown-stack' : 'no-stack';
    return { checked: 'nothing', findings: [...general.flat(), ...checkNoTarget(others, why)] };
  }
  const tokens = new Tokens(context, target, 'value' in identity);
  try {
    const findings = await targetFindings({ ...checkup, target, tokens }, others);
    return { checked: target.from, findings: [...general.flat(), ...findings] };
  } finally {
    await tokens.close();
  }
}

async function targetFindings(checkup: TargetCheckup, groups: readonly Group[]): Promise<Finding[]> {
  const { context, target, deployment, settings, identity } = checkup;
  const pools = groups.some((group) => ['token', 'pool', 'network'].includes(group))
    ? observePools(checkup)
    : undefined;
  const checks: Partial<Record<Group, () => Promise<Finding[]>>> = {
    quotas: () => quotaFindings(checkup),
    secrets: () => secretFindings(checkup),
    token: async () => tokenFindings(checkup, (await pools) ?? []),
    pool: async () => [
      ...(await poolFindings(checkup, (await pools) ?? [])),
      ...(await unservedFindings(checkup)),
      ...(deployment !== undefined && settings !== undefined
        ? checkArchitectureChange(target, targetOfSettings(settings))
        : []),
    ],
    image: () => imageFindings(checkup),
    network: async () => [
      ...(await networkFindings(checkup, (await pools) ?? [])),
      ...(target.from === 'settings' ? await serviceFindings(checkup) : []),
    ],
    deployment: async () =>
      deployment === undefined ? checkAlarmSettings(settings ?? {}) : deploymentFindings(checkup, deployment),
  };
  // Without AWS, the launcher's token can't be read either. A token of the user's own still shows the pools.
  const needsAws: readonly Group[] =
    'value' in identity
      ? []
      : usersToken(target.hostname, context.io.env) === undefined
        ? ['quotas', 'secrets', 'token', 'pool', 'network', 'deployment']
        : ['quotas', 'secrets', 'token', 'deployment'];
  const left = groups.filter((group) => needsAws.includes(group));
  const results = await Promise.all(
    groups.filter((group) => !left.includes(group)).map((group) => checks[group]?.() ?? []),
  );
  return [...withoutRepetition(results.flat()), ...skipped(left, 'AWS can’t be used')];
}

/** A rejected token is one problem, although the check of the token and the last tick both show it. */
function withoutRepetition(findings: readonly Finding[]): Finding[] {
  const rejected = findings.filter(({ id, severity }) => id === 'token.valid' && severity === 'error');
  return findings.filter(({ id, what }) => {
    const secret = id === 'deployment.token-rejected' ? rejectedTokenSecret(what) : undefined;
    return secret === undefined || !rejected.some((finding) => finding.what.includes(secretLabelOf(secret)));
  });
}

function stackUnread(deployed: Observed<unknown>): Finding {
  const reason = 'failure' in deployed ? deployed.failure : { reason: '', kind: 'failed' as const };
  return {
    id: 'deployment.stack',
    severity: 'warning',
    what: `Could not check whether the stack exists: ${reason.reason}`,
    why: 'If it exists, doctor checks only the settings in cdk.json, not what runs.',
    todo: 'Allow cloudformation:DescribeStacks and lambda:GetFunctionConfiguration, or follow the message.',
  };
}
