/**
 * The schema of the pools in the function's environment. `lib` writes them, and the function reads them. Their type is in `contract.ts`,
 * because users of the published constructs don't have zod.
 */
import * as z from 'zod';
import type { RotatedPoolEnvironment } from './contract.ts';

export const rotatedPools: z.ZodType<RotatedPoolEnvironment[]> = z
  .array(
    z.strictObject({
      name: z.string().min(1),
      id: z.string().min(1).optional(),
      organization: z.string().min(1),
      secret: z.string().min(1),
      jsonKey: z.string().min(1).optional(),
    }),
  )
  .min(1);
