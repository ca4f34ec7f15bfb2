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

it('a container is limited to the size of its task, has no swap, and has a label with its owner', () => {
  const args = argumentsOf({});
  expect(args).toMatch(/^create --name agent-launcher-c0ffee-1 --label agent-launcher.owner=host\/1\/2 --pull never/);
  expect(args).toContain('--memory 1024m --memory-swap 1024m --cpu-period 100000 --cpu-quota 50000');
  expect(args).toContain('--network host --hostname ip-c0ffee-1');
  expect(args).toMatch(/ agent:1$/);
});

it.each<[string, object, string]>([
  ['a container with its own memory', { memory: 256 }, '--memory 256m --memory-swap 256m'],
  ['only the task’s memory if the container’s limit is higher', { memory: 4096 }, '--memory 1024m --memory-swap 1024m'],
  ['a memory reservation', { memoryReservation: 128 }, '--memory-reservation 128m'],
  ['CPU shares', { cpu: 1 }, '--cpu-shares 2'],
  ['a user', { user: 'tfc-agent' }, '--user tfc-agent'],
  ['a working directory', { workingDirectory: '/work' }, '--workdir /work'],
  ['a read-only root', { readonlyRootFilesystem: true }, '--read-only '],
  ['an init process', { linuxParameters: { initProcessEnabled: true } }, '--init'],
  [
    'capabilities',
    { linuxParameters: { capabilities: { drop: ['ALL'], add: ['SYS_PTRACE'] } } },
    '--cap-drop ALL --cap-add SYS_PTRACE',
  ],
])('the arguments include %s', (_, definition, expected) => {
  expect(argumentsOf(definition)).toContain(expected);
});

it('the arguments contain no option for a setting that the definition doesn’t have', () => {
  for (const option of ['--read-only', '--init', '--cap-', '--user', '--privileged', '--volume', '--entrypoint']) {
    expect(argumentsOf({ linuxParameters: { initProcessEnabled: false } })).not.toContain(option);
  }
});

it('an entry point also replaces the image’s command, and its arguments come before the command', () => {
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

it('a volume gets the image’s content only at a path that the image declares', () => {
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

it('files of the host are mounted read-only', () => {
  const args = argumentsOf({}, { hostFiles: [{ source: '/tmp/ca.pem', target: '/etc/ca.pem' }] });
  expect(args).toContain('--security-opt label=disable --volume /tmp/ca.pem:/etc/ca.pem:ro');
});

it('values of variables aren’t visible in the list of processes', () => {
  const { args, environment } = createArguments(
    launchOf({}, { environment: { TFC_AGENT_TOKEN: 's3cr3t', TEXT: 'two\nlines' } }),
    surroundings,
  );
  expect(args.join(' ')).toContain('--env TFC_AGENT_TOKEN --env TEXT');
  expect(args.join(' ')).not.toMatch(/s3cr3t|two.lines/s);
  expect(environment).toMatchObject({ TFC_AGENT_TOKEN: 's3cr3t', TEXT: 'two\nlines', AWS_REGION: 'eu-central-1' });
});

it.each(['PATH', 'HOME', 'DOCKER_HOST', 'CONTAINER_HOST', 'XDG_RUNTIME_DIR', 'LD_PRELOAD', 'GODEBUG', 'TMPDIR'])(
  'the container’s %s doesn’t become a variable of the engine’s command',
  (name) => {
    const { args, environment } = createArguments(launchOf({}, { environment: { [name]: '/x' } }), surroundings);
    expect(args).toContain(`${name}=/x`);
    expect(environment).not.toHaveProperty(name);
  },
);

it('the definition can’t change the variable with the metadata endpoint', () => {
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

it('Podman must not make parts of a read-only root writable', () => {
  const args = argumentsOf({ readonlyRootFilesystem: true }, { engine: 'podman' });
  expect(args).toContain('--read-only --read-only-tmpfs=false');
  expect(args).toContain('--log-driver k8s-file');
});
