import { readFileSync } from 'node:fs';
import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import type { EgressMode } from '../../../lib/network/egress.ts';
import { CLAIMS } from '../network-claims.ts';
import { propertiesOf, templateOf } from '../synthesis.ts';
import { dnsRulesIn } from './reachability/dns-rules.ts';
import { rulesIn } from './reachability/firewall-policy.ts';
import { gatewaysIn } from './reachability/gateway-filter.ts';

/** AWS hosts that serve every account, in the templates' region. */
const SHARED = /^(?:api\.ecr|logs|secretsmanager)\.[a-z0-9-]+\.amazonaws\.com$/;

const resolving = (template: Template) =>
  (dnsRulesIn(template.toJSON())[0]?.domains ?? []).filter((name) => SHARED.test(name));
/** The shared hosts that the firewall or the gateway passes. */
const passing = (template: Template) => [...byFirewall(template), ...byGateway(template)];
const byGateway = (template: Template) =>
  [...gatewaysIn(template.toJSON()).values()].flatMap(({ filter }) => filter.names.filter((name) => SHARED.test(name)));
const byFirewall = (template: Template) =>
  [...(rulesIn(template.toJSON()) ?? '').matchAll(/^pass tls .*tls\.sni; content:"([^"]+)"/gm)].filter(
    ([, name = '']) => SHARED.test(name),
  );

describe('the claim about other AWS accounts', () => {
  it.each<EgressMode>(['nat-gateway', 'on-demand', 'network-firewall', 'public-ip'])(
    'with %s says that the template allows hosts that serve every account',
    (egress) => {
      const template = templateOf({ network: { egress } });
      expect(resolving(template)).toHaveLength(3);
      expect(passing(template)).toHaveLength(egress === 'network-firewall' || egress === 'on-demand' ? 3 : 0);
      expect(CLAIMS[egress].stops['another AWS account']).toMatch(
        /^no: .*CloudWatch Logs and Secrets Manager, and .*ECR/,
      );
    },
  );

  it.each(['nat-gateway', 'on-demand', 'network-firewall'] as const)(
    'with %s and endpoints says that their policies allow principals of this account only',
    (egress) => {
      const template = templateOf({ network: { egress, vpcEndpoints: 'task-start' } });
      const endpoints = propertiesOf(template, 'AWS::EC2::VPCEndpoint').filter(
        ({ VpcEndpointType }) => VpcEndpointType === 'Interface',
      );
      expect(endpoints).toHaveLength(4);
      for (const { PolicyDocument } of endpoints) {
        for (const { Condition } of PolicyDocument.Statement)
          expect(Condition).toEqual({ StringEquals: { 'aws:PrincipalAccount': { Ref: 'AWS::AccountId' } } });
      }
      expect(passing(template)).toEqual([]);
      expect(CLAIMS[egress].stops['another AWS account']).toContain('vpcEndpoints: task-start');
    },
  );

  it('is on the review page in the section of remaining gaps, with its remedy', () => {
    const [, open = ''] = readFileSync('docs/egress-review.md', 'utf8').split('## What is left open');
    for (const word of ['`logs.<region>`', '`secretsmanager.<region>`', '`api.ecr.<region>`', '`*.dkr.ecr.<region>`'])
      expect(open).toContain(word);
    expect(open).toMatch(/Set `vpcEndpoints: task-start`/);
  });
});
