/**
 * Every statement of the documents and of the code that is marked as unverified, with the check that settles it. `test/live` compares this list
 * with the texts, so a new unverified statement needs an entry.
 */
import type { CheckId } from './checks.ts';

interface Place {
  readonly file: string;
  /** A part of the line that contains the word "unverified" or "haven't verified". */
  readonly text: string;
}

export interface Statement {
  readonly says: string;
  readonly where: readonly Place[];
  /** Absent if this lab can't settle the statement. */
  readonly check?: CheckId;
  /** Why the lab can't settle it. */
  readonly outOfReach?: string;
}

const at = (file: string, text: string): Place => ({ file, text });

export const STATEMENTS: readonly Statement[] = [
  {
    says: '`cdk deploy` creates the whole stack, and `cdk destroy` removes it.',
    where: [at('docs/limitations.md', 'Four things are therefore unverified')],
    check: 'deployment',
  },
  {
    says: 'A Fargate task of an agent starts within 20 to 60 s.',
    where: [at('docs/limitations.md', 'commonly 20–60 s'), at('README.md', 'commonly takes 20 to 60 s to start')],
    check: 'start-phases',
  },
  {
    says: 'The launcher pulls the image that the settings name, by its digest, from the stack’s own repository.',
    where: [],
    check: 'image-pull',
  },
  {
    says: 'A network interface that exists before its instance can get a public address that comes and goes with the instance.',
    where: [at('functions/launcher/adapters/ec2/client.ts', 'an interface that exists before its instance')],
    check: 'gateway-address',
  },
  {
    says: 'A stopped gateway is ready some seconds after its start. Others measured 8.5 s with another filter.',
    where: [],
    check: 'gateway-start',
  },
  {
    says: 'EC2 lets the launcher create a gateway: the conditions on its type, instance profile, metadata and tag fit its launch template.',
    where: [],
    check: 'gateway-start',
  },
  {
    says: 'ec2:Attribute has a certain value in a request for a public address of a network interface.',
    where: [at('lib/launcher/gateway-permissions.ts', 'unverified which value a condition would need')],
    outOfReach: 'AWS documents no value, so the policy has no such condition',
  },
  {
    says: 'The field srcaddr of a logged lookup from a Fargate task has the private address of the task.',
    where: [at('docs/network.md', 'It is unverified on a live account that the field `srcaddr`')],
    outOfReach: 'the lab makes no job that looks up a domain which is not allowed',
  },
  {
    says: 'A gateway forwards TLS to HCP Terraform, and refuses a connection to an address. Its log shows both.',
    where: [],
    check: 'gateway-filter',
  },
  {
    says: 'The launcher stops a gateway that nothing has used for `gatewayIdleMinutes`.',
    where: [],
    check: 'gateway-stop',
  },
  {
    says: 'EC2 shows a change within 10 s, and its clocks differ from the launcher’s by 5 s at most.',
    where: [
      at('functions/launcher/core/vendor-timing.ts', 'AWS says only "eventual consistency"'),
      at('functions/launcher/core/vendor-timing.ts', 'which all follow Amazon'),
    ],
    outOfReach: 'AWS documents no bounds, and a measurement finds only the usual case.',
  },
  {
    says: 'EC2 shows when the stop of an instance was requested, as `User initiated (… GMT)`.',
    where: [at('functions/launcher/adapters/ec2/answers.ts', 'AWS documents no format')],
    outOfReach: 'Without the time, launches wait half a minute after each start, and nothing else changes.',
  },
  {
    says: 'With `gatewayStart: with-tasks`, Fargate’s image pull waits for a route that works some seconds later.',
    where: [
      at('docs/network.md', 'whether the image pull waits long enough'),
      at('docs/settings.md', 'whether the image pull waits long enough'),
      at('lib/settings/network.ts', 'whether the image pull waits long enough'),
    ],
    check: 'gateway-with-tasks',
  },
  {
    says: 'CloudFormation deletes the network of `on-demand` after the function has ended the gateways.',
    where: [at('docs/network.md', 'as is everything in this section that AWS does')],
    check: 'gateway-removal',
  },
  {
    says: 'A security group rule with a group doesn’t admit packets that a route sends to the interface.',
    where: [
      at('docs/decisions/0061-on-demand-egress.md', 'whether a rule with a group admits packets'),
      at('lib/network/gateways.ts', 'whether a rule with a group admits packets'),
    ],
    outOfReach: 'the stack uses ranges, which are known to work',
  },
  {
    says: 'The agent’s container ends with 0 after a successful job, and with 75 if its agent got no job.',
    where: [],
    check: 'exit-codes',
  },
  {
    says: 'The launcher knows every status of runs, agents and tasks.',
    where: [],
    check: 'statuses',
  },
  {
    says: 'HCP Terraform never gives an agent a job that it doesn’t accept (`TFC_AGENT_ACCEPT`).',
    where: [
      at('docs/decisions/0014-lanes.md', 'We haven’t verified with HCP Terraform that an agent never gets'),
      at('lib/agent/accepted-jobs.ts', 'unverified'),
    ],
    check: 'accepted-jobs',
  },
  {
    says: 'Listing the agents of a pool needs *Manage agent pools*.',
    where: [at('docs/security.md', 'whether listing a pool’s agents needs')],
    check: 'permissions',
  },
  {
    says: 'ECS shows the architecture of a Fargate task in the attribute ecs.cpu-architecture.',
    where: [at('functions/launcher/adapters/ecs/answers.ts', 'ECS adds this attribute')],
    check: 'architecture',
  },
  {
    says: 'ECS shows a new task within a minute.',
    where: [at('functions/launcher/core/vendor-timing.ts', 'AWS documents only {@link READ_LAG_MS}')],
    check: 'read-lag',
  },
  {
    says: 'ECS stops a task within a minute after its container has ended.',
    where: [at('functions/launcher/core/vendor-timing.ts', 'until its task is STOPPED')],
    check: 'deprovisioning',
  },
  {
    says: 'If a task is interrupted, its run fails about six minutes later, and HCP Terraform doesn’t repeat it.',
    where: [
      at('functions/launcher/core/vendor-timing.ts', 'HCP Terraform waits about this long'),
      at('docs/architecture.md', 'unverified against HCP Terraform'),
    ],
    check: 'interruption',
  },
  {
    says: 'HCP Terraform’s own policy checks and run tasks take seconds.',
    where: [at('functions/launcher/core/standing.ts', 'HCP Terraform’s own policy checks take seconds')],
    check: 'post-plan',
  },
  {
    says: 'HashiCorp’s release host has the agent for arm64, and its key file has one key.',
    where: [at('agent-image/README.md', 'Unverified, because the hosts')],
    check: 'release-files',
  },
  {
    says: 'ECR Public has no image of the agent.',
    where: [at('docs/decisions/0033-registry-images-are-copied.md', 'We found no `hashicorp/tfc-agent` there')],
    check: 'ecr-public',
  },
  {
    says: 'HCP Terraform in Europe has the host archivist.eu.terraform.io.',
    where: [
      at('lib/network/allowed-domains.ts', 'This one follows the pattern'),
      at('docs/network.md', 'We derived `archivist.eu.terraform.io`'),
    ],
    check: 'eu-archivist',
  },
  {
    says: 'The prices in lib/aws/prices.ts are AWS’s list prices.',
    where: [
      at('lib/aws/prices.ts', 'cloudwatch/pricing/ (unverified)'),
      at('docs/costs.md', 'cloudwatch/pricing/ (unverified)'),
      at('lib/aws/prices.ts', 'amazon-ecr-pricing in March 2026 (unverified)'),
      at('docs/costs.md', 'amazon-ecr-pricing in March 2026 (unverified)'),
      at('docs/costs.md', 'Three dashboards per account are free'),
    ],
    check: 'prices',
  },
  {
    says: 'What ECS answers if there is no Spot capacity, and whether that uses up the client token.',
    where: [
      at('docs/decisions/0015-spot.md', 'Three things are unverified with AWS'),
      at('docs/reliability.md', 'until ECS forgets the client token'),
    ],
    outOfReach: 'nobody can make Fargate run out of Spot capacity on purpose',
  },
  {
    says: 'AWS bills nothing for a task whose image pull never began.',
    where: [at('functions/launcher/core/task-end.ts', 'If no pull started')],
    outOfReach: 'only the bill shows it, a day later, and the lab starts no such task',
  },
  {
    says: 'How much cheaper Fargate Spot is.',
    where: [
      at('docs/costs.md', 'The discount varies'),
      at('functions/launcher/core/fargate-price.ts', 'This is the smaller discount'),
    ],
    outOfReach: 'the price changes all the time, and the lab uses no Spot',
  },
  {
    says: 'How often ECS keeps a task running after its container has ended.',
    where: [at('docs/reliability.md', 'how often this happens today')],
    outOfReach: 'it was seen once or twice among 10,000 tasks, and the lab starts about ten',
  },
  {
    says: 'How old releases of Terraform Enterprise behave.',
    where: [at('docs/limitations.md', 'Releases before v202208-3')],
    outOfReach: 'it needs an installation of such a release',
  },
  {
    says: 'The hostnames of global services in other partitions.',
    where: [
      at('lib/aws/service-endpoints.ts', 'other partitions are unverified'),
      at('docs/network.md', 'the hostnames of global services are unverified'),
    ],
    outOfReach: 'it needs an account in each partition',
  },
  {
    says: 'Which other hosts a pull from a dual-stack registry host needs.',
    where: [at('lib/network/allowed-domains.ts', 'it is unverified which other hosts')],
    outOfReach: 'it needs a stack with that registry host and a firewall that logs names',
  },
  {
    says: 'Whether DNS Firewall accepts more domains than one request can contain.',
    where: [
      at('lib/network/dns-firewall-facts.ts', 'it is unverified whether'),
      at('docs/network.md', 'You can allow at most 1,000 domains'),
    ],
    outOfReach: 'it needs a list of more than 1,000 domains, which no stack has',
  },
  {
    says: 'What happens to tasks and subnets if IPv6 is on in a subnet and off in the account, or is added while agents run.',
    where: [
      at('docs/network.md', 'tasks start with IPv4 only'),
      at('docs/network.md', 'adds an address range to the existing subnets'),
    ],
    outOfReach: 'it changes a setting of the whole account',
  },
  {
    says: 'Whether AWS rejects a forged server name at a host that the job knows.',
    where: [at('docs/egress-review.md', 'unless AWS rejects the wrong name')],
    outOfReach: 'it needs the mode network-firewall, which costs dollars instead of cents',
  },
  {
    says: 'Whether EventBridge sends aws:SourceAccount to SNS.',
    where: [at('lib/launcher/alarm-topic.ts', "AWS's example has no condition")],
    outOfReach: 'it needs a rule in a second account that targets the topic',
  },
  {
    says: 'ECR serves the configuration of an image as a layer, so that the function can copy a built image.',
    where: [
      at('functions/image-copy/adapters/ecr-source.ts', "ECR also serves an image's configuration as a layer"),
      at('docs/decisions/0066-built-images-are-copied.md', "that ECR serves an image's configuration as a layer"),
    ],
    outOfReach: 'it deploys a registry image, because a built one needs Docker on the machine that deploys',
  },
  {
    says: 'Which tasks ECS stops first when a service shrinks.',
    where: [at('bench/peers/models.ts', 'Unverified for ECS')],
    outOfReach: 'it describes other launchers, not this one',
  },
];
