import { expect, it } from 'vitest';
import { createArguments, type Surroundings } from '../../../../local/ecs/container/create-arguments.ts';
import type { ContainerLaunch } from '../../../../local/ecs/core/runner.ts';

const surroundings: Surroundings = {
  engine: 'docker',
  owner: 'host/1/2',
  declaredVolumes: ['/home/tfc-agent/.tfc-agent'],
  hostFiles: [],
  region: 'eu-central-1',
  metadataUri: 'http://127.0.0.1:1/v4/c0ffee-1',
};

function launchOf(definition: object, more: Partial<ContainerLaunch> = {}): ContainerLaunch {
  return {
    taskId: 'c0ffee',
    taskArn: 'arn:aws:ecs:eu-central-1:000000000000:task/agents/c0ffee',
    runtimeId: 'c0ffee-1',
    definition: { name: 'agent', image: 'agent:1', ...definition },
    size: { cpu: 512, memory: 1024 },
    environment: {},
    ...more,
  };
}

const argumentsOf = (definition: object, more: Partial<Surroundings> = {}): string =>
  createArguments(launchOf(definition), { ...surroundings, ...more }).args.join(' ');

it('bounds a container by the size of its task, without swap, and marks whose it is', () => {
  const args = argumentsOf({});
  expect(args).toMatch(/^create --name agent-launcher-c0ffee-1 --label agent-launcher.owner=host\/1\/2 --pull never/);
  expect(args).toContain('--memory 1024m --memory-swap 1024m --cpu-period 100000 --cpu-quota 50000');
  expect(args).toContain('--network host --hostname ip-c0ffee-1');
  expect(args).toMatch(/ agent:1$/);
});

it.each<[string, object, string]>([
  ['a container with its own memory', { memory: 256 }, '--memory 256m --memory-swap 256m'],
  ['more memory than the task has', { memory: 4096 }, '--memory 1024m --memory-swap 1024m'],
  ['a reservation', { memoryReservation: 128 }, '--memory-reservation 128m'],
  ['shares of the CPU', { cpu: 1 }, '--cpu-shares 2'],
  ['a user', { user: 'tfc-agent' }, '--user tfc-agent'],
  ['a working directory', { workingDirectory: '/work' }, '--workdir /work'],
  ['a read-only root', { readonlyRootFilesystem: true }, '--read-only '],
  ['an init process', { linuxParameters: { initProcessEnabled: true } }, '--init'],
  [
    'capabilities',
    { linuxParameters: { capabilities: { drop: ['ALL'], add: ['SYS_PTRACE'] } } },
    '--cap-drop ALL --cap-add SYS_PTRACE',
  ],
])('keeps %s', (_, definition, expected) => {
  expect(argumentsOf(definition)).toContain(expected);
});

it('asks for none of what is not in the definition', () => {
  for (const option of ['--read-only', '--init', '--cap-', '--user', '--privileged', '--volume', '--entrypoint']) {
    expect(argumentsOf({ linuxParameters: { initProcessEnabled: false } })).not.toContain(option);
  }
});

it('has an entry point replace the image’s command too, and the rest of it go before the command', () => {
  const { args } = createArguments(
    launchOf({ entryPoint: ['/bin/sh', '-c', 'echo "$@"', 'x'] }, { command: ['a b', '--c'] }),
    surroundings,
  );
  expect(args.slice(args.indexOf('--entrypoint'))).toEqual([
    '--entrypoint',
    '/bin/sh',
    'agent:1',
    '-c',
    'echo "$@"',
    'x',
    'a b',
    '--c',
  ]);
});

it('gives a volume the image’s content only where the image declares it', () => {
  const args = argumentsOf({
    mountPoints: [
      { sourceVolume: 'data', containerPath: '/home/tfc-agent/.tfc-agent', readOnly: false },
      { sourceVolume: 'other', containerPath: '/srv', readOnly: true },
    ],
  });
  expect(args).toContain('--volume agent-launcher-c0ffee-data:/home/tfc-agent/.tfc-agent:rw');
  expect(args).not.toContain('.tfc-agent:rw,nocopy');
  expect(args).toContain('--volume agent-launcher-c0ffee-other:/srv:ro,nocopy');
});

it('lays files of the host into it, to be read only', () => {
  const args = argumentsOf({}, { hostFiles: [{ source: '/tmp/ca.pem', target: '/etc/ca.pem' }] });
  expect(args).toContain('--security-opt label=disable --volume /tmp/ca.pem:/etc/ca.pem:ro');
});

it('shows no value of a variable in the list of processes', () => {
  const { args, environment } = createArguments(
    launchOf({}, { environment: { TFC_AGENT_TOKEN: 's3cr3t', TEXT: 'two\nlines' } }),
    surroundings,
  );
  expect(args.join(' ')).toContain('--env TFC_AGENT_TOKEN --env TEXT');
  expect(args.join(' ')).not.toMatch(/s3cr3t|two.lines/s);
  expect(environment).toMatchObject({ TFC_AGENT_TOKEN: 's3cr3t', TEXT: 'two\nlines', AWS_REGION: 'eu-central-1' });
});

it.each(['PATH', 'HOME', 'DOCKER_HOST', 'CONTAINER_HOST', 'XDG_RUNTIME_DIR', 'LD_PRELOAD', 'GODEBUG', 'TMPDIR'])(
  'keeps the container’s %s from the engine’s own command',
  (name) => {
    const { args, environment } = createArguments(launchOf({}, { environment: { [name]: '/x' } }), surroundings);
    expect(args).toContain(`${name}=/x`);
    expect(environment).not.toHaveProperty(name);
  },
);

it('names the metadata endpoint, whatever the definition says', () => {
  const { environment } = createArguments(
    launchOf({}, { environment: { ECS_CONTAINER_METADATA_URI_V4: 'http://elsewhere', AWS_REGION: 'eu-west-1' } }),
    surroundings,
  );
  expect(environment).toEqual({
    AWS_REGION: 'eu-west-1',
    AWS_DEFAULT_REGION: 'eu-central-1',
    AWS_EXECUTION_ENV: 'AWS_ECS_FARGATE',
    ECS_CONTAINER_METADATA_URI: 'http://127.0.0.1:1/v3/c0ffee-1',
    ECS_CONTAINER_METADATA_URI_V4: 'http://127.0.0.1:1/v4/c0ffee-1',
  });
});

it('keeps Podman from making parts of a read-only root writable', () => {
  const args = argumentsOf({ readonlyRootFilesystem: true }, { engine: 'podman' });
  expect(args).toContain('--read-only --read-only-tmpfs=false');
  expect(args).toContain('--log-driver k8s-file');
});
