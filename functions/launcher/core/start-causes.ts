/** Why tasks do not start, in ECS's words, and what is likely missing. */
export interface StartCause {
  readonly cause:
    | 'image'
    | 'secret'
    | 'log'
    | 'network'
    | 'addresses'
    | 'memory'
    | 'capacity'
    | 'registration'
    | 'no-job'
    | 'agent'
    | 'unknown';
  /** What a person should look at. */
  readonly remedy: string;
}

/**
 * The first row whose pattern fits.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
 */
const TABLE: readonly (StartCause & { readonly pattern: RegExp })[] = [
  {
    pattern: /ended without a job/i,
    cause: 'no-job',
    remedy:
      'agents come up, get no job and leave: look at their log, at TFC_AGENT_ACCEPT, and at the organization’s limit of concurrent runs',
  },
  {
    pattern: /did not register/i,
    cause: 'registration',
    remedy: 'the agent runs and cannot reach HCP Terraform: egress to its host, and the organization’s IP allow-list',
  },
  {
    pattern: /OutOfMemory|exit code 137/i,
    cause: 'memory',
    remedy: 'the task is too small: raise memoryMiB; HashiCorp asks for 2 GiB at least',
  },
  {
    pattern: /toomanyrequests|pull rate limit/i,
    cause: 'image',
    remedy: 'the registry’s pull limit is used up: use an image in ECR, or the one that the stack builds',
  },
  {
    pattern: /httpReaderSeeker|s3\.|starport/i,
    cause: 'image',
    remedy:
      'image layers come from S3: a NAT gateway, or a gateway endpoint for S3 in the route tables of the tasks’ subnets',
  },
  {
    pattern: /CannotPull.*(timeout|i\/o|dial|deadline|connect)/i,
    cause: 'image',
    remedy:
      'no way to the registry: a NAT gateway, or interface endpoints for ecr.api and ecr.dkr and the gateway endpoint for S3',
  },
  {
    pattern: /CannotPull|image.*not found|manifest unknown/i,
    cause: 'image',
    remedy: 'the image’s name, tag or architecture is wrong, or the execution role may not pull it',
  },
  {
    pattern: /unable to retrieve secret|secretsmanager|pull secrets|asm/i,
    cause: 'secret',
    remedy:
      'the agent token’s secret is gone, the execution role may not read it (kms:Decrypt for a customer managed key), or there is no way to Secrets Manager: a NAT gateway or its interface endpoint',
  },
  {
    pattern: /log stream|CreateLogStream|logs\.|awslogs|log group/i,
    cause: 'log',
    remedy:
      'the pool’s log group is gone, or there is no way to CloudWatch Logs: a NAT gateway or the interface endpoint logs',
  },
  {
    pattern: /free ?addresses|enough.*\bIP\b/i,
    cause: 'addresses',
    remedy:
      'the subnets have no free address left, and each task takes one: give larger or further subnets, or lower maxAgents',
  },
  {
    pattern: /network interface|\bENI\b|IP address/i,
    cause: 'network',
    remedy:
      'the network interface could not be made: look for a service control policy, for the quota of network interfaces, and for free addresses in the subnets',
  },
  {
    pattern: /capacity/i,
    cause: 'capacity',
    remedy: 'Fargate had no room in the zone: the next launch may find some; add subnets in further zones',
  },
  {
    pattern: /exit code [1-9]/,
    cause: 'agent',
    remedy:
      'the agent ended before it registered: a wrong or revoked agent token, the licence’s limit, an architecture other than the pool’s; its log says which',
  },
  {
    pattern: /exit code 0/,
    cause: 'agent',
    remedy: 'the container ended well without ever registering an agent: this is not an image of tfc-agent',
  },
];

/** @param detail what ECS said of the task’s end. */
export function startCauseOf(detail: string): StartCause {
  const row = TABLE.find(({ pattern }) => pattern.test(detail));
  if (row !== undefined) return { cause: row.cause, remedy: row.remedy };
  return { cause: 'unknown', remedy: 'look up ECS’s words, and the task’s log' };
}
