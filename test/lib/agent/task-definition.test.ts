/** The task definition of one agent: every container in full, so that no property can change unseen. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { afterAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { AgentImage } from '../../../lib/agent/image.ts';
import { AgentPool, type AgentPoolProps } from '../../../lib/agent/pool.ts';
import { emptyStack, text } from '../synthesis.ts';

const containerSchema = z.looseObject({ Name: z.string(), EntryPoint: z.array(z.string()).optional() });
const definitionSchema = z.object({
  Properties: z.looseObject({ ContainerDefinitions: z.array(containerSchema), Volumes: z.unknown() }),
});

/** What the template says of a pool's only task definition. */
function taskDefinition(props: Partial<AgentPoolProps> = {}) {
  const stack = emptyStack();
  new AgentPool(stack, 'Pool', {
    name: 'default',
    launcherName: 'Test',
    agentTokenSecret: Secret.fromSecretNameV2(stack, 'Secret', 'acme/agent-token'),
    image: AgentImage.fromReference('hashicorp/tfc-agent:1.31.0'),
    ...props,
  });
  const [definition] = Object.values(Template.fromStack(stack).findResources('AWS::ECS::TaskDefinition'));
  const { ContainerDefinitions: containers, ...task } = definitionSchema.parse(definition).Properties;
  return { task, containers, container: (name: string) => containers.find(({ Name }) => Name === name) };
}

const MOUNTS = [
  { SourceVolume: 'data', ContainerPath: '/home/tfc-agent/.tfc-agent', ReadOnly: false },
  { SourceVolume: 'tmp', ContainerPath: '/tmp', ReadOnly: false },
];

const UNPRIVILEGED = { Capabilities: { Drop: ['ALL'] }, InitProcessEnabled: false };

/** The driver's options, without the log group and region. */
const logOptions = (streamPrefix: string) => ({
  'awslogs-stream-prefix': streamPrefix,
  mode: 'non-blocking',
  'max-buffer-size': '26214400b',
});

describe('the task', () => {
  const { task } = taskDefinition();

  it('the task has one folder per mount on its own disk, and nothing of the host', () => {
    expect(task.Volumes).toEqual([{ Name: 'data' }, { Name: 'tmp' }]);
  });

  it('the task runs on Fargate in its own network, as Linux on x86, with the default size', () => {
    expect(task).toMatchObject({
      Family: 'Test_all_default',
      Cpu: '1024',
      Memory: '2048',
      NetworkMode: 'awsvpc',
      RequiresCompatibilities: ['FARGATE'],
      RuntimePlatform: { CpuArchitecture: 'X86_64', OperatingSystemFamily: 'LINUX' },
    });
    expect(task['EphemeralStorage']).toBeUndefined();
    expect(task['PidMode']).toBeUndefined();
  });

  it('the task has the execution role for ECS, and another role for Terraform', () => {
    expect(text(task['ExecutionRoleArn'])).toMatch(/^<PoolExecutionRole\w+\.Arn>$/);
    expect(text(task['TaskRoleArn'])).toMatch(/^<PoolTaskRole\w+\.Arn>$/);
  });

  it('the task has more disk where the pool asks for it', () => {
    expect(taskDefinition({ ephemeralStorageGiB: 50 }).task['EphemeralStorage']).toEqual({ SizeInGiB: 50 });
  });
});

