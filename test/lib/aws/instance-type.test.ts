import { expect, it } from 'vitest';
import { architectureOf } from '../../../lib/aws/instance-type.ts';

it.each([
  ['t4g.nano', 'arm64'],
  ['t4g.2xlarge', 'arm64'],
  ['c7gn.medium', 'arm64'],
  ['m8g.48xlarge', 'arm64'],
  ['c6gd.large', 'arm64'],
  ['m10g.large', 'arm64'],
  ['t3.nano', 'x86_64'],
  ['t3a.micro', 'x86_64'],
  ['m7i-flex.large', 'x86_64'],
  ['c5n.18xlarge', 'x86_64'],
  ['m6a.xlarge', 'x86_64'],
])('the architecture of %s is %s', (type, architecture) => {
  expect(architectureOf(type)).toBe(architecture);
});

it.each([
  't2.nano',
  'm4.large',
  't4g.metal',
  'c7g.metal',
  'c7g.metal-48xl',
  't4g.24xlarge',
  'c7g.nano',
  'r7g.large',
  'g5g.xlarge',
  'mac2.metal',
  'T4G.nano',
  't4g',
  't4g.',
  ' t4g.nano',
  't4g.nano\n',
])('%j is no type of a gateway', (type) => {
  expect(architectureOf(type)).toBeUndefined();
});
