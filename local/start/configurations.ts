/** Small Terraform configurations. They only use the built-in provider, so they work without a network. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from 'tar';

export const NETWORK = `
variable "subnets" {
  type    = map(string)
  default = {
    a = "10.0.0.0/24"
    b = "10.0.1.0/24"
    c = "10.0.2.0/24"
  }
}

resource "terraform_data" "vpc" {
  input = { cidr = "10.0.0.0/16", workspace = terraform.workspace }
}

resource "terraform_data" "subnet" {
  for_each = var.subnets
  input    = { vpc = terraform_data.vpc.id, cidr = each.value }

  provisioner "local-exec" {
    command = "echo creating the subnet \${each.key}; sleep 1"
  }
}

output "subnet_ids" {
  value = { for name, subnet in terraform_data.subnet : name => subnet.id }
}
`;

/** The same configuration with one more subnet, as an example of a change. */
export const NETWORK_GROWN = NETWORK.replace(
  '    c = "10.0.2.0/24"\n',
  '    c = "10.0.2.0/24"\n    d = "10.0.3.0/24"\n',
);

/** A configuration whose apply takes some time, like a real one. */
export const DATABASE = `
resource "terraform_data" "cluster" {
  input = "postgres 17"

  provisioner "local-exec" {
    command = "echo creating the cluster; sleep 3; echo the cluster is there"
  }
}

resource "terraform_data" "replica" {
  count = 2
  input = "\${terraform_data.cluster.input}, replica \${count.index}"
}
`;

export const DNS = `
locals {
  records = { www = "10.0.0.10", api = "10.0.0.11", mail = "10.0.0.12" }
}

resource "terraform_data" "record" {
  for_each = local.records
  input    = "\${each.key} A \${each.value}"
}
`;

/** A configuration whose plan fails with an explanation. */
export const BROKEN = `
variable "replicas" {
  type    = number
  default = 12

  validation {
    condition     = var.replicas <= 9
    error_message = "The quota of this account is 9 replicas; ask for fewer."
  }
}

resource "terraform_data" "replica" {
  count = var.replicas
}
`;

/** The configuration in HCP Terraform's upload format: a gzipped tar. */
export async function archiveOf(configuration: string): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), 'configuration-'));
  try {
    await writeFile(join(directory, 'main.tf'), configuration);
    const chunks: Buffer[] = [];
    for await (const chunk of create({ cwd: directory, gzip: true, portable: true }, ['main.tf'])) chunks.push(chunk);
    return Buffer.concat(chunks);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
