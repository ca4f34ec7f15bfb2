# Deploys what `npm run --silent synth:standalone -- FOLDER` wrote. It carries every setting, and needs no CDK bootstrap.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "region" {
  description = "Region of the agents."
  type        = string
  default     = "eu-central-1"
}

variable "folder" {
  description = "Folder that synth:standalone wrote to."
  type        = string
}

variable "stack_name" {
  description = "The setting stackName. The template contains this name, so the stack must have it."
  type        = string
  default     = "AgentLauncher"
}

provider "aws" {
  region = var.region
}

locals {
  template = "${var.folder}/${var.stack_name}.template.json"
}

# Lambda and CloudFormation read the files from this bucket, so it must be in the same region.
resource "aws_s3_bucket" "this" {
  bucket_prefix = "agent-launcher-"
}

resource "aws_s3_object" "code" {
  for_each = fileset(var.folder, "*.zip")

  bucket = aws_s3_bucket.this.id
  key    = each.value
  source = "${var.folder}/${each.value}"

  # A new version has new keys. Without this, Terraform deletes the old files before it updates the stack, and an update that fails
  # can't roll back, because CloudFormation reads the old files again. Terraform stores the flag, so it also has its effect on files that are no longer here.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_s3_object" "template" {
  bucket = aws_s3_bucket.this.id
  # A new template has a new URL, so that Terraform notices the change.
  key    = "${substr(filesha256(local.template), 0, 16)}.template.json"
  source = local.template
}

resource "aws_cloudformation_stack" "agent_launcher" {
  name         = var.stack_name
  template_url = "https://${aws_s3_bucket.this.bucket_regional_domain_name}/${aws_s3_object.template.key}"
  parameters   = { CodeBucket = aws_s3_bucket.this.id }
  capabilities = ["CAPABILITY_IAM"]

  depends_on = [aws_s3_object.code]
}

output "stack" {
  description = "The outputs of the stack."
  value       = aws_cloudformation_stack.agent_launcher.outputs
}
