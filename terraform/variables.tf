variable "stack_name" {
  description = "Name of the stack. The names of the cluster, function, log groups, alarms and dashboard begin with it."
  type        = string
  default     = "AgentLauncher"

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{0,47}$", var.stack_name))
    error_message = "Up to 48 letters, digits and hyphens, beginning with a letter."
  }
}

variable "bucket" {
  description = "Existing S3 bucket, in the region of the stack, to which the module uploads the template and the code of the functions."
  type        = string
}

variable "prefix" {
  description = "Folder in the bucket, with a slash at the end."
  type        = string
  default     = "agent-launcher/"

  validation {
    condition     = can(regex("^(?:[A-Za-z0-9!_.*()/-]*/)?$", var.prefix))
    error_message = "Empty, or a prefix that ends with a slash."
  }
}

variable "release_dir" {
  description = "Folder of the release: the template and the ZIP files that `npm run release` writes, or that you downloaded."
  type        = string

  validation {
    condition     = fileexists("${var.release_dir}/agent-launcher.template.json")
    error_message = "The folder does not contain agent-launcher.template.json. Run `npm run release`, or download a release, and set its folder."
  }
}

variable "tags" {
  description = "Tags of the stack. CloudFormation copies them to its resources."
  type        = map(string)
  default     = {}
}

variable "organization" {
  description = "Organization that owns the agent pool."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_-]*$", var.organization))
    error_message = "The name in the URL of the organization: letters, digits, - and _."
  }
}

variable "hostname" {
  description = "Hostname of HCP Terraform or Terraform Enterprise, without scheme and port. Default: app.terraform.io."
  type        = string
  default     = null

  validation {
    condition     = var.hostname == null ? true : can(regex("^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$", var.hostname))
    error_message = "A fully qualified, lower-case hostname without scheme, path and port."
  }
}

variable "api_token_secret" {
  description = "Name of the secret that contains the API token of the launcher, and nothing else."
  type        = string

  validation {
    condition     = (can(regex("^[A-Za-z0-9/_+=.@-]{1,512}$", var.api_token_secret)) && !can(regex("-[A-Za-z0-9]{6}$|\\.atlasv1\\.", var.api_token_secret)))
    error_message = "The name of a secret in this account and region: never its value, and not its ARN. The name must not end in a hyphen and six letters or digits."
  }
}

variable "pool_name" {
  description = "Name of the agent pool in HCP Terraform."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,90}$", var.pool_name))
    error_message = "Up to 90 letters, digits, - and _."
  }
}

variable "pool_id" {
  description = "ID of the agent pool. Default: the launcher looks it up by the name."
  type        = string
  default     = null

  validation {
    condition     = var.pool_id == null ? true : can(regex("^apool-[A-Za-z0-9]+$", var.pool_id))
    error_message = "apool-, then letters and digits."
  }
}

variable "agent_token_secret" {
  description = "Name of the secret that contains an agent token of the pool, and nothing else."
  type        = string

  validation {
    condition     = (can(regex("^[A-Za-z0-9/_+=.@-]{1,512}$", var.agent_token_secret)) && !can(regex("-[A-Za-z0-9]{6}$|\\.atlasv1\\.", var.agent_token_secret)))
    error_message = "The name of a secret in this account and region: never its value, and not its ARN. The name must not end in a hyphen and six letters or digits."
  }

  validation {
    condition     = var.agent_token_secret != var.api_token_secret
    error_message = "The API token must not be readable by agents. Store both tokens in separate secrets."
  }
}

variable "max_agents" {
  description = "Maximum number of agents that run at the same time. Default: 10."
  type        = number
  default     = null

  validation {
    condition     = var.max_agents == null ? true : (var.max_agents >= 1 && var.max_agents <= 1000 && floor(var.max_agents) == var.max_agents)
    error_message = "An integer from 1 to 1000."
  }
}

