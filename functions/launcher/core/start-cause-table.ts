/**
 * Why tasks do not start, by ECS's words. The first row whose patterns all fit decides, so specific rows come before
 * general ones: a message often holds the words of several faults ("unable to pull secrets … registry auth from Amazon ECR").
 *
 * A pattern is a phrase of AWS's or the container runtime's own, never a bare word such as "secret" or "capacity": the text
 * around it holds names that users choose, of images, roles and secrets. Fargate cuts long messages off, so no pattern
 * relies on what comes last.
 *
 * The messages that the rows were made from are in test/functions/launcher/aws-messages.ts, with their sources.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
 */

/** Why tasks don't start, and what a person should do about it. */
export interface StartCause {
  readonly cause:
    | 'image'
    | 'dns'
    | 'secret'
    | 'log'
    | 'network'
    | 'addresses'
    | 'memory'
    | 'storage'
    | 'throttled'
    | 'capacity'
    | 'platform'
    | 'container'
    | 'registration'
    | 'no-job'
    | 'agent'
    | 'unknown';
  readonly remedy: string;
}

export interface StartCauseRow {
  readonly cause: StartCause['cause'];
  readonly when: readonly RegExp[];
  readonly remedy: string | ((detail: string) => string);
}

const PULL = /\bCannotPull/i;
const LAYER = /httpRead(er)?Seeker/i;
const REGISTRY_AUTH =
  /registry auth from Amazon ECR|retrieve ecr registry auth|\/\/api\.ecr\.|ECR: GetAuthorizationToken/i;
const SECRET = /retrieve secrets? from (asm|ssm)|from secrets manager|AWS Secrets Manager/i;
const LOG = /failed to validate logger args|failed to initialize logging driver|failed to create Cloudwatch log/i;
const INTERFACE = /\bnetwork interface\b|\bconfigure ENI\b/i;
const DENIED = /AccessDenied|is not authorized to perform|explicit deny/i;
const UNREACHABLE =
  /i\/o timeout|context deadli|request cancel|RequestCancel|connection issue|TLS handshake|connection (refused|reset)|: EOF\b|signal: killed|send request failed/i;
const NO_ROUTE = 'a NAT gateway, or in subnets without one the interface endpoint';

