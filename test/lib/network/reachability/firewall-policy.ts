/** The network firewalls of a template, and what their policies do with a connection: stateless stage, groups, defaults. */
import * as z from 'zod';
import { type Connection, decision, type EngineRule, engineRules } from './suricata.ts';
import { optionalText, type Resource, resourcesIn, text } from './template-values.ts';

/** A stateful rule group that a policy refers to. */
export interface StatefulGroup {
  readonly rules: string;
  readonly order: string;
}

/** The policy of a firewall. */
export interface FirewallPolicy {
  readonly statelessActions: readonly string[];
  readonly statelessFragmentActions: readonly string[];
  readonly order: string;
  readonly streamException: string;
  readonly defaultActions: readonly string[];
  /** In the order of their priorities. */
  readonly groups: readonly StatefulGroup[];
  /** Ranges of `$HOME_NET`, if the policy or a group sets them. Otherwise, AWS uses the VPC's. */
  readonly homeNet: readonly string[] | undefined;
}

/** The decision of a policy about a connection. */
export interface Verdict {
  readonly passes: boolean;
  /** The part of the policy that decided. */
  readonly by: string;
}

const strings = z.array(z.string());
const variables = z
  .looseObject({ IPSets: z.looseObject({ HOME_NET: z.looseObject({ Definition: strings }).optional() }).optional() })
  .optional();
const policySchema = z.looseObject({
  StatelessDefaultActions: strings,
  StatelessFragmentDefaultActions: strings,
  StatelessRuleGroupReferences: z.array(z.unknown()).default([]),
  StatefulDefaultActions: strings.default([]),
  StatefulRuleGroupReferences: z
    .array(z.looseObject({ ResourceArn: z.string(), Priority: z.number().default(0) }))
    .default([]),
  StatefulEngineOptions: z
    .looseObject({
      RuleOrder: z.string().default('DEFAULT_ACTION_ORDER'),
      StreamExceptionPolicy: z.string().optional(),
    })
    .default({ RuleOrder: 'DEFAULT_ACTION_ORDER' }),
  PolicyVariables: z.looseObject({ RuleVariables: variables }).optional(),
});
const groupSchema = z.looseObject({
  RulesSource: z.looseObject({ RulesString: z.string() }),
  StatefulRuleOptions: z.looseObject({ RuleOrder: z.string() }).default({ RuleOrder: 'DEFAULT_ACTION_ORDER' }),
  RuleVariables: variables,
});

/** Returns every firewall of the template, by its logical ID, with the rule groups that its policy refers to. */
export function firewallsIn(template: unknown): ReadonlyMap<string, FirewallPolicy> {
  const resources = resourcesIn(template);
  return new Map(
    resources
      .filter(({ type }) => type === 'AWS::NetworkFirewall::Firewall')
      .map((firewall) => {
        const policy = meant(resources, text(firewall, 'FirewallPolicyArn'), 'AWS::NetworkFirewall::FirewallPolicy');
        return [firewall.id, policyIn(policy, resources)];
      }),
  );
}

function policyIn({ id, properties }: Resource, resources: readonly Resource[]): FirewallPolicy {
  const policy = policySchema.parse(properties['FirewallPolicy']);
  // No stack has stateless rules, and this model can't evaluate them. So it throws instead of ignoring them.
  if (policy.StatelessRuleGroupReferences.length > 0) throw new Error(`${id} has stateless rule groups`);
  const groups = policy.StatefulRuleGroupReferences.toSorted((a, b) => a.Priority - b.Priority).map(({ ResourceArn }) =>
    groupSchema.parse(meant(resources, ResourceArn, 'AWS::NetworkFirewall::RuleGroup').properties['RuleGroup']),
  );
  return {
    statelessActions: policy.StatelessDefaultActions,
    statelessFragmentActions: policy.StatelessFragmentDefaultActions,
    order: policy.StatefulEngineOptions.RuleOrder,
    streamException: policy.StatefulEngineOptions.StreamExceptionPolicy ?? 'DROP',
    defaultActions: policy.StatefulDefaultActions,
    groups: groups.map((group) => ({
      rules: group.RulesSource.RulesString,
      order: group.StatefulRuleOptions.RuleOrder,
    })),
    homeNet: [policy.PolicyVariables?.RuleVariables, ...groups.map(({ RuleVariables }) => RuleVariables)]
      .map((each) => each?.IPSets?.HOME_NET?.Definition)
      .find((each) => each !== undefined),
  };
}

function meant(resources: readonly Resource[], reference: string, type: string): Resource {
  const found = resources.find(
    (each) => each.type === type && (reference === `<${each.id}>` || reference.startsWith(`<${each.id}.`)),
  );
  if (found === undefined) throw new Error(`${reference} is no ${type} of the template`);
  return found;
}

/** Returns the rules of a template's firewalls in their order, or `undefined` if there is no firewall. */
export function rulesIn(template: unknown): string | undefined {
  const [policy] = firewallsIn(template).values();
  return policy?.groups.map(({ rules }) => rules).join('\n');
}

/** The destination of a firewall's log. */
export interface FirewallLog {
  readonly firewall: string;
  readonly logType: string;
  readonly destinationType: string;
  readonly logGroup: string;
}

const loggingSchema = z.looseObject({
  LogDestinationConfigs: z.array(
    z.looseObject({
      LogType: z.string(),
      LogDestinationType: z.string(),
      LogDestination: z.record(z.string(), z.string()),
    }),
  ),
});

/** Returns every log of the template's firewalls. */
export function firewallLogsIn(template: unknown): FirewallLog[] {
  return resourcesIn(template)
    .filter(({ type }) => type === 'AWS::NetworkFirewall::LoggingConfiguration')
    .flatMap((logging) =>
      loggingSchema.parse(logging.properties['LoggingConfiguration']).LogDestinationConfigs.map((config) => ({
        firewall: optionalText(logging, 'FirewallArn') ?? '',
        logType: config.LogType,
        destinationType: config.LogDestinationType,
        logGroup: config.LogDestination['logGroup'] ?? '',
      })),
    );
}

const ACTION_ORDER = ['pass', 'drop', 'reject', 'alert'];

/**
 * The decision of a policy about a connection. Rules see only what the stateless stage forwards. If the policy or a group
 * has no strict order, rules are evaluated by their actions, and a connection that no rule decides about passes.
 * https://docs.aws.amazon.com/network-firewall/latest/developerguide/suricata-rule-evaluation-order.html
 */
export function verdict(policy: FirewallPolicy, connection: Connection): Verdict {
  if (policy.statelessActions.includes('aws:pass')) return { passes: true, by: 'the stateless stage' };
  if (!policy.statelessActions.includes('aws:forward_to_sfe')) return { passes: false, by: 'the stateless stage' };
  const isStrict = [policy, ...policy.groups].every(({ order }) => order === 'STRICT_ORDER');
  const rules = policy.groups.flatMap((group) => engineRules(group.rules));
  const rank = ({ action }: EngineRule) => ACTION_ORDER.indexOf(action);
  const rule = decision(isStrict ? rules : rules.toSorted((a, b) => rank(a) - rank(b)), connection);
  if (rule !== undefined) return { passes: rule.action === 'pass', by: rule.message };
  const drops = isStrict && policy.defaultActions.some((action) => action.startsWith('aws:drop_'));
  return { passes: !drops, by: 'the default action' };
}