variable "cpu" {
  description = "CPU units of an agent; 1024 are one vCPU. Default: 1024."
  type        = number
  default     = null

  validation {
    condition     = var.cpu == null ? true : contains([256, 512, 1024, 2048, 4096, 8192, 16384], var.cpu)
    error_message = "256, 512, 1024, 2048, 4096, 8192 or 16384."
  }
}

variable "memory_mib" {
  description = "Memory of an agent in MiB: a size that Fargate offers for `cpu`. Default: 2048."
  type        = number
  default     = null

  validation {
    condition     = var.memory_mib == null ? true : (var.memory_mib >= 512 && var.memory_mib <= 122880 && floor(var.memory_mib) == var.memory_mib)
    error_message = "An integer from 512 to 122880."
  }
}

variable "ephemeral_storage_gib" {
  description = "Disk of an agent in GiB. Default: 20 GiB."
  type        = number
  default     = null

  validation {
    condition     = var.ephemeral_storage_gib == null ? true : (var.ephemeral_storage_gib >= 21 && var.ephemeral_storage_gib <= 200 && floor(var.ephemeral_storage_gib) == var.ephemeral_storage_gib)
    error_message = "An integer from 21 to 200. Leave it out for 20 GiB."
  }
}

variable "architecture" {
  description = "CPU architecture of the agents. Default: x86_64."
  type        = string
  default     = null

  validation {
    condition     = var.architecture == null ? true : contains(["x86_64", "arm64"], var.architecture)
    error_message = "x86_64 or arm64."
  }
}

variable "task_role_policy_arns" {
  description = "ARNs of managed policies for Terraform in AWS. You can also attach policies to the role in the output `task_role_name`."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.task_role_policy_arns) <= 10 && alltrue([for arn in var.task_role_policy_arns : can(regex("^arn:aws[a-z-]*:iam::(?:aws|\\d{12}):policy/[\\w+=.@/-]+$", arn))])
    error_message = "Up to 10 ARNs such as arn:aws:iam::123456789012:policy/name."
  }
}

variable "policy_sweeps" {
  description = "Whether the launcher starts an agent for a run that stays in a post-plan status. Default: true."
  type        = bool
  default     = null
}

variable "image_registry" {
  description = "Host of the registry from which the deployment copies the image of the agents. Default: registry-1.docker.io."
  type        = string
  default     = null
}

variable "image_repository" {
  description = "Repository of the image in the registry. Default: hashicorp/tfc-agent."
  type        = string
  default     = null
}

variable "image_reference" {
  description = "Digest of the image (recommended), or its tag. Default: the version that the launcher was tested with."
  type        = string
  default     = null

  validation {
    condition     = var.image_reference == null ? true : (var.image_reference != "latest" && can(regex("^(?:sha256:[0-9a-f]{64}|[A-Za-z0-9_][A-Za-z0-9._-]{0,127})$", var.image_reference)))
    error_message = "sha256: and 64 hexadecimal digits, or a tag other than latest."
  }
}

variable "image_credentials_secret" {
  description = "Name of the secret with the login for the registry. Default: anonymous access."
  type        = string
  default     = null

  validation {
    condition     = var.image_credentials_secret == null ? true : (can(regex("^[A-Za-z0-9/_+=.@-]{1,512}$", var.image_credentials_secret)) && !can(regex("-[A-Za-z0-9]{6}$|\\.atlasv1\\.", var.image_credentials_secret)))
    error_message = "The name of a secret in this account and region: never its value, and not its ARN. The name must not end in a hyphen and six letters or digits."
  }
}

variable "ecr_image" {
  description = "Complete reference of an image in ECR, which agents pull instead of a copy."
  type        = string
  default     = null
}

variable "egress" {
  description = "Egress mode: nat-gateway, public-ip or existing-vpc. Default: nat-gateway."
  type        = string
  default     = null

  validation {
    condition     = var.egress == null ? true : contains(["nat-gateway", "public-ip", "existing-vpc"], var.egress)
    error_message = "nat-gateway, public-ip or existing-vpc."
  }
}

