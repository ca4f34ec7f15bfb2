/**
 * How the command line reaches the local HCP Terraform by a name that the settings of a deployment allow: they can't have localhost, because an agent
 * in a task would not find it.
 */

/** A second name of the local HCP Terraform. RFC 6761 reserves the domain `test`, so nobody else has the name. */
export const SETTINGS_HOSTNAME = 'hcp-terraform.test';

/** Tells the command line where to connect instead of the hostname's own address. A test compares it with cli/hcp-terraform/connect.ts. */
export const CONNECT_TO_VARIABLE = 'AGENT_LAUNCHER_HCP_TERRAFORM_CONNECT_TO';
