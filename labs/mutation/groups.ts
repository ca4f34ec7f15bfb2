/** The mutated sources, the tests that judge them, and the share of the mutants that these must kill. */

/** Sources that the same tests judge. */
export interface Part {
  /** Globs of the mutated sources. */
  readonly sources: readonly string[];
  /** Globs of the tests that may kill a mutant. Use as few as possible: in `lib`, each mutant runs all of them. */
  readonly tests: readonly string[];
  /** The tests share a template that the first of them makes, so every mutant loads the test files again. */
  readonly shareTemplate?: boolean;
}

export interface Group {
  readonly name: string;
  readonly parts: readonly Part[];
  /** Percentage of the mutants, without the equivalent ones, that the tests must kill. */
  readonly target: number;
}

const LAUNCHER = 'functions/launcher';

/** A file of the HCP Terraform adapter with its own tests. The client's tests are slow, because they use TLS for each mutant. */
const hcpTerraform = (source: string, ...tests: string[]): Part => ({
  sources: [`${LAUNCHER}/adapters/hcp-terraform/${source}.ts`],
  tests: tests.map((test) => `test/${LAUNCHER}/adapters/${test}.test.ts`),
});

/** A file of `lib` with its own tests. */
const lib = (source: string, ...tests: string[]): Part => ({
  sources: [`lib/${source}.ts`],
  tests: tests.map((test) => `test/lib/${test}.test.ts`),
  shareTemplate: true,
});

export const GROUPS: readonly Group[] = [
  {
    name: 'core',
    parts: [
      {
        sources: [`${LAUNCHER}/core/**/*.ts`],
        tests: [`test/${LAUNCHER}/core/**/*.test.ts`, `test/${LAUNCHER}/{tick*,start-alarm}.test.ts`],
      },
    ],
    target: 95,
  },
  {
    name: 'adapters',
    parts: [
      {
        sources: [`${LAUNCHER}/adapters/ecs/*.ts`],
        tests: [`test/${LAUNCHER}/adapters/{ecs,refusals,run-task}.test.ts`],
      },
      hcpTerraform('answers', 'hcp-terraform-answers'),
      hcpTerraform('http', 'hcp-terraform-http'),
      hcpTerraform('send', 'hcp-terraform-http'),
      hcpTerraform('poll-budget', 'poll-budget'),
      hcpTerraform('pool-ids', 'pool-ids'),
      hcpTerraform('version', 'version'),
      hcpTerraform('pages', 'pages', 'hcp-terraform-limits', 'hcp-terraform'),
      hcpTerraform('client', 'hcp-terraform-limits', 'hcp-terraform'),
      hcpTerraform('run-poller', 'hcp-terraform-limits', 'hcp-terraform'),
      {
        sources: [`${LAUNCHER}/adapters/secrets.ts`],
        tests: [`test/${LAUNCHER}/adapters/secrets.test.ts`],
      },
    ],
    target: 95,
  },
  {
    name: 'shell',
    parts: [
      { sources: [`${LAUNCHER}/{config,pool-environment}.ts`], tests: [`test/${LAUNCHER}/config.test.ts`] },
      {
        sources: [`${LAUNCHER}/{report,report-metrics,tick-line,other-launchers}.ts`],
        tests: [`test/${LAUNCHER}/{report,start-alarm}.test.ts`],
      },
      { sources: [`${LAUNCHER}/invocation.ts`], tests: [`test/${LAUNCHER}/invocation.test.ts`] },
      {
        sources: [`${LAUNCHER}/{act,confirm,observe,tick}.ts`],
        tests: [`test/${LAUNCHER}/{tick*,observe,confirm,act}.test.ts`],
      },
    ],
    target: 95,
  },
  {
    name: 'stack',
    parts: [
      lib('launcher/monitoring', 'launcher/monitoring'),
      lib('launcher/permissions', 'launcher/function', 'agent-launcher-stack'),
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
