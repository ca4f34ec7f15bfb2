# Run with the real provider's schema and without AWS: terraform test -var release_dir=/path/to/release

mock_provider "aws" {
  mock_data "aws_s3_bucket" {
    defaults = {
      id                          = "acme-releases"
      bucket_regional_domain_name = "acme-releases.s3.eu-central-1.amazonaws.com"
    }
  }
}

variables {
  bucket             = "acme-releases"
  organization       = "acme"
  api_token_secret   = "agent-launcher/api-token"
  pool_name          = "aws"
  agent_token_secret = "agent-launcher/aws/agent-token"
}

run "leaves_defaults_to_the_template" {
  command = plan

  assert {
    condition = aws_cloudformation_stack.this.parameters == tomap({
      Organization     = "acme"
      ApiTokenSecret   = "agent-launcher/api-token"
      PoolName         = "aws"
      AgentTokenSecret = "agent-launcher/aws/agent-token"
      CodeBucket       = "acme-releases"
      CodePrefix       = "agent-launcher/"
    })
    error_message = "A parameter without a value must be left out."
  }
  assert {
    condition     = can(regex("^https://acme-releases.s3.eu-central-1.amazonaws.com/agent-launcher/agent-launcher-[0-9a-f]{16}.template.json$", aws_cloudformation_stack.this.template_url))
    error_message = "The URL of the template must contain a hash of the template."
  }
  assert {
    condition     = length(aws_s3_object.function_code) == 5 && alltrue([for object in aws_s3_object.function_code : startswith(object.key, "agent-launcher/")])
    error_message = "The code of the five functions must be in the folder of CodePrefix."
  }
}

run "passes_every_type_of_value" {
  command = plan

  variables {
    max_agents            = 25
    policy_sweeps         = false
    dns_firewall          = true
    allowed_domains       = ["registry.terraform.io", "*.acme.example"]
    task_role_policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::123456789012:policy/deploy"]
    egress                = "existing-vpc"
    vpc_id                = "vpc-0123456789abcdef0"
    subnet_ids            = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
    active_poll_seconds   = 0
  }

  assert {
    condition = {
      for name in ["MaxAgents", "PolicySweeps", "DnsFirewall", "AllowedDomains", "TaskRolePolicyArns", "SubnetIds", "ActivePollSeconds"] :
      name => aws_cloudformation_stack.this.parameters[name]
      } == {
      MaxAgents          = "25"
      PolicySweeps       = "false"
      DnsFirewall        = "true"
      AllowedDomains     = "registry.terraform.io,*.acme.example"
      TaskRolePolicyArns = "arn:aws:iam::aws:policy/ReadOnlyAccess,arn:aws:iam::123456789012:policy/deploy"
      SubnetIds          = "subnet-0123456789abcdef0,subnet-0123456789abcdef1"
      ActivePollSeconds  = "0"
    }
    error_message = "Lists are joined with commas, and numbers and booleans become text."
  }
}

run "refuses_values_that_the_template_refuses" {
  command = plan

  variables {
    stack_name               = "with_underscore"
    hostname                 = "https://app.terraform.io"
    agent_token_secret       = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:token-AbCdEf"
    image_credentials_secret = "x.atlasv1.y"
    image_reference          = "latest"
    max_agents               = 0
    cpu                      = 1000
    ephemeral_storage_gib    = 20
    egress                   = "network-firewall"
    allowed_domains          = ["https://example.com"]
    schedule_minutes         = 7
    log_retention_days       = 31
    alarm_topic_arn          = "alarms"
  }

  expect_failures = [
    var.stack_name,
    var.hostname,
    var.agent_token_secret,
    var.image_credentials_secret,
    var.image_reference,
    var.max_agents,
    var.cpu,
    var.ephemeral_storage_gib,
    var.egress,
    var.allowed_domains,
    var.schedule_minutes,
    var.log_retention_days,
    var.alarm_topic_arn,
  ]
}

# Terraform doesn't check a variable whose validation refers to an invalid variable, so this address has its own run.
run "refuses_an_invalid_address" {
  command = plan

  variables {
    alarm_email = "ops"
  }

  expect_failures = [var.alarm_email]
}

run "refuses_two_topics" {
  command = plan

  variables {
    alarm_topic_arn = "arn:aws:sns:eu-central-1:123456789012:alarms"
    alarm_email     = "ops@acme.example"
  }

  expect_failures = [var.alarm_email]
}

run "refuses_one_secret_for_both_tokens" {
  command = plan

  variables {
    agent_token_secret = "agent-launcher/api-token"
  }

  expect_failures = [var.agent_token_secret]
}

run "refuses_an_existing_vpc_without_ids" {
  command = plan

  variables {
    egress = "existing-vpc"
  }

  expect_failures = [aws_cloudformation_stack.this]
}

run "refuses_ids_without_an_existing_vpc" {
  command = plan

  variables {
    vpc_id = "vpc-0123456789abcdef0"
  }

  expect_failures = [aws_cloudformation_stack.this]
}
