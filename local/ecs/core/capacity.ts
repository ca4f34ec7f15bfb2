import { CAPACITY_UNAVAILABLE, VCPU_LIMIT } from './wording.ts';

/** One subnet of the emulated VPC. */
export interface Subnet {
  readonly id: string;
  readonly availabilityZone: string;
}

/** The account's quotas of concurrent vCPUs. Default: none. Fargate has one for On-Demand and one for Spot. */
export interface VcpuQuotas {
  readonly onDemandVcpus?: number;
  readonly spotVcpus?: number;
}

/** A capacity shortage. It affects tasks that match all present members; without members it affects all tasks. */
export interface Refusal {
  readonly family?: string;
  readonly subnet?: string;
  readonly availabilityZone?: string;
  readonly capacityProvider?: 'FARGATE' | 'FARGATE_SPOT';
  /** Text of `failures[].reason`. Default: the vendor's message about capacity. */
  readonly reason?: string;
  /** The shortage ends after it has rejected this number of tasks. Default: it never ends. */
  readonly times?: number;
}

/** What a task requests. */
export interface Placement {
  readonly family: string;
  readonly spot: boolean;
  /** CPU units. */
  readonly cpu: number;
  readonly subnets: readonly Subnet[];
}

export type Placed = { readonly subnet: Subnet } | { readonly refused: string };

/** Decides where a task can run, and why it can't: first by quotas, then by each zone's remaining capacity. */
export class Capacity {
  readonly #quotas: VcpuQuotas;
  readonly #refusals = new Set<{ readonly rule: Refusal; left: number }>();
  #turn = 0;

  constructor(quotas: VcpuQuotas) {
    this.#quotas = quotas;
  }

  /** Adds a shortage. @returns a function that ends it */
  refuse(rule: Refusal): () => void {
    const entry = { rule, left: rule.times ?? Number.POSITIVE_INFINITY };
    this.#refusals.add(entry);
    return () => this.#refusals.delete(entry);
  }

  /** @param usedCpu CPU units of the live tasks of the same type (On-Demand or Spot) */
  place(wanted: Placement, usedCpu: number): Placed {
    const quota = wanted.spot ? this.#quotas.spotVcpus : this.#quotas.onDemandVcpus;
    if (quota !== undefined && usedCpu + wanted.cpu > quota * 1024) return { refused: VCPU_LIMIT };
    const { subnets } = wanted;
    this.#turn += 1;
    let refusal: { readonly rule: Refusal; left: number } | undefined;
    for (let index = 0; index < subnets.length; index += 1) {
      const subnet = subnets[(this.#turn + index) % subnets.length];
      if (subnet === undefined) continue;
      const found = [...this.#refusals].find(({ rule }) => matches(rule, wanted, subnet));
      if (found === undefined) return { subnet };
      refusal = found;
    }
    if (refusal === undefined) return { refused: CAPACITY_UNAVAILABLE };
    refusal.left -= 1;
    if (refusal.left <= 0) this.#refusals.delete(refusal);
    return { refused: refusal.rule.reason ?? CAPACITY_UNAVAILABLE };
  }
}

function matches(rule: Refusal, wanted: Placement, subnet: Subnet): boolean {
  return (
    (rule.family === undefined || rule.family === wanted.family) &&
    (rule.subnet === undefined || rule.subnet === subnet.id) &&
    (rule.availabilityZone === undefined || rule.availabilityZone === subnet.availabilityZone) &&
    (rule.capacityProvider === undefined || (rule.capacityProvider === 'FARGATE_SPOT') === wanted.spot)
  );
}
