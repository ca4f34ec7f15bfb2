/** IPv4 address ranges in CIDR notation. */

/** A range as numbers, both ends included. */
export interface AddressRange {
  readonly first: number;
  readonly last: number;
  /** Prefix length. */
  readonly prefix: number;
}

/** Parses `10.90.0.0/20`. Returns `undefined` if it isn't a range or doesn't begin at the range's first address. */
export function parseRange(cidr: string): AddressRange | undefined {
  const [, address = '', length = ''] = /^((?:\d{1,3}\.){3}\d{1,3})\/(\d{1,2})$/.exec(cidr) ?? [];
  const parts = address.split('.').map(Number);
  const prefix = Number(length);
  if (address === '' || parts.some((part) => part > 255) || prefix > 32) return undefined;
  const first = parts.reduce((sum, part) => sum * 256 + part, 0);
  const size = 2 ** (32 - prefix);
  return first % size === 0 ? { first, last: first + size - 1, prefix } : undefined;
}

/** An address in dotted notation: `10.90.0.2`. */
export function dotted(address: number): string {
  return [24, 16, 8, 0].map((bits) => Math.floor(address / 2 ** bits) % 256).join('.');
}

export function overlaps(a: AddressRange, b: AddressRange): boolean {
  return a.first <= b.last && b.first <= a.last;
}

export function contains(outer: AddressRange, inner: AddressRange): boolean {
  return outer.first <= inner.first && inner.last <= outer.last;
}

/** Whether a range contains another one, both in CIDR notation. False if one of them isn't a range. */
export function holds(outer: string, inner: string): boolean {
  const [a, b] = [parseRange(outer), parseRange(inner)];
  return a !== undefined && b !== undefined && contains(a, b);
}

/** Ranges that private networks may use. https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html */
export const PRIVATE_RANGES = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'];

/** Whether a range is inside one of {@link PRIVATE_RANGES}. */
export function isPrivate(cidr: string): boolean {
  return PRIVATE_RANGES.some((outer) => holds(outer, cidr));
}

/** Private ranges that a VPC must not use: container engines use this one for their bridge, also in Cloud9 and SageMaker. */
export const TAKEN_RANGES = ['172.17.0.0/16'];
