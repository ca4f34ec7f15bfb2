/** Network interfaces that exist before their instances, and the public addresses of running instances. */
import type { NetworkInterface } from './instance.ts';
import { interfaceNotFound } from './wording.ts';

export class NetworkInterfaces {
  readonly #interfaces = new Map<string, NetworkInterface>();
  /** Interfaces that get a public address while their instance runs. */
  readonly #withAddress = new Set<string>();
  readonly #getsAddress: boolean;
  #addresses = 0;

  /** @param getsAddress whether {@link associateAddress} has an effect on an interface that was made before its instance */
  constructor(getsAddress: boolean) {
    this.#getsAddress = getsAddress;
  }

  put(networkInterface: NetworkInterface): void {
    this.#interfaces.set(networkInterface.id, networkInterface);
  }

  all(): readonly NetworkInterface[] {
    return [...this.#interfaces.values()];
  }

  /** @throws ApiError */
  find(id: string): NetworkInterface {
    const found = this.#interfaces.get(id);
    if (found === undefined) throw interfaceNotFound(id);
    return found;
  }

  /** Decides whether the interface has a public address while its instance runs. @throws ApiError */
  associateAddress(id: string, isWanted: boolean): void {
    this.find(id);
    if (isWanted) this.#withAddress.add(id);
    else this.#withAddress.delete(id);
  }

  /** The public address of a running instance with this interface. @param present the one that it has already */
  addressOf({ id, elasticAddress }: NetworkInterface, present: string | undefined): string | undefined {
    if (elasticAddress !== undefined) return elasticAddress;
    return this.#getsAddress && this.#withAddress.has(id) ? (present ?? this.#newAddress()) : undefined;
  }

  /** An address of TEST-NET-2, which nobody has. https://www.rfc-editor.org/rfc/rfc5737 */
  #newAddress(): string {
    this.#addresses = (this.#addresses % 254) + 1;
    return `198.51.100.${this.#addresses}`;
  }
}
