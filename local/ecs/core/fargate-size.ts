/**
 * The pairs of CPU and memory that Fargate offers,
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
 */

/** CPU units and MiB. */
export interface FargateSize {
  readonly cpu: number;
  readonly memory: number;
}

const range = (first: number, last: number, step: number): number[] =>
  Array.from({ length: (last - first) / step + 1 }, (_, index) => first + index * step);

const memoryByCpu: ReadonlyMap<number, readonly number[]> = new Map([
  [256, [512, 1024, 2048]],
  [512, range(1024, 4096, 1024)],
  [1024, range(2048, 8192, 1024)],
  [2048, range(4096, 16384, 1024)],
  [4096, range(8192, 30720, 1024)],
  [8192, range(16384, 61440, 4096)],
  [16384, range(32768, 122880, 8192)],
]);

export function isFargateSize(size: FargateSize): boolean {
  return memoryByCpu.get(size.cpu)?.includes(size.memory) ?? false;
}

/** `1024`, `1 vCPU`, `.25 vcpu` → CPU units; undefined for other values. */
export function parseCpu(text: string): number | undefined {
  if (/^\d+$/.test(text.trim())) return Number(text);
  const vcpu = /^(\d*\.?\d+)\s*vcpu$/i.exec(text.trim())?.[1];
  return vcpu === undefined ? undefined : Math.round(Number(vcpu) * 1024);
}

/** `2048`, `2 GB`, `0.5GB` → MiB; undefined for other values. */
export function parseMemory(text: string): number | undefined {
  if (/^\d+$/.test(text.trim())) return Number(text);
  const gigabytes = /^(\d*\.?\d+)\s*gb$/i.exec(text.trim())?.[1];
  return gigabytes === undefined ? undefined : Math.round(Number(gigabytes) * 1024);
}
