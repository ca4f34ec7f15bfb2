/** Names and addresses of the lab. The ranges are those of a VPC with a public subnet, where the gateway is, and a private one, where tasks are. */

export const INSTANCE_ID = 'i-0123456789abcdef0';
export const METADATA_ADDRESS = '169.254.169.254';

/** The host of HCP Terraform. */
export const HOST = { name: 'app.terraform.io', address: '198.51.100.10' } as const;

/** An address that has no server. */
export const NOBODY = '198.51.100.66';

export const VPC_RANGE = '10.90.0.0/16';
export const TASK_RANGE = '10.90.48.0/20';

/** The gateway's address in the public subnet. `prepare.sh` configures it. */
export const GATEWAY_ADDRESS = '10.90.16.10';

/** The VPC's router in each subnet, and the task. */
export const ROUTER = { gateways: '10.90.16.1/20', tasks: '10.90.48.1/20', world: '198.51.100.1/24' } as const;
export const TASK_ADDRESS = '10.90.48.10';
