/** The mutated sources, the tests that must kill the mutants, and the share of mutants that they must kill. */

/** Sources that have the same tests. */
export interface Part {
  /** Globs of the mutated sources. */
  readonly sources: readonly string[];
  /** Globs of the tests that can kill a mutant. Use as few as possible, because in `lib` each mutant runs all of them. */
  readonly tests: readonly string[];
  /** Whether the tests share a template that the first test creates, so that the test files must be loaded again for every mutant. */
  readonly shareTemplate?: boolean;
}

export interface Group {
  readonly name: string;
  readonly parts: readonly Part[];
  /** Percentage of the mutants, without the equivalent ones, that the tests must kill. */
  readonly target: number;
}

/** Files of the launcher with their own tests. */
const launcher = (source: string, ...tests: string[]): Part => ({
  sources: [`functions/launcher/${source}.ts`],
  tests: tests.map((test) => `test/functions/launcher/${test}.test.ts`),
});

/** Returns the part for one file of the HCP Terraform adapter, which has its own tests. The client's tests are slow, because they use TLS for each mutant. */
const hcpTerraform = (source: string, ...tests: string[]): Part =>
  launcher(`adapters/hcp-terraform/${source}`, ...tests.map((test) => `adapters/${test}`));

/** Returns the part for one file of `lib`, which has its own tests. */
const lib = (source: string, ...tests: string[]): Part => ({
  sources: [`lib/${source}.ts`],
  tests: tests.map((test) => `test/lib/${test}.test.ts`),
  shareTemplate: true,
});

export const GROUPS: readonly Group[] = [
  { name: 'core', parts: [launcher('core/**/*', 'core/**/*', '{tick*,start-alarm,woken-invocation}')], target: 95 },
  {
    name: 'adapters',
    parts: [
      launcher('adapters/ecs/*', 'adapters/{ecs,refusals,run-task,launch-pace,task-memory}'),
      hcpTerraform('answers', 'hcp-terraform-answers'),
      hcpTerraform('http', 'hcp-terraform-http'),
      hcpTerraform('send', 'hcp-terraform-http'),
      hcpTerraform('poll-budget', 'poll-budget'),
      hcpTerraform('pool-ids', 'pool-ids'),
      hcpTerraform('version', 'version'),
      hcpTerraform('pages', 'pages', 'hcp-terraform-limits', 'hcp-terraform'),
      hcpTerraform('client', 'hcp-terraform-limits', 'hcp-terraform'),
      hcpTerraform('run-poller', 'hcp-terraform-limits', 'hcp-terraform'),
      hcpTerraform('run-requests', 'hcp-terraform-limits', 'hcp-terraform'),
      hcpTerraform('run-statuses', 'run-statuses'),
      launcher('adapters/secrets', 'adapters/secrets'),
      {
        sources: ['functions/connection/secret-text.ts'],
        tests: ['test/functions/launcher/adapters/secrets.test.ts'],
      },
      launcher('adapters/wake-ups', 'adapters/wake-ups'),
    ],
    target: 95,
  },
  {
    name: 'shell',
    parts: [
      launcher('{config,pool-environment}', 'config'),
      launcher('{report,report-metrics,tick-line,other-launchers}', '{report,start-alarm}'),
      launcher('invocation', 'invocation'),
      launcher('woken-invocation', 'woken-invocation'),
      launcher('wake-ups', 'wake-ups'),
      launcher('{act,confirm,observe,tick}', '{tick*,observe,confirm,act}'),
    ],
    target: 95,
  },
  {
    name: 'stack',
    parts: [
      lib('launcher/monitoring', 'launcher/monitoring'),
      lib('launcher/permissions', 'launcher/function', 'agent-launcher-stack'),
      lib('launcher/wake-ups', 'launcher/function'),
      lib('launcher/function', 'launcher/function', 'agent-launcher-stack', 'log-groups'),
      lib('agent/task-definition', 'agent/task-definition', 'agent/pool', 'agent/phases'),
      lib('agent/pool', 'agent/pool', 'agent/task-definition', 'agent/phases', 'log-groups'),
      lib('agent/pool-environment', 'agent/warm-agents', 'agent/phases', 'launcher/function'),
      lib('agent/accepted-jobs', 'agent/phases'),
    ],
    target: 90,
  },
  {
    name: 'egress',
    parts: [
      lib('network/security-group', 'network/security-group'),
      lib('network/suricata-rules', 'network/suricata-rules', 'network/suricata-semantics'),
      lib('network/dns-firewall', 'network/dns-firewall'),
      lib('network/network-firewall', 'network/network-firewall'),
      lib('network/allowed-domains', 'network/allowed-domains'),
      lib('network/domain-name', 'network/domain-name'),
      lib('network-check/network-acl', 'network-check/network-acl'),
      lib('aws/s3-names', 'aws/s3-names'),
      lib('aws/ecr-image', 'agent/pool', 'network/allowed-domains'),
      lib('network/vpc-endpoints', 'network/vpc-endpoints'),
    ],
    target: 90,
  },
];
