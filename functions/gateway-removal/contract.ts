/** Properties of the custom resource, which the stack sets: which instances to end. */
export interface GatewayRemovalProperties {
  /** Key of the tag with the name of an instance's gateway. */
  readonly TagKey: string;
  /** Names of the gateways. */
  readonly Gateways: readonly string[];
}
