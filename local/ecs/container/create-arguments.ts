import type { ContainerLaunch } from '../core/runner.ts';

/** Label of everything that is created in an engine. Its value is the owner: {@link ../container/owner.ts}. */
export const OWNER_LABEL = 'agent-launcher.owner';

/** A file of the host that is mounted read-only into every container. It isn't part of the task definition. */
export interface HostFile {
  readonly source: string;
  readonly target: string;
}

/** More input of the engine's `create` command. */
export interface Surroundings {
  readonly engine: 'docker' | 'podman';
  readonly owner: string;
  /** Paths that the image declares as VOLUME. */
  readonly declaredVolumes: readonly string[];
  readonly hostFiles: readonly HostFile[];
  /** Variables that Fargate sets. The definition can't override those with the metadata endpoint. */
  readonly region: string;
  /** The container's own metadata URI, version 4. */
  readonly metadataUri: string;
}

/** A command line for the engine, and the environment variables that its process needs. */
export interface Creation {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Variables that configure the engine's own command. A container's values must not reach that process. */
export const ENGINE_VARIABLES =
  /^(PATH|HOME|USER|TMPDIR|SSH_AUTH_SOCK|NOTIFY_SOCKET|(LD|GO|XDG|DBUS|DOCKER|PODMAN|BUILDAH|BUILDKIT|CONTAINERS?|STORAGE|_CONTAINERS)(_?[A-Z].*)?)$/;

export function containerName(launch: Pick<ContainerLaunch, 'runtimeId'>): string {
  return `agent-launcher-${launch.runtimeId}`;
}

/** The volume of a task. Its containers share it. */
export function volumeName(taskId: string, volume: string): string {
  return `agent-launcher-${taskId}-${volume}`;
}

/** The arguments of `create`, for all settings of the task definition that an engine supports. A pure function. */
export function createArguments(launch: ContainerLaunch, surroundings: Surroundings): Creation {
  const { definition, size } = launch;
  const { engine, owner, hostFiles } = surroundings;
  const memoryMiB = Math.min(definition.memory ?? size.memory, size.memory);
  const [entryPoint, ...entryArguments] = definition.entryPoint ?? [];
  const variables = environmentOf(launch, surroundings);
  const [inline, handedOn] = partition(Object.entries(variables), ([name]) => ENGINE_VARIABLES.test(name));
  return {
    environment: Object.fromEntries(handedOn),
    args: [
      'create',
      ...['--name', containerName(launch), '--label', `${OWNER_LABEL}=${owner}`, '--pull', 'never'],
      ...['--label', `com.amazonaws.ecs.task-arn=${launch.taskArn}`],
      // The emulators listen only on loopback, with a certificate for it.
      ...['--network', 'host', '--hostname', hostName(launch)],
      ...['--log-driver', engine === 'podman' ? 'k8s-file' : 'json-file'],
      // The task's limits. Without swap, a container that exceeds its memory is killed, as on Fargate.
      ...['--memory', `${memoryMiB}m`, '--memory-swap', `${memoryMiB}m`],
      // Don't use --cpus, because an engine with fewer CPUs rejects it.
      ...['--cpu-period', '100000', '--cpu-quota', String(Math.round((size.cpu / 1024) * 100_000))],
      ...option('--memory-reservation', definition.memoryReservation, (value) => `${value}m`),
      ...option('--cpu-shares', (definition.cpu ?? 0) > 0 ? Math.max(2, definition.cpu ?? 0) : undefined, String),
      ...option('--user', definition.user, String),
      ...option('--workdir', definition.workingDirectory, String),
      ...(definition.readonlyRootFilesystem === true ? ['--read-only'] : []),
      // Podman would mount a writable tmpfs over /tmp and other folders.
      ...(definition.readonlyRootFilesystem === true && engine === 'podman' ? ['--read-only-tmpfs=false'] : []),
      ...(definition.linuxParameters?.initProcessEnabled === true ? ['--init'] : []),
      ...(definition.linuxParameters?.capabilities?.drop ?? []).flatMap((name) => ['--cap-drop', name]),
      ...(definition.linuxParameters?.capabilities?.add ?? []).flatMap((name) => ['--cap-add', name]),
      ...mounts(launch, surroundings),
      // Otherwise SELinux denies the container access to the files of the host.
      ...(hostFiles.length > 0 ? ['--security-opt', 'label=disable'] : []),
      ...hostFiles.flatMap(({ source, target }) => ['--volume', `${source}:${target}:ro`]),
      // Pass variables by name only, so that the list of processes shows no secret. Exception: variables that the engine reads.
      ...handedOn.flatMap(([name]) => ['--env', name]),
      ...inline.flatMap(([name, value]) => ['--env', `${name}=${value}`]),
      ...option('--entrypoint', entryPoint, String),
      definition.image,
      ...entryArguments,
      ...(launch.command ?? []),
    ],
  };
}

function environmentOf(launch: ContainerLaunch, { region, metadataUri }: Surroundings): Record<string, string> {
  return {
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_EXECUTION_ENV: 'AWS_ECS_FARGATE',
    ...launch.environment,
    ECS_CONTAINER_METADATA_URI: metadataUri.replace('/v4/', '/v3/'),
    ECS_CONTAINER_METADATA_URI_V4: metadataUri,
  };
}

/**
 * A bind mount without a source gets content, owner and mode from the image only if a VOLUME declares exactly this path.
 * Otherwise it belongs to root. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
 */
function mounts({ taskId, definition }: ContainerLaunch, { declaredVolumes }: Surroundings): string[] {
  return (definition.mountPoints ?? []).flatMap(({ sourceVolume = '', containerPath = '', readOnly }) => {
    const options = [readOnly === true ? 'ro' : 'rw', ...(declaredVolumes.includes(containerPath) ? [] : ['nocopy'])];
    return ['--volume', `${volumeName(taskId, sourceVolume)}:${containerPath}:${options.join(',')}`];
  });
}

function hostName({ runtimeId }: ContainerLaunch): string {
  return `ip-${runtimeId.slice(0, 12)}`;
}

function option<Value>(name: string, value: Value | undefined, text: (value: Value) => string): string[] {
  return value === undefined ? [] : [name, text(value)];
}

function partition<Item>(items: readonly Item[], holds: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(holds), items.filter((item) => !holds(item))];
}
