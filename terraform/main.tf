locals {
  template = "${var.release_dir}/agent-launcher.template.json"

  # The template has the defaults, so a parameter without a value is left out.
  parameters = {
    for name, value in {
      Organization             = var.organization
      Hostname                 = var.hostname
      ApiTokenSecret           = var.api_token_secret
      PoolName                 = var.pool_name
      PoolId                   = var.pool_id
      AgentTokenSecret         = var.agent_token_secret
      MaxAgents                = var.max_agents
      Cpu                      = var.cpu
      MemoryMiB                = var.memory_mib
      EphemeralStorageGiB      = var.ephemeral_storage_gib
      Architecture             = var.architecture
      TaskRolePolicyArns       = join(",", var.task_role_policy_arns)
      PolicySweeps             = var.policy_sweeps
      ImageRegistry            = var.image_registry
      ImageRepository          = var.image_repository
      ImageReference           = var.image_reference
      ImageCredentialsSecret   = var.image_credentials_secret
      EcrImage                 = var.ecr_image
      Egress                   = var.egress
      NatGateways              = var.nat_gateways
      DnsFirewall              = var.dns_firewall
      AllowedDomains           = var.allowed_domains == null ? null : join(",", var.allowed_domains)
      VpcId                    = var.vpc_id
      SubnetIds                = join(",", var.subnet_ids)
      SecurityGroupIds         = join(",", var.security_group_ids)
      ScheduleMinutes          = var.schedule_minutes
      ActivePollSeconds        = var.active_poll_seconds
      IdlePollSeconds          = var.idle_poll_seconds
      IdleWindowSeconds        = var.idle_window_seconds
      StartDeadlineSeconds     = var.start_deadline_seconds
      AgentsCeiling            = var.agents_ceiling
      ReservedConcurrency      = var.reserved_concurrency
      NudgeHmacKeySecret       = var.nudge_hmac_key_secret
      NudgeReservedConcurrency = var.nudge_reserved_concurrency
      LogRetentionDays         = var.log_retention_days
      OldestQueuedMinutes      = var.oldest_queued_minutes
      AlarmTopicArn            = var.alarm_topic_arn
      AlarmEmail               = var.alarm_email
      AuditEvents              = var.audit_events
      PermissionsBoundary      = var.permissions_boundary
      CodeBucket               = var.bucket
      CodePrefix               = var.prefix
    } : name => tostring(value) if value != null && value != ""
  }
}

data "aws_s3_bucket" "this" {
  bucket = var.bucket
}

resource "aws_s3_object" "function_code" {
  for_each = fileset(var.release_dir, "*.zip")

  bucket = data.aws_s3_bucket.this.id
  key    = "${var.prefix}${each.value}"
  source = "${var.release_dir}/${each.value}"
  # The name of each file contains a hash of its contents.
  source_hash = each.value

  # A new version has new keys. Without this, Terraform deletes the old files before it updates the stack, and an update that fails
  # can't roll back, because CloudFormation reads the old files again. Terraform stores the flag, so it also has its effect on files that are no longer here.
  lifecycle {
    create_before_destroy = true
  }
}

# Version 0.1.0 called these files "code", and its state lacks the flag above: the first upgrade would delete them before it updates the stack.
# So that upgrade leaves them in the bucket. Nothing reads them after it; you can delete them.
removed {
  from = aws_s3_object.code

  lifecycle {
    destroy = false
  }
}

resource "aws_s3_object" "template" {
  bucket = data.aws_s3_bucket.this.id
  # A new template has a new URL, so that Terraform notices the change.
  key          = "${var.prefix}agent-launcher-${substr(filesha256(local.template), 0, 16)}.template.json"
  source       = local.template
  content_type = "application/json"
}

resource "aws_cloudformation_stack" "this" {
  name         = var.stack_name
  template_url = "https://${data.aws_s3_bucket.this.bucket_regional_domain_name}/${aws_s3_object.template.key}"
  parameters   = local.parameters
  tags         = var.tags
  # The stack creates roles whose names CloudFormation chooses.
  capabilities = ["CAPABILITY_IAM"]
  on_failure   = "ROLLBACK"

  depends_on = [aws_s3_object.function_code]

  lifecycle {
    precondition {
      condition     = var.egress != "existing-vpc" || (var.vpc_id != null && length(var.subnet_ids) > 0)
      error_message = "With egress existing-vpc, set vpc_id and subnet_ids."
    }
    precondition {
      condition     = var.egress == "existing-vpc" || (var.vpc_id == null && length(var.subnet_ids) == 0 && length(var.security_group_ids) == 0)
      error_message = "vpc_id, subnet_ids and security_group_ids have no effect unless egress is existing-vpc. Set egress, or remove them."
    }
    precondition {
      condition     = length(fileset(var.release_dir, "*.zip")) > 0
      error_message = "The folder release_dir contains no ZIP files. Run `npm run release`, or download a complete release."
    }
  }
}