variable "nat_gateways" {
  description = "With egress nat-gateway: one NAT gateway for both zones (`one`), or one per zone (`all`). Default: one."
  type        = string
  default     = null

  validation {
    condition     = var.nat_gateways == null ? true : contains(["one", "all"], var.nat_gateways)
    error_message = "one or all."
  }
}

variable "dns_firewall" {
  description = "Whether DNS Firewall limits DNS to the allowed domains, in the whole VPC. Default: false with existing-vpc, and true with the other modes."
  type        = bool
  default     = null
}

variable "allowed_domains" {
  description = "Domains that agents can reach if DNS Firewall is on, without `hostname`. Default: those of HCP Terraform, its registry and its releases."
  type        = list(string)
  default     = null

  validation {
    condition     = var.allowed_domains == null ? true : (try(length(var.allowed_domains), 0) > 0 && alltrue([for domain in coalesce(var.allowed_domains, []) : can(regex("^(?:\\*\\.)?[a-z0-9.-]+$", domain))]))
    error_message = "At least one domain, in lower case and without scheme, such as example.com or *.example.com."
  }
}

variable "vpc_id" {
  description = "With egress existing-vpc: the VPC."
  type        = string
  default     = null

  validation {
    condition     = var.vpc_id == null ? true : can(regex("^vpc-(?:[0-9a-f]{8}|[0-9a-f]{17})$", var.vpc_id))
    error_message = "vpc- and 8 or 17 hexadecimal digits."
  }
}

variable "subnet_ids" {
  description = "With egress existing-vpc: 1 to 16 private subnets with an egress path."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.subnet_ids) <= 16
    error_message = "At most 16 subnets."
  }
}

variable "security_group_ids" {
  description = "With egress existing-vpc: up to 5 security groups. Default: a new group that blocks inbound traffic and allows outbound TCP 443."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.security_group_ids) <= 5
    error_message = "At most 5 security groups."
  }
}

variable "schedule_minutes" {
  description = "Minutes between two invocations of the launcher: 1, 2, 5, 10 or 15. Default: 1."
  type        = number
  default     = null

  validation {
    condition     = var.schedule_minutes == null ? true : contains([1, 2, 5, 10, 15], var.schedule_minutes)
    error_message = "1, 2, 5, 10 or 15."
  }
}

variable "active_poll_seconds" {
  description = "Seconds between two polls while something is queued or runs: 0, or 5 to 60. Default: 5."
  type        = number
  default     = null

  validation {
    condition     = var.active_poll_seconds == null ? true : var.active_poll_seconds == 0 || (var.active_poll_seconds >= 5 && var.active_poll_seconds <= 60)
    error_message = "0, or an integer from 5 to 60."
  }
}

variable "idle_poll_seconds" {
  description = "Seconds between two polls while nothing runs: 60, 30, 10 or 5. Default: 60."
  type        = number
  default     = null

  validation {
    condition     = var.idle_poll_seconds == null ? true : contains([60, 30, 10, 5], var.idle_poll_seconds)
    error_message = "60, 30, 10 or 5."
  }
}

variable "idle_window_seconds" {
  description = "Seconds that an agent waits for a job before it ends. Default: 300."
  type        = number
  default     = null

  validation {
    condition     = var.idle_window_seconds == null ? true : (var.idle_window_seconds >= 60 && var.idle_window_seconds <= 3600 && floor(var.idle_window_seconds) == var.idle_window_seconds)
    error_message = "An integer from 60 to 3600."
  }
}

variable "start_deadline_seconds" {
  description = "Seconds after which the launcher stops a task whose agent has not registered. Default: 300."
  type        = number
  default     = null

  validation {
    condition     = var.start_deadline_seconds == null ? true : (var.start_deadline_seconds >= 120 && var.start_deadline_seconds <= 3600 && floor(var.start_deadline_seconds) == var.start_deadline_seconds)
    error_message = "An integer from 120 to 3600."
  }
}

