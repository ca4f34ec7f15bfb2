import { invalidParameter } from '../../aws/core/api-error.ts';
import type { Subnet } from './capacity.ts';

export interface VpcOptions {
  readonly subnets: readonly Subnet[];
  readonly securityGroups: readonly string[];
  /** Whether ids that are not listed are errors. Otherwise any subnet id is a subnet of the first zone. */
  readonly strict: boolean;
}

/** The emulated VPC of the tasks: its subnets and security groups. */
export class Vpc {
  readonly #options: VpcOptions;

  constructor(options: VpcOptions) {
    this.#options = options;
  }

  subnets(ids: readonly string[]): readonly Subnet[] {
    const { subnets, strict } = this.#options;
    return ids.map((id) => {
      const found = subnets.find((subnet) => subnet.id === id);
      if (found !== undefined) return found;
      if (!strict) return { id, availabilityZone: subnets[0]?.availabilityZone ?? 'local-1a' };
      throw invalidParameter(
        `Error retrieving subnet information for [${id}]: The subnet ID '${id}' does not exist (ErrorCode: InvalidSubnetID.NotFound)`,
      );
    });
  }

  checkSecurityGroups(ids: readonly string[]): void {
    const { securityGroups, strict } = this.#options;
    const unknown = strict ? ids.find((id) => !securityGroups.includes(id)) : undefined;
    if (unknown === undefined) return;
    throw invalidParameter(
      `Error retrieving security group information for [${unknown}]: The security group '${unknown}' does not exist (ErrorCode: InvalidGroup.NotFound)`,
    );
  }
}
