# Deploys agents for one agent pool with the release template. It needs neither Node nor the CDK.

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

variable "organization" {
  description = "Organization in HCP Terraform that owns the agent pool."
  type        = string
}

variable "release_dir" {
  description = "Folder with the release: the template and the ZIP files."
  type        = string
}

provider "aws" {
  region = var.region
}

# Lambda and CloudFormation read the release from this bucket, so it must be in the same region.
resource "aws_s3_bucket" "release" {
  bucket_prefix = "agent-launcher-"
}

module "agent_launcher" {
  source = "../../../terraform"

  bucket      = aws_s3_bucket.release.id
  release_dir = var.release_dir

  organization = var.organization
  pool_name    = "aws"
  max_agents   = 10

  # Create both secrets before the deployment. Terraform must not know their values, because they would be in its state.
  api_token_secret   = "agent-launcher/api-token"
  agent_token_secret = "agent-launcher/aws/agent-token"

  # Without S3, plans and applies of this project couldn't reach the bucket below.
  allowed_domains = [
    "archivist.terraform.io",
    "releases.hashicorp.com",
    "registry.terraform.io",
    "sts.${var.region}.amazonaws.com",
    "s3.${var.region}.amazonaws.com",
    "*.s3.${var.region}.amazonaws.com",
  ]
}

# What Terraform may do in AWS.
data "aws_iam_policy_document" "terraform" {
  statement {
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["arn:aws:s3:::acme-artifacts/*"]
  }
}

resource "aws_iam_role_policy" "terraform" {
  name   = "terraform"
  role   = module.agent_launcher.task_role_name
  policy = data.aws_iam_policy_document.terraform.json
}

output "dashboard_url" {
  value = module.agent_launcher.dashboard_url
}

output "egress_addresses" {
  value = module.agent_launcher.egress_addresses
}
