output "stack_id" {
  description = "ID of the CloudFormation stack."
  value       = aws_cloudformation_stack.this.id
}

output "egress_addresses" {
  description = "Source addresses of all agents, for IP allow-lists. Empty if each task has its own address, or with existing-vpc."
  value       = compact(split(", ", lookup(aws_cloudformation_stack.this.outputs, "EgressAddresses", "")))
}

output "cluster_name" {
  description = "Cluster of the agents."
  value       = lookup(aws_cloudformation_stack.this.outputs, "ClusterName", null)
}

output "launcher_function_name" {
  description = "The launcher function. Invoke it to run a tick immediately."
  value       = lookup(aws_cloudformation_stack.this.outputs, "LauncherFunctionName", null)
}

output "launcher_log_group" {
  description = "Log of the launcher."
  value       = lookup(aws_cloudformation_stack.this.outputs, "LauncherLogGroup", null)
}

output "agent_log_groups" {
  description = "Log of the agents."
  value       = lookup(aws_cloudformation_stack.this.outputs, "AgentLogGroups", null)
}

output "dashboard_url" {
  description = "Dashboard of the launcher."
  value       = lookup(aws_cloudformation_stack.this.outputs, "DashboardUrl", null)
}

output "egress_claim" {
  description = "What can leave the network."
  value       = lookup(aws_cloudformation_stack.this.outputs, "EgressClaim", null)
}

output "egress_idle_cost" {
  description = "Monthly cost of the network while nothing runs, at list prices of us-east-1."
  value       = lookup(aws_cloudformation_stack.this.outputs, "EgressIdleCost", null)
}

output "dns_query_log_group" {
  description = "Log of the DNS queries in the network. Absent without DNS Firewall or its log, and with existing-vpc."
  value       = lookup(aws_cloudformation_stack.this.outputs, "DnsQueryLogGroup", null)
}

output "idle_poll_cost" {
  description = "Monthly cost of idle polls, if `idle_poll_seconds` is below 60."
  value       = lookup(aws_cloudformation_stack.this.outputs, "IdlePollCost", null)
}

output "nudge_url" {
  description = "URL for the run task or the notification, with `nudge_hmac_key_secret`."
  value       = lookup(aws_cloudformation_stack.this.outputs, "NudgeUrl", null)
}

output "nudge_cost" {
  description = "Monthly cost of the queue that nudges use."
  value       = lookup(aws_cloudformation_stack.this.outputs, "NudgeCost", null)
}

output "task_role_name" {
  description = "Role of Terraform in AWS. Attach policies to it."
  value       = lookup(aws_cloudformation_stack.this.outputs, "TaskRoleName", null)
}

output "task_role_arn" {
  description = "Role of Terraform in AWS."
  value       = lookup(aws_cloudformation_stack.this.outputs, "TaskRoleArn", null)
}

output "role_arns" {
  description = "Roles of the launcher and the agents, each with its purpose, for key policies and resource policies."
  value       = lookup(aws_cloudformation_stack.this.outputs, "RoleArns", null)
}

output "image_copy_role_arn" {
  description = "Role that copies the image during a deployment. Absent with `ecr_image`."
  value       = lookup(aws_cloudformation_stack.this.outputs, "ImageCopyRoleArn", null)
}

output "version" {
  description = "Version of agent-launcher that is deployed."
  value       = lookup(aws_cloudformation_stack.this.outputs, "Version", null)
}
