/** Runs cdk-nag's compliance packs over stacks, and pairs every finding with its reason in the code. */
import { type App, Validations } from 'aws-cdk-lib';
import {
  HIPAASecurityChecks,
  type IApplyRule,
  NagRuleCompliance,
  NIST80053R5Checks,
  PCIDSS321Checks,
  ServerlessChecks,
} from 'cdk-nag';
import type { IConstruct } from 'constructs';
import * as z from 'zod';
import { EXISTING_VPC, stackOf } from './synthesis.ts';

/** The packs, by their names in IDs of rules. */
export const PACKS = {
  'NIST.800.53.R5': 'NIST 800-53 R5',
  'HIPAA.Security': 'HIPAA Security',
  'PCI.DSS.321': 'PCI DSS 3.2.1',
  Serverless: 'Serverless',
} as const;

const nudge = { hmacKeySecret: 'acme/nudge-key' };
const agentTokenRotation = { days: 30, apiTokenSecret: 'acme/rotation-api-token' };
const phases = { plan: { cpu: 512, memoryMiB: 1024 }, apply: {} };
const taskRoleStatements = [{ Effect: 'Allow', Action: 's3:GetObject', Resource: ['arn:aws:s3:::acme/*'] }];

/** Few settings that together create every resource: each egress mode, and a stack with everything that a large company sets. */
export const DEPLOYMENTS: readonly object[] = [
  {},
  {
    pools: [{ name: 'default', agentTokenSecret: 'acme/agent-token', phases, taskRoleStatements }],
    launcher: { vpc: true },
    alarmEmail: 'ops@acme.example',
    reservedConcurrency: 3,
    encryption: { keyArn: 'arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab' },
    nudge,
    agentTokenRotation,
    network: {
      natGateways: 'all',
      ipv6: true,
      guardDuty: true,
      vpcEndpoints: 'task-start',
      flowLogRetentionDays: 30,
      dnsQueryLogRetentionDays: 30,
    },
  },
  { network: { egress: 'on-demand', fixedAddress: true, gatewaySessionManager: true } },
  { network: { egress: 'network-firewall' }, alarmTopicArn: 'arn:aws:sns:eu-central-1:123456789012:alarms' },
  {
    pools: [{ name: 'default', agentTokenSecret: 'acme/agent-token', taskRoleStatements }],
    network: { egress: 'public-ip', ipv6: true, flowLogRetentionDays: 0, dnsQueryLogRetentionDays: 0 },
    nudge,
    agentTokenRotation,
  },
  {
    network: { ...EXISTING_VPC, dnsFirewall: true },
    alarmEmail: 'ops@acme.example',
    agentImage: { registry: 'hashicorp/tfc-agent:1.33.0', credentialsSecret: 'docker-hub' },
  },
];

/** What a rule of a pack says about a resource. */
export interface Judgement {
  readonly pack: keyof typeof PACKS;
  readonly rule: string;
  /** Path of the construct below the stack, without the part that depends on the egress mode. */
  readonly path: string;
  readonly type: string;
  readonly isFinding: boolean;
  /** Why the finding is right, from the code. */
  readonly reason: string | undefined;
}

/** A reason in the code: the construct that has it, and the rule of a pack. */
export interface Explanation {
  readonly pack: string;
  readonly rule: string;
  readonly path: string;
  readonly reason: string;
}

const acknowledged = z.record(z.string(), z.string());

/** The reasons that a construct has, by pack and rule: `HIPAA.Security::HIPAA.Security-LambdaDLQ`. */
function reasonsAt(construct: IConstruct): Record<string, string> {
  const entries = construct.node.metadata.filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY);
  return Object.assign({}, ...entries.map(({ data }) => acknowledged.parse(data)));
}

function pathOf({ node }: IConstruct): string {
  const [, ...path] = node.path.split('/');
  return path.filter((part) => !/^(?:network-firewall|public-ip|nat-gateway|on-demand)-\d/.test(part)).join('/');
}

function judgementOf(pack: keyof typeof PACKS, { node, rule, ruleSuffixOverride }: IApplyRule): Judgement[] {
  const name = ruleSuffixOverride ?? rule.name;
  const result = resultOf(node, rule);
  if (result === NagRuleCompliance.NOT_APPLICABLE) return [];
  const at = { pack, path: pathOf(node), type: node.cfnResourceType };
  if (result === NagRuleCompliance.COMPLIANT) return [{ ...at, rule: name, isFinding: false, reason: undefined }];
  const rules = Array.isArray(result) ? result.map((finding) => `${name}[${finding}]`) : [name];
  return rules.map((id) => {
    const scopes = [...node.node.scopes].reverse();
    const reasons = scopes.map((scope) => reasonsAt(scope)[`${pack}::${pack}-${id}`]);
    return { ...at, rule: id, isFinding: true, reason: reasons.find((reason) => reason !== undefined) };
  });
}

/** A rule that throws can't judge the resource. cdk-nag counts this as a finding. */
function resultOf(node: IApplyRule['node'], rule: IApplyRule['rule']) {
  try {
    return rule(node);
  } catch {
    return NagRuleCompliance.NON_COMPLIANT;
  }
}

/** What every rule of the packs says about every resource of an app. */
export function judgementsIn(app: App): Judgement[] {
  const judgements: Judgement[] = [];
  for (const pack of [
    new NIST80053R5Checks(),
    new HIPAASecurityChecks(),
    new PCIDSS321Checks(),
    new ServerlessChecks(),
  ]) {
    const name = z.enum(Object.keys(PACKS)).parse(pack.name);
    const known = z.custom<keyof typeof PACKS>((value) => value === name).parse(name);
    // Instead of cdk-nag's own method, which forgets compliant resources, and finds no reasons that the CDK's validation would find.
    Object.defineProperty(pack, 'applyRule', {
      value: (params: IApplyRule) => judgements.push(...judgementOf(known, params)),
    });
    pack.validateScope(app);
  }
  return judgements;
}

/** Every reason for a rule of a pack in an app. */
export function explanationsIn(app: App): Explanation[] {
  return app.node.findAll().flatMap((construct) =>
    Object.entries(reasonsAt(construct)).flatMap(([id, reason]) => {
      const [pack = '', rule = ''] = id.split('::');
      return pack in PACKS ? [{ pack, rule: rule.slice(pack.length + 1), path: pathOf(construct), reason }] : [];
    }),
  );
}

/** What the packs say about {@link DEPLOYMENTS}, and all reasons that these have. */
export function compliance(): { judgements: Judgement[]; explanations: Explanation[] } {
  const apps = DEPLOYMENTS.map((settings) => stackOf(settings).app);
  return { judgements: apps.flatMap(judgementsIn), explanations: apps.flatMap(explanationsIn) };
}

/** The explanations that no finding needs. */
export function staleExplanations(
  judgements: readonly Judgement[],
  explanations: readonly Explanation[],
): Explanation[] {
  return explanations.filter(
    ({ pack, rule, path }) =>
      !judgements.some(
        (one) => one.isFinding && one.pack === pack && one.rule === rule && `${one.path}/`.startsWith(`${path}/`),
      ),
  );
}
