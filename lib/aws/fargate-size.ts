/** The sizes of a Fargate task. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html */

/** Memory in MiB that Fargate offers for each CPU value (1024 is one vCPU). */
const MEMORY_MIB: ReadonlyMap<number, { readonly from: number; readonly to: number; readonly step: number }> = new Map([
  [512, { from: 1024, to: 4096, step: 1024 }],
  [1024, { from: 2048, to: 8192, step: 1024 }],
  [2048, { from: 4096, to: 16_384, step: 1024 }],
  [4096, { from: 8192, to: 30_720, step: 1024 }],
  [8192, { from: 16_384, to: 61_440, step: 4096 }],
  [16_384, { from: 32_768, to: 122_880, step: 8192 }],
]);

/** The only CPU value whose memory doesn't grow in equal steps. */
const QUARTER_VCPU = { cpu: 256, memoryMiB: [512, 1024, 2048] } as const;

/** Every CPU value that Fargate offers, in CPU units. */
export const FARGATE_CPU: readonly number[] = [QUARTER_VCPU.cpu, ...MEMORY_MIB.keys()];

/**
 * GiB of ephemeral storage that a task definition may request. A task that requests nothing has 20 GiB, but ECS refuses a request
 * for 20.
 */
export const FARGATE_EPHEMERAL_STORAGE_GIB = { from: 21, to: 200 } as const;

/** Memory values in MiB for a CPU value, ascending; empty for a CPU value that Fargate doesn't offer. */
export function fargateMemoryMiB(cpu: number): readonly number[] {
  if (cpu === QUARTER_VCPU.cpu) return QUARTER_VCPU.memoryMiB;
  const range = MEMORY_MIB.get(cpu);
  if (range === undefined) return [];
  const values: number[] = [];
  for (let memory = range.from; memory <= range.to; memory += range.step) values.push(memory);
  return values;
}

/** Message text: the allowed memory for a CPU value, or the allowed CPU values if the CPU value is invalid. */
export function fargateMemoryInWords(cpu: number): string {
  if (cpu === QUARTER_VCPU.cpu) return `with cpu ${cpu}: ${QUARTER_VCPU.memoryMiB.join(', ')} MiB`;
  const range = MEMORY_MIB.get(cpu);
  if (range === undefined) return `cpu one of ${FARGATE_CPU.join(', ')}`;
  return `with cpu ${cpu}: ${range.from} to ${range.to} MiB in steps of ${range.step}`;
}
