/** The public properties of EgressNetwork. They are in their own file because EgressNetwork and the checks import them. */
import type { OwnNetwork } from '../network/egress.ts';

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
};
