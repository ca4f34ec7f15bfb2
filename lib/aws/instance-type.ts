/** Instance types of EC2: which of them a gateway can have, and their CPU architecture. */

/** Burstable types (`t3.nano`), and general and compute types (`c7gn.medium`), of the generations with Nitro. Not bare metal. */
const TYPE = /^(?:t[3-9]|[mc](?:[5-9]|[1-9]\d))(?<attributes>[a-z]*(?:-flex)?)\.(?<size>[a-z]+|\d{1,2}xlarge)$/;

const SIZES_OF_T = ['nano', 'micro', 'small', 'medium', 'large', 'xlarge', '2xlarge'];
const SIZE_OF_OTHERS = /^(?:medium|large|\d{0,2}xlarge)$/;

/**
 * CPU architecture of an instance type. Types with Graviton have a `g` after their generation.
 * https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
 *
 * @returns `undefined` if the text isn't the name of a burstable, general or compute type
 */
export function architectureOf(instanceType: string): 'arm64' | 'x86_64' | undefined {
  const { attributes = '', size = '' } = TYPE.exec(instanceType)?.groups ?? {};
  const isSize = instanceType.startsWith('t') ? SIZES_OF_T.includes(size) : SIZE_OF_OTHERS.test(size);
  if (!isSize) return undefined;
  return attributes.replace('-flex', '').includes('g') ? 'arm64' : 'x86_64';
}
