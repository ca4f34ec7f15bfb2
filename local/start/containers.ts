/** `--containers`: runs the tasks in a container engine instead of as processes. */
import { type BuiltImage, buildAgentImage } from '../ecs/container/agent-image.ts';
import type { HostFile } from '../ecs/container/create-arguments.ts';
import { type ContainerEngine, findEngine } from '../ecs/container/engine.ts';
import { linuxProgram } from '../ecs/container/linux-program.ts';
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
