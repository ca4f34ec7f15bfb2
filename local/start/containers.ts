/** `--containers`: runs the tasks in a container engine instead of as processes. */
import { accessSync, closeSync, constants, openSync, readSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type BuiltImage, buildAgentImage } from '../ecs/container/agent-image.ts';
import type { HostFile } from '../ecs/container/create-arguments.ts';
import { type ContainerEngine, findEngine } from '../ecs/container/engine.ts';
import type { StartOptions } from './command-line.ts';

export interface Containers {
  readonly engine: ContainerEngine;
  readonly image: BuiltImage;
  /** The Terraform on the PATH, if it can run in a container. */
  readonly hostFiles: readonly HostFile[];
}

/** Finds the engine and builds the image if necessary. @throws EngineError */
export async function prepareContainers(
  { engine: wanted, baseImage }: NonNullable<StartOptions['containers']>,
  path: string,
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<Containers> {
  const engine = await findEngine(wanted);
  const image = await buildAgentImage({ engine, progress, signal, ...(baseImage === undefined ? {} : { baseImage }) });
  const terraform = linuxProgram('terraform', path);
  return {
    engine,
    image,
    hostFiles: terraform === undefined ? [] : [{ source: terraform, target: '/usr/local/bin/terraform' }],
  };
}

/** The program's path if it is a Linux executable. A script would miss the programs it calls, and other formats don't run there. */
export function linuxProgram(name: string, path: string): string | undefined {
  const file = path
    .split(delimiter)
    .filter((directory) => directory.startsWith('/'))
    .map((directory) => join(directory, name))
    .find(isExecutable);
  return file !== undefined && firstBytes(file, 4).equals(Buffer.from('\u007fELF', 'latin1')) ? file : undefined;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function firstBytes(file: string, count: number): Buffer {
  const descriptor = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(count);
    return bytes.subarray(0, readSync(descriptor, bytes, 0, count, 0));
  } finally {
    closeSync(descriptor);
  }
}
