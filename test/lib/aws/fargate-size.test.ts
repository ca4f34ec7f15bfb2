import { expect, it } from 'vitest';
import { FARGATE_CPU, fargateMemoryInWords, fargateMemoryMiB } from '../../../lib/aws/fargate-size.ts';

it.each([
  { cpu: 256, values: 3, least: 512, most: 2048 },
  { cpu: 512, values: 4, least: 1024, most: 4096 },
  { cpu: 1024, values: 7, least: 2048, most: 8192 },
  { cpu: 2048, values: 13, least: 4096, most: 16_384 },
  { cpu: 4096, values: 23, least: 8192, most: 30_720 },
  { cpu: 8192, values: 12, least: 16_384, most: 61_440 },
  { cpu: 16_384, values: 12, least: 32_768, most: 122_880 },
])('with cpu $cpu, Fargate offers $values memory sizes from $least to $most MiB', ({ cpu, values, least, most }) => {
  const memory = fargateMemoryMiB(cpu);
  expect(memory).toHaveLength(values);
  expect(memory[0]).toBe(least);
  expect(memory.at(-1)).toBe(most);
});

it('with an unknown cpu, Fargate offers no memory size, and the text lists the known values', () => {
  expect(fargateMemoryMiB(1000)).toEqual([]);
  expect(fargateMemoryInWords(1000)).toBe(`cpu one of ${FARGATE_CPU.join(', ')}`);
  expect(fargateMemoryInWords(256)).toContain('512, 1024, 2048');
});
