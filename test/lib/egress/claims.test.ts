import { readFileSync } from 'node:fs';
import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { CLAIMS, type EgressMode } from '../../../lib/egress/claims.ts';
import { dnsRulesIn } from '../reachability/dns-rules.ts';
import { rulesIn } from '../reachability/firewall-policy.ts';
import { templateOf } from '../synthesis.ts';

/** Hosts of AWS at which every account is served, of the region that the templates are read with. */
const SHARED = /^(?:api\.ecr|logs|secretsmanager)\.[a-z0-9-]+\.amazonaws\.com$/;

const resolving = (template: Template) =>
  (dnsRulesIn(template.toJSON())[0]?.domains ?? []).filter((name) => SHARED.test(name));
const passing = (template: Template) =>
  [...(rulesIn(template.toJSON()) ?? '').matchAll(/^pass tls .*tls\.sni; content:"([^"]+)"/gm)].filter(
    ([, name = '']) => SHARED.test(name),
  );

describe('what is said about other AWS accounts', () => {
  it.each<EgressMode>(['nat-gateway', 'network-firewall', 'public-ip'])(
    'with %s is what the template does: hosts that serve every account are allowed, and nobody calls it stopped',
    (egress) => {
      const template = templateOf({ network: { egress } });
      expect(resolving(template)).toHaveLength(3);
      expect(passing(template)).toHaveLength(egress === 'network-firewall' ? 3 : 0);
      expect(CLAIMS[egress].stops['another AWS account']).toMatch(/^no: .*CloudWatch Logs, Secrets Manager and .*ECR/);
    },
  );

  it.each(['nat-gateway', 'network-firewall'] as const)(
    'with %s and endpoints is what their policies do: principals of this account alone',
    (egress) => {
      const template = templateOf({ network: { egress, vpcEndpoints: 'task-start' } });
      const endpoints = Object.values(template.findResources('AWS::EC2::VPCEndpoint'))
        .map(({ Properties }) => Properties)
        .filter(({ VpcEndpointType }) => VpcEndpointType === 'Interface');
      expect(endpoints).toHaveLength(4);
      for (const { PolicyDocument } of endpoints) {
        for (const { Condition } of PolicyDocument.Statement)
          expect(Condition).toEqual({ StringEquals: { 'aws:PrincipalAccount': { Ref: 'AWS::AccountId' } } });
      }
      expect(passing(template)).toEqual([]);
      expect(CLAIMS[egress].stops['another AWS account']).toContain('vpcEndpoints: task-start');
    },
  );

  it('stands on the reviewer’s page among what is left open, with its remedy', () => {
    const [, open = ''] = readFileSync('docs/egress-review.md', 'utf8').split('## What is left open');
    for (const word of ['`logs.<region>`', '`secretsmanager.<region>`', '`api.ecr.<region>`', '`*.dkr.ecr.<region>`'])
      expect(open).toContain(word);
    expect(open).toMatch(/Set `vpcEndpoints: task-start`/);
  });
});
