/** The public properties of EgressNetwork. They are in their own file because EgressNetwork and the checks import them. */
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { LogGroupOptions } from '../log-group.ts';
import type { OwnNetwork } from '../network/egress.ts';
import type { LauncherInNetwork } from '../network/launcher-apis.ts';

/** The egress mode and its options, as in the settings of the app. The default mode is `nat-gateway`. */
export type EgressNetworkProps = OwnNetwork & {
  /** Address range of the VPC, `/16` to `/22`. */
  readonly cidr: string;
  /**
   * Hostname of HCP Terraform or Terraform Enterprise, without a scheme. Add the port if it isn't 443.
   *
   * @default 'app.terraform.io'
   */
  readonly hostname?: string | undefined;
  /**
   * References of the images that tasks pull directly (`AgentImage.fromReference`). The network allows the domains of their
   * registries. `undefined` means an image in the stack's own account: either built with the stack, or copied
   * (`AgentImage.copyOf`).
   *
   * @default - an image in the stack's own account
   */
  readonly images?: readonly (string | undefined)[] | undefined;
  /**
   * Whether the preset `aws-apis` also allows the hosts of FIPS endpoints, as with `fips` of `AgentLauncher`.
   *
   * @default false
   */
  readonly fips?: boolean | undefined;
  /**
   * Set it if the launcher's function also runs in this VPC (`launcher.vpc` of `AgentLauncher`). The VPC then has a security group
   * for the function, and endpoints for the APIs that only the launcher may use. Not with `public-ip` or `on-demand`.
   *
   * @default - the launcher runs in Lambda's own network
   */
  readonly launcher?: LauncherInNetwork | undefined;
  /**
   * The key of the network's log groups, and what happens to them.
   *
   * @default - a key of CloudWatch Logs; the log groups are deleted with the stack
   */
  readonly logs?: LogGroupOptions | undefined;
  /**
   * Key of the gateways' volumes, with `egress: 'on-demand'`. The launcher gets the permissions that EC2 needs to use it.
   *
   * @default - the account's default key of EBS
   */
  readonly gatewayVolumeKey?: IKey | undefined;
};