export const START_CAUSE_TABLE: readonly StartCauseRow[] = [
  // -- What the launcher itself says
  {
    cause: 'no-job',
    when: [/(^|; )its agent registered and ended without a job/],
    remedy:
      'agents come up, get no job and leave: look at their log, at TFC_AGENT_ACCEPT, and at the organization’s limit of concurrent runs',
  },
  {
    cause: 'registration',
    when: [/(^|; )agent-launcher: its agent did not register/],
    remedy: 'the agent runs and cannot reach HCP Terraform: egress to its host, and the organization’s IP allow-list',
  },
  // -- Memory and disk
  {
    cause: 'memory',
    when: [/\bOutOfMemoryError\b/],
    remedy: 'the task is too small: raise memoryMiB; HashiCorp asks for 2 GiB at least',
  },
  {
    cause: 'storage',
    when: [/no space left on device|not enough space on the disk/i],
    remedy:
      'the image does not fit on the task’s disk: raise ephemeralStorageGiB (20 if it is not set), or make the image smaller',
  },
  {
    cause: 'storage',
    when: [/\bC[ao]nnotCreateVolumeError\b/],
    remedy:
      'Fargate could not fill the volumes /tmp and /home/tfc-agent/.tfc-agent from the image: the next launch often can; if it lasts, keep what the image has in these folders small, and raise ephemeralStorageGiB',
  },
  // -- GuardDuty's sidecar. Only a task's own reason can name it: of the containers, the launcher reads the agent alone.
  {
    cause: 'image',
    when: [PULL, /\/aws-guardduty-agent-fargate\b/],
    remedy:
      "the sidecar of GuardDuty Runtime Monitoring can't be pulled. Set network.guardDuty to true (in your own VPC, let its registry through as well), or exclude the cluster: set the tag GuardDutyManaged to false in tags",
  },
  // -- Names that do not resolve, wherever they stand
  { cause: 'dns', when: [/\bdial (tcp|udp): lookup\b/i], remedy: unresolved },
  // -- Pulling the image
  {
    cause: 'image',
    when: [
      /toomanyrequests|429 Too Many Requests|reached your pull rate limit|unexpected status code https:\/\/registry-1\.docker\.io\/[^ ]*\.\.\./i,
    ],
    remedy:
      'the registry’s pull limit is used up: Docker Hub counts pulls by address, and every job pulls once, so that agents behind one NAT gateway reach it soon. Use the image that the stack builds, or let the stack copy the image into ECR: leave agentImage.copy out or set it to true, and deploy',
  },
  {
    cause: 'image',
    when: [/descriptor (matching|for) platform|no matching manifest for/i],
    remedy:
      'the image has no variant for the pool’s CPU architecture: set the pool’s architecture to the image’s, or use an image for both',
  },
  {
    cause: 'image',
    when: [LAYER, /failed to do request/i, /\.amazonaws\.com\b/],
    remedy:
      'ECR answers, and the image’s layers come from Amazon S3, which does not: a NAT gateway, or a gateway endpoint for S3 in the route tables of the tasks’ subnets, and port 443 to it in the security group',
  },
  {
    cause: 'image',
    when: [/pull command failed: panic/],
    remedy:
      'Amazon S3, which ECR’s layers come from, does not answer: its gateway endpoint in the route tables of the tasks’ subnets, and port 443 to it in the security group',
  },
  {
    cause: 'image',
    when: [LAYER, /failed to do request/i],
    remedy:
      'the registry answers, and the image’s layers come from another host than the registry, which does not (the message has that host): allow it too, or use an image in ECR',
  },
  {
    cause: 'image',
    when: [PULL, UNREACHABLE],
    remedy: `the tasks have no route to the registry: ${NO_ROUTE}s ecr.api and ecr.dkr and the gateway endpoint for S3, which serve images in ECR alone`,
  },
  {
    cause: 'image',
    when: [PULL, /\b401 Unauthorized|no basic auth credentials|fetch anonymous token|docker login/i],
    remedy:
      'the registry wants credentials, and the tasks have none: use the image that the stack builds, one in ECR, or a public one; or the image’s name is wrong',
  },
  {
    cause: 'image',
    when: [
      PULL,
      /\b403 Forbidden|has the permissions to pull|AccessDenied|is not authorized to perform|explicit deny/i,
    ],
    remedy:
      'the execution role may not pull the image: look at the ECR repository’s policy (for one in another account it must allow this one), at an endpoint policy, a permissions boundary, and a service control policy',
  },
  {
    cause: 'image',
    when: [PULL, /\bnot found\b|manifest unknown|does not exist/i],
    remedy: 'there is no such image: its name or tag is wrong, or it was deleted from the registry',
  },
  {
    cause: 'image',
    when: [PULL],
    remedy: 'the image’s name, tag, architecture or size, or the execution role’s permission to pull it',
  },
  // -- ECR's credentials and the agent token, which ECS gets in one step
  {
    cause: 'image',
    when: [REGISTRY_AUTH, DENIED],
    remedy:
      'the execution role may not call ecr:GetAuthorizationToken: an endpoint policy, a permissions boundary or a service control policy denies it, or the role was changed by hand',
  },
  {
    cause: 'image',
    when: [REGISTRY_AUTH],
    remedy: `the tasks have no route to ECR: ${NO_ROUTE}s ecr.api and ecr.dkr, with port 443 open from the tasks, and the gateway endpoint for S3`,
  },
  {
    cause: 'secret',
    when: [SECRET, /Access to KMS is not allowed|kms:Decrypt/i],
    remedy:
      'the agent token’s secret has a customer managed key, and the execution role may not use it: its key policy must let the role call kms:Decrypt',
  },
  {
    cause: 'secret',
    when: [/ResourceNotFoundException.*secret|Secrets Manager can't find/i],
    remedy:
      'the agent token’s secret is gone, is scheduled for deletion, or is in another Region: compare agentTokenSecret with Secrets Manager',
  },
  {
    cause: 'secret',
    when: [SECRET, DENIED],
    remedy:
      'the execution role may not read the agent token’s secret (secretsmanager:GetSecretValue): deploy the stack again; then look at the secret’s own policy, an endpoint policy, a permissions boundary and a service control policy. A name that ends with a hyphen and six characters must be given as an ARN',
  },
  {
    cause: 'secret',
    when: [SECRET, UNREACHABLE],
    remedy: `the tasks have no route to Secrets Manager: ${NO_ROUTE} secretsmanager, with port 443 open from the tasks`,
  },
  {
    cause: 'secret',
    when: [SECRET],
    remedy:
      'the agent token’s secret could not be read: is it there, may the execution role read and decrypt it, and is there a route to Secrets Manager',
  },
  {
    cause: 'network',
    when: [/unable to pull secrets or registry auth/],
    remedy: `ECS got neither the agent token nor the credentials for ECR, and does not say why: most often there is no route: ${NO_ROUTE}s secretsmanager, ecr.api and ecr.dkr`,
  },
  // -- The log
  {
    cause: 'throttled',
    when: [LOG, /ThrottlingException|Rate exceeded/],
    remedy:
      'CloudWatch Logs throttled CreateLogStream, because many log streams are created at the same time: it passes; if it lasts, raise that quota, or lower maxAgents',
  },
  {
    cause: 'log',
    when: [LOG, DENIED],
    remedy:
      'the execution role may not create log streams in the pool’s log group: deploy the stack again; then look at an endpoint policy, a permissions boundary and a service control policy',
  },
  {
    cause: 'log',
    when: [LOG, UNREACHABLE],
    remedy: `the tasks have no route to CloudWatch Logs: ${NO_ROUTE} logs, with port 443 open from the tasks. The log group is most likely there`,
  },
  {
    cause: 'log',
    when: [LOG, /log group does not exist/i],
    remedy: 'the pool’s log group is gone: deploy the stack again',
  },
  {
    cause: 'log',
    when: [LOG],
    remedy:
      'the pool’s log stream could not be created: is the log group there, may the execution role write to it, and is there a route to CloudWatch Logs',
  },
  // -- The network interface
  {
    cause: 'addresses',
    when: [/InsufficientFreeAddresses|enough free addresses|with public IP assignment enabled in subnet/i],
    remedy:
      'the subnets have no free address left, and each task takes one: use larger or further subnets, or lower maxAgents',
  },
  {
    cause: 'network',
    when: [/attempting to tag the network interface/i],
    remedy:
      'AWS refused the tags of the network interface: a tag policy of the organization requires other ones; set them in tags, or have network interfaces exempted',
  },
  {
    cause: 'network',
    when: [INTERFACE, /Timeout waiting|Rate limit exceeded/i],
    remedy:
      'AWS was too slow with the network interface: it passes; if it lasts, fewer tasks at the same time (maxAgents), or look at AWS Health',
  },
  {
    cause: 'network',
    when: [INTERFACE],
    remedy:
      'the network interface could not be made: look for a service control policy, for the quota of network interfaces, and for free addresses in the subnets',
  },
  // -- Fargate
  {
    cause: 'capacity',
    when: [/\bCapacity is unavailable\b|(^|; |TaskFailedToStart: )RESOURCE:/],
    remedy: 'Fargate had no capacity in the zone: the next launch may find some; add subnets in further zones',
  },
  {
    cause: 'platform',
    when: [
      /Timeout waiting for EphemeralStorage|\b(InternalError|ContainerRuntimeError|ContainerRuntimeTimeoutError|DockerTimeoutError|CannotInspectContainerError)\b/,
    ],
    remedy:
      'Fargate itself failed: the next launch is likely to do better; if it lasts, look at AWS Health, or ask AWS Support',
  },
  // -- The container
  {
    cause: 'container',
    when: [/unable to find user\b|\/etc\/passwd: no such file/i],
    remedy:
      'the image has no user tfc-agent, and agents run as that user: build it from hashicorp/tfc-agent, or create that user in it',
  },
  {
    cause: 'container',
    when: [/exec format error/],
    remedy: 'the image is for another CPU architecture than the pool’s: set the pool’s architecture to the image’s',
  },
  {
    cause: 'container',
    when: [/executable file not found|\bexec: .*(no such file or direct|permission denied)/],
    remedy:
      'the image cannot run its first program, which is /bin/sh or the entrypoint: use an image made from hashicorp/tfc-agent that has a shell',
  },
  {
    cause: 'container',
    when: [/\bCannotStartContainerError\b/i],
    remedy:
      'Fargate did not start the container, and the message says why; if the image is hashicorp/tfc-agent, ask AWS Support',
  },
];

/** Fargate may cut the message off within the host's name, so report a name only when something follows it. */
function unresolved(detail: string): string {
  const host = /\blookup ([\w.-]+\w)(?= on |: )/.exec(detail)?.[1] ?? 'a host (the message is cut off)';
  if (/\bread udp\b/.test(detail)) {
    return `the resolver gave no answer for ${host}: check the VPC’s DNS support, its DHCP options, and port 53 in the tasks’ security group`;
  }
  return `the tasks cannot resolve ${host}: if the stack limits domains (DNS Firewall), add it to network.allowedDomains; in your own VPC, check its DNS support, its DHCP options, the rules of its resolver, and private hosted zones`;
}
