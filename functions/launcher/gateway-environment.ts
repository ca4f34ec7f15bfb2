/**
 * The schema of the gateways in the function's environment (`ENV.gateways`). It isn't in `contract.ts` for the same reason as the schema of the
 * pools (`pool-environment.ts`).
 */
import * as z from 'zod';
import { nonEmpty } from './pool-environment.ts';

const gatewayEnvironment = z.strictObject({
  /** `<stack>/gateway-1`. EC2 allows 256 characters in a tag's value. */
  name: z.string().regex(/^[A-Za-z0-9/_-]{1,256}$/),
  launchTemplateId: z.string().regex(/^lt-[A-Za-z0-9]+$/),
  /** A number, so that a new version never changes an instance without a deployment. */
  launchTemplateVersion: z.string().regex(/^\d+$/),
  networkInterfaceId: z.string().regex(/^eni-[A-Za-z0-9]+$/),
  /** Hash of the launch template and its user data. */
  config: nonEmpty.max(256),
  fixedAddress: z.boolean(),
});

/** One gateway. */
export type GatewayEnvironment = z.input<typeof gatewayEnvironment>;

/** All gateways of the stack. */
export const gatewaysEnvironment = z
  .array(gatewayEnvironment)
  .min(1)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'two gateways with the same name')
  .refine(
    (all) => new Set(all.map(({ networkInterfaceId }) => networkInterfaceId)).size === all.length,
    'two gateways with the same network interface',
  );