variable "agents_ceiling" {
  description = "Maximum number of agents that the subscription of the organization allows. Default: no limit except `max_agents`."
  type        = number
  default     = null

  validation {
    condition     = var.agents_ceiling == null ? true : (var.agents_ceiling >= 1 && var.agents_ceiling <= 10000 && floor(var.agents_ceiling) == var.agents_ceiling)
    error_message = "An integer from 1 to 10000."
  }
}

variable "reserved_concurrency" {
  description = "Reserved concurrency of the launcher. New AWS accounts refuse any reservation. Default: no reservation."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrency == null ? true : (var.reserved_concurrency >= 1 && var.reserved_concurrency <= 10 && floor(var.reserved_concurrency) == var.reserved_concurrency)
    error_message = "An integer from 1 to 10."
  }
}

variable "nudge_hmac_key_secret" {
  description = "Name of the secret with the HMAC key of the nudge. Default: no URL at which HCP Terraform announces runs."
  type        = string
  default     = null

  validation {
    condition     = var.nudge_hmac_key_secret == null ? true : (can(regex("^[A-Za-z0-9/_+=.@-]{1,512}$", var.nudge_hmac_key_secret)) && !can(regex("-[A-Za-z0-9]{6}$|\\.atlasv1\\.", var.nudge_hmac_key_secret)))
    error_message = "The name of a secret in this account and region: never its value, and not its ARN. The name must not end in a hyphen and six letters or digits."
  }
}

variable "nudge_reserved_concurrency" {
  description = "Reserved concurrency of the nudge. Default: 5."
  type        = number
  default     = null

  validation {
    condition     = var.nudge_reserved_concurrency == null ? true : (var.nudge_reserved_concurrency >= 1 && var.nudge_reserved_concurrency <= 100 && floor(var.nudge_reserved_concurrency) == var.nudge_reserved_concurrency)
    error_message = "An integer from 1 to 100."
  }
}

variable "log_retention_days" {
  description = "Log retention in days: a value that CloudWatch Logs offers. Default: 30."
  type        = number
  default     = null

  validation {
    condition     = var.log_retention_days == null ? true : contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "oldest_queued_minutes" {
  description = "Minutes that a job may wait for an agent before an alarm fires: 5, 10, 15, 30, 60 or 120. Default: 15."
  type        = number
  default     = null

  validation {
    condition     = var.oldest_queued_minutes == null ? true : contains([5, 10, 15, 30, 60, 120], var.oldest_queued_minutes)
    error_message = "5, 10, 15, 30, 60 or 120."
  }
}

variable "alarm_topic_arn" {
  description = "ARN of the SNS topic that receives the alarms. Default: alarms are visible in CloudWatch only."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null ? true : can(regex("^arn:aws[a-z-]*:sns:[a-z0-9-]+:\\d{12}:[A-Za-z0-9_-]{1,256}$", var.alarm_topic_arn))
    error_message = "The ARN of a topic."
  }
}

variable "alarm_email" {
  description = "E-mail address that receives the alarms. The stack creates an SNS topic for it. SNS sends a message with a link to the address: open the link, or no alarm arrives. Default: no topic."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_email == null ? true : can(regex("^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9-]+(?:\\.[A-Za-z0-9-]+)+$", var.alarm_email))
    error_message = "One e-mail address, such as ops@example.com."
  }

  validation {
    condition     = var.alarm_email == null || var.alarm_topic_arn == null
    error_message = "alarm_email creates a topic, and alarm_topic_arn is another one. Remove one of them."
  }
}

variable "audit_events" {
  description = "Whether the alarm topic gets a message when anyone other than the launcher and CloudFormation starts a task in the cluster, or changes a function or a task definition. It needs alarm_email or alarm_topic_arn, and a CloudTrail trail in the region. Default: true."
  type        = bool
  default     = null
}

variable "permissions_boundary" {
  description = "ARN of the managed policy that is the permissions boundary of all roles. Default: no boundary."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null ? true : can(regex("^arn:aws[a-z-]*:iam::(?:aws|\\d{12}):policy/[\\w+=,.@/-]+$", var.permissions_boundary))
    error_message = "The ARN of a managed policy."
  }
}
