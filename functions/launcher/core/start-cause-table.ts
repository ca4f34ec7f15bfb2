/**
 * Derives from ECS's message why a task didn't start. The first row whose patterns all match decides. Specific rows come before
 * general ones, because a message often mentions several faults ("unable to pull secrets … registry auth from Amazon ECR").
 *
 * A pattern is always a phrase of AWS or the container runtime, never a single word such as "secret" or "capacity". Such a word could
 * be part of a name that a user chose for an image, role or secret. Fargate cuts off long messages, so no pattern relies on the end
 * of a message.
 *
 * The rows are based on the messages in test/functions/launcher/aws-messages.ts, which also lists their sources.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
 */

/** The cause of a start failure, and what to do about it. */
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
const ADD_ROUTE = 'Add a NAT gateway, or instead of it the interface endpoint';

export const START_CAUSE_TABLE: readonly StartCauseRow[] = [
  // -- The launcher's own messages
  {
    cause: 'no-job',
    when: [/(^|; )its agent registered and ended without a job/],
    remedy:
      'agents start, get no job and leave. Check their log, TFC_AGENT_ACCEPT, and the organization’s limit of concurrent runs',
  },
  {
    cause: 'registration',
    when: [/(^|; )agent-launcher: its agent did not register/],
    remedy:
      'the agent runs, but cannot reach HCP Terraform. Check the tasks’ egress to its hostname, and the organization’s IP allow list',
  },
  // -- Memory and disk
  {
    cause: 'memory',
    when: [/\bOutOfMemoryError\b/],
    remedy: 'the task ran out of memory. Raise memoryMiB (HashiCorp requires at least 2 GiB)',
  },
  {
    cause: 'storage',
    when: [/no space left on device|not enough space on the disk/i],
    remedy:
      'the image does not fit on the task’s disk. Raise ephemeralStorageGiB (default 20), or make the image smaller',
  },
  {
    cause: 'storage',
    when: [/\bC[ao]nnotCreateVolumeError\b/],
    remedy:
      'Fargate could not copy the image’s files into the volumes /tmp and /home/tfc-agent/.tfc-agent. The next launch often succeeds. If it also fails, reduce the image’s files in these folders, and raise ephemeralStorageGiB',
  },
  // -- GuardDuty's sidecar. Only the task's stop reason can mention it, because the launcher reads no other container than the agent's.
  {
    cause: 'image',
    when: [PULL, /\/aws-guardduty-agent-fargate\b/],
    remedy:
      "the sidecar of GuardDuty Runtime Monitoring can't be pulled. Set network.guardDuty to true (in your own VPC, also allow its registry), or exclude the cluster by setting the tag GuardDutyManaged to false in tags",
  },
  // -- Hostnames that don't resolve, in any part of the message
  { cause: 'dns', when: [/\bdial (tcp|udp): lookup\b/i], remedy: unresolved },
  // -- Pulling the image
  {
    cause: 'image',
    when: [
      /toomanyrequests|429 Too Many Requests|reached your pull rate limit|unexpected status code https:\/\/registry-1\.docker\.io\/[^ ]*\.\.\./i,
    ],
    remedy:
      'the registry’s pull limit is used up. Docker Hub counts pulls per IP address, and every job pulls the image, so agents behind one NAT gateway soon reach the limit. Use the image that the stack builds, or let the stack copy the image into ECR: omit agentImage.copy or set it to true, and deploy. If the limit also stops the copy, set agentImage.credentialsSecret to a login for the registry',
  },
  {
    cause: 'image',
    when: [/descriptor (matching|for) platform|no matching manifest for/i],
    remedy:
      'the image does not support the pool’s CPU architecture. Set the pool’s architecture to the image’s, or use a multi-architecture image',
  },
  {
    cause: 'image',
    when: [LAYER, /failed to do request/i, /\.amazonaws\.com\b/],
    remedy:
      'ECR answers, but Amazon S3, which serves the image’s layers, does not. Add a NAT gateway, or a gateway endpoint for S3 in the route tables of the tasks’ subnets, and allow port 443 to it in the security group',
  },
  {
    cause: 'image',
    when: [/pull command failed: panic/],
    remedy:
      'Amazon S3, which serves ECR’s image layers, does not answer. Check that the route tables of the tasks’ subnets have its gateway endpoint, and that the security group allows port 443 to it',
  },
  {
    cause: 'image',
    when: [LAYER, /failed to do request/i],
    remedy:
      'the registry answers, but the separate host that serves the image’s layers does not. Allow that host too (it is in the message), or use an image in ECR',
  },
  {
    cause: 'image',
    when: [PULL, UNREACHABLE],
    remedy: `the tasks have no route to the registry. ${ADD_ROUTE}s ecr.api and ecr.dkr and the gateway endpoint for S3 (endpoints only work for images in ECR)`,
  },
  {
    cause: 'image',
    when: [PULL, /\b401 Unauthorized|no basic auth credentials|fetch anonymous token|docker login/i],
    remedy:
      'the registry requires credentials, and the tasks have none. Check the image’s name, or use the image that the stack builds, an image in ECR, or a public image',
  },
  {
    cause: 'image',
    when: [
      PULL,
      /\b403 Forbidden|has the permissions to pull|AccessDenied|is not authorized to perform|explicit deny/i,
    ],
    remedy:
      'the execution role is not allowed to pull the image. Check the ECR repository’s policy (if the repository is in another account, its policy must allow this account), endpoint policies, permissions boundaries and service control policies',
  },
  {
    cause: 'image',
    when: [PULL, /\bnot found\b|manifest unknown|does not exist/i],
    remedy: 'the image does not exist. Correct its name or tag, or push it to the registry again',
  },
  {
    cause: 'image',
    when: [PULL],
    remedy:
      'the image could not be pulled. Check its name, tag, architecture and size, and the execution role’s permission to pull it',
  },
  // -- ECR's credentials and the agent token, which ECS gets in one step
  {
    cause: 'image',
    when: [REGISTRY_AUTH, DENIED],
    remedy:
      'the execution role is not allowed to call ecr:GetAuthorizationToken. Deploy the stack again, in case someone changed the role manually. If that doesn’t help, check endpoint policies, permissions boundaries and service control policies',
  },
  {
    cause: 'image',
    when: [REGISTRY_AUTH],
    remedy: `the tasks have no route to ECR. ${ADD_ROUTE}s ecr.api and ecr.dkr, with port 443 open from the tasks, and the gateway endpoint for S3`,
  },
  {
    cause: 'secret',
    when: [SECRET, /Access to KMS is not allowed|kms:Decrypt/i],
    remedy:
      'the agent token’s secret is encrypted with a customer managed key that the execution role is not allowed to use. Allow the role to call kms:Decrypt in the key policy',
  },
  {
    cause: 'secret',
    when: [/ResourceNotFoundException.*secret|Secrets Manager can't find/i],
    remedy:
      'the agent token’s secret was deleted, is scheduled for deletion, or is in another Region. Compare agentTokenSecret with Secrets Manager',
  },
  {
    cause: 'secret',
    when: [SECRET, DENIED],
    remedy:
      'the execution role is not allowed to read the agent token’s secret (secretsmanager:GetSecretValue). Deploy the stack again. If that doesn’t help, check the secret’s own policy, endpoint policies, permissions boundaries and service control policies. If the secret’s name ends with a hyphen and six characters, set its ARN instead',
  },
  {
    cause: 'secret',
    when: [SECRET, UNREACHABLE],
    remedy: `the tasks have no route to Secrets Manager. ${ADD_ROUTE} secretsmanager, with port 443 open from the tasks`,
  },
  {
    cause: 'secret',
    when: [SECRET],
    remedy:
      'the agent token’s secret could not be read. Check that it exists, that the execution role is allowed to read and decrypt it, and that the tasks have a route to Secrets Manager',
  },
  {
    cause: 'network',
    when: [/unable to pull secrets or registry auth/],
    remedy: `ECS could read neither the agent token nor the credentials for ECR, and does not say why. Most often the tasks have no route. ${ADD_ROUTE}s secretsmanager, ecr.api and ecr.dkr`,
  },
  // -- The log
  {
    cause: 'throttled',
    when: [LOG, /ThrottlingException|Rate exceeded/],
    remedy:
      'CloudWatch Logs throttled CreateLogStream, because many log streams were created at the same time. This is usually temporary. If it continues, raise that quota, or lower maxAgents',
  },
  {
    cause: 'log',
    when: [LOG, DENIED],
    remedy:
      'the execution role is not allowed to create log streams in the pool’s log group. Deploy the stack again. If that doesn’t help, check endpoint policies, permissions boundaries and service control policies',
  },
  {
    cause: 'log',
    when: [LOG, UNREACHABLE],
    remedy: `the tasks have no route to CloudWatch Logs. ${ADD_ROUTE} logs, with port 443 open from the tasks. The log group itself most likely exists`,
  },
  {
    cause: 'log',
    when: [LOG, /log group does not exist/i],
    remedy: 'the pool’s log group was deleted. Deploy the stack again',
  },
  {
    cause: 'log',
    when: [LOG],
    remedy:
      'the pool’s log stream could not be created. Check that the log group exists, that the execution role is allowed to write to it, and that the tasks have a route to CloudWatch Logs',
  },
  // -- The network interface
  {
    cause: 'addresses',
    when: [/InsufficientFreeAddresses|enough free addresses|with public IP assignment enabled in subnet/i],
    remedy:
      'the subnets have no free IP address left, and each task needs one. Use larger or additional subnets, or lower maxAgents',
  },
  {
    cause: 'network',
    when: [/attempting to tag the network interface/i],
    remedy:
      'AWS refused the tags of the network interface, because a tag policy of the organization requires other tags. Set the required tags in tags, or ask the organization’s administrator to exempt network interfaces',
  },
  {
    cause: 'network',
    when: [INTERFACE, /Timeout waiting|Rate limit exceeded/i],
    remedy:
      'AWS took too long to create the network interface. This is usually temporary. If it continues, lower maxAgents, or check AWS Health',
  },
  {
    cause: 'network',
    when: [INTERFACE],
    remedy:
      'the network interface could not be created. Check service control policies, the quota of network interfaces, and free IP addresses in the subnets',
  },
  // -- Fargate
  {
    cause: 'capacity',
    when: [/\bCapacity is unavailable\b|(^|; |TaskFailedToStart: )RESOURCE:/],
    remedy:
      'Fargate had no capacity in this Availability Zone. The next launch may succeed. If launches keep failing, add subnets in other zones',
  },
  {
    cause: 'platform',
    when: [
      /Timeout waiting for EphemeralStorage|\b(InternalError|ContainerRuntimeError|ContainerRuntimeTimeoutError|DockerTimeoutError|CannotInspectContainerError)\b/,
    ],
    remedy:
      'Fargate itself failed. The next launch will probably succeed. If launches keep failing, check AWS Health, or ask AWS Support',
  },
  // -- The container
  {
    cause: 'container',
    when: [/unable to find user\b|\/etc\/passwd: no such file/i],
    remedy:
      'the image has no user tfc-agent, but agents run as that user. Build the image from hashicorp/tfc-agent, or create the user in it',
  },
  {
    cause: 'container',
    when: [/exec format error/],
    remedy: 'the image is for a different CPU architecture than the pool. Set the pool’s architecture to the image’s',
  },
  {
    cause: 'container',
    when: [/executable file not found|\bexec: .*(no such file or direct|permission denied)/],
    remedy:
      'the image cannot run /bin/sh or the entrypoint. Use an image that is built from hashicorp/tfc-agent and contains a shell',
  },
  {
    cause: 'container',
    when: [/\bCannotStartContainerError\b/i],
    remedy:
      'Fargate could not start the container for the reason in the message. Correct the image. If it is hashicorp/tfc-agent itself, ask AWS Support',
  },
];

/** Fargate may cut off the message within the hostname, so report a hostname only if more text follows it. */
function unresolved(detail: string): string {
  const host = /\blookup ([\w.-]+\w)(?= on |: )/.exec(detail)?.[1] ?? 'a host (the message is cut off)';
  if (/\bread udp\b/.test(detail)) {
    return `the DNS resolver did not answer for ${host}. Check the VPC’s DNS support, its DHCP options, and port 53 in the tasks’ security group`;
  }
  return `the tasks cannot resolve ${host}. If the stack limits domains (DNS Firewall), add it to network.allowedDomains. In your own VPC, check DNS support, DHCP options, resolver rules and private hosted zones`;
}