describe("the agent's container", () => {
  it('the agent’s container has exactly these properties', () => {
    const { LogConfiguration, Secrets, ...agent } = z
      .looseObject({
        LogConfiguration: z.object({ LogDriver: z.string(), Options: z.looseObject({}) }),
        Secrets: z.array(z.object({ Name: z.string(), ValueFrom: z.unknown() })),
      })
      .parse(taskDefinition().container('agent'));
    expect(agent).toEqual({
      Name: 'agent',
      Image: 'hashicorp/tfc-agent:1.31.0',
      Essential: true,
      User: 'tfc-agent',
      ReadonlyRootFilesystem: true,
      LinuxParameters: UNPRIVILEGED,
      StopTimeout: 120,
      EntryPoint: ['/bin/sh', '-c', expect.any(String), 'entrypoint', 'https://app.terraform.io'],
      DependsOn: [{ ContainerName: 'volumes', Condition: 'SUCCESS' }],
      MountPoints: MOUNTS,
      Environment: expect.any(Array),
    });
    expect(LogConfiguration).toMatchObject({ LogDriver: 'awslogs', Options: logOptions('agent') });
    expect(Secrets.map(({ Name }) => Name)).toEqual(['TFC_AGENT_TOKEN']);
    expect(text(Secrets[0]?.ValueFrom)).toMatch(/:secret:acme\/agent-token$/);
  });
});

describe('the volumes container', () => {
  const folder = mkdtempSync(join(tmpdir(), 'volumes-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const { EntryPoint: entryPoint = [], ...volumes } = taskDefinition().container('volumes') ?? {};
  const [shell = '', flag = '', script = '', ...rest] = entryPoint;

  it('the volumes container runs as root without a capability, on a read-only root, and knows no secret and no variable', () => {
    const { LogConfiguration, ...properties } = z
      .looseObject({ LogConfiguration: z.object({ LogDriver: z.string(), Options: z.looseObject({}) }) })
      .parse(volumes);
    // Exact: as the agent's user it could not open root's folders, and with a writable root, a capability, a secret or
    // a port it would be more than it has to be.
    expect(properties).toEqual({
      Name: 'volumes',
      Image: 'hashicorp/tfc-agent:1.31.0',
      Essential: false,
      User: '0',
      ReadonlyRootFilesystem: true,
      LinuxParameters: UNPRIVILEGED,
      MountPoints: MOUNTS,
    });
    expect(LogConfiguration).toMatchObject({ LogDriver: 'awslogs', Options: logOptions('volumes') });
  });

  it('the volumes container is given the folders that the agent mounts, and no others', () => {
    expect([shell, flag]).toEqual(['/bin/sh', '-c']);
    expect(rest).toEqual(['volumes', ...MOUNTS.map(({ ContainerPath }) => ContainerPath)]);
  });

  it('the volumes container makes every folder writable for all users, with the sticky bit', () => {
    const folders = ['one', 'with a space'].map((name) => join(folder, name));
    for (const each of folders) mkdirSync(each, { mode: 0o755 });
    execFileSync(shell, [flag, script, 'volumes', ...folders]);
    for (const each of folders) expect(statSync(each).mode & 0o7777, each).toBe(0o1777);
  });

  it('the volumes container fails when one folder cannot be opened, also when it is not the last', () => {
    const [bin, locked, open] = ['bin', 'locked', 'open'].map((name) => join(folder, name)) as [string, string, string];
    for (const each of [bin, locked, open]) mkdirSync(each);
    // Root may change every mode, so the `chmod` of this test refuses by the folder's name.
    const chmod = join(bin, 'chmod');
    writeFileSync(chmod, '#!/bin/sh\ncase $2 in */locked) echo denied >&2; exit 3 ;; esac\nexec /bin/chmod "$@"\n');
    chmodSync(chmod, 0o755);
    const { status, stderr } = spawnSync(shell, [flag, script, 'volumes', locked, open], {
      env: { PATH: `${bin}:/usr/bin:/bin` },
      encoding: 'utf8',
    });
    // The agent waits for SUCCESS: with an exit code of 0 it would start with a folder that it cannot write to.
    expect({ status, stderr: stderr.trim() }).toEqual({ status: 3, stderr: 'denied' });
  });

  it('the volumes container is not needed by an image that declares its volumes', () => {
    const { containers } = taskDefinition({ image: AgentImage.fromVersion('1.31.0') });
    expect(containers.map(({ Name }) => Name)).toEqual(['agent']);
    expect(containers[0]?.['DependsOn']).toBeUndefined();
    expect(containers[0]?.['MountPoints']).toEqual(MOUNTS);
  });
});
