/** The task definition of one agent. Every container is compared in full, so that no property changes unnoticed. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { entrypointText } from '../../../lib/agent/entrypoint.ts';
import { AgentImage } from '../../../lib/agent/image.ts';
import type { AgentPoolProps } from '../../../lib/agent/pool.ts';
import { newFolder } from '../../temporary-folder.ts';
import { poolIn } from '../constructs.ts';
import { emptyStack, propertiesOf, text } from '../synthesis.ts';

const definitionSchema = z.looseObject({
  ContainerDefinitions: z.array(
    z.looseObject({
      Name: z.string(),
      EntryPoint: z.array(z.string()).optional(),
      LogConfiguration: z.object({ LogDriver: z.string(), Options: z.looseObject({}) }),
      Secrets: z.array(z.object({ Name: z.string(), ValueFrom: z.unknown() })).optional(),
    }),
  ),
  Volumes: z.unknown(),
});

/** Returns the only task definition of a pool. */
function taskDefinition(props: Partial<AgentPoolProps> = {}) {
  const [definition] = propertiesOf(Template.fromStack(poolIn(props).stack), 'AWS::ECS::TaskDefinition');
  const { ContainerDefinitions: containers, ...task } = definitionSchema.parse(definition);
  return { task, containers, container: (name: string) => containers.find(({ Name }) => Name === name) };
}

const MOUNTS = [
  { SourceVolume: 'data', ContainerPath: '/home/tfc-agent/.tfc-agent', ReadOnly: false },
  { SourceVolume: 'tmp', ContainerPath: '/tmp', ReadOnly: false },
];

const UNPRIVILEGED = { Capabilities: { Drop: ['ALL'] }, InitProcessEnabled: false };

/** Returns the log driver with its options, except for the log group and the region. */
const logsTo = (streamPrefix: string) => ({
  LogDriver: 'awslogs',
  Options: { 'awslogs-stream-prefix': streamPrefix, mode: 'non-blocking', 'max-buffer-size': '26214400b' },
});

const { task, container } = taskDefinition();

it('the task has one folder per mount on its own disk, and no folder of the host', () => {
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

it('the task has more disk if the pool sets it', () => {
  expect(taskDefinition({ ephemeralStorageGiB: 50 }).task['EphemeralStorage']).toEqual({ SizeInGiB: 50 });
});

it("the agent's container has exactly these properties: no root, no capability, and the token only as a secret", () => {
  const { LogConfiguration, Secrets = [], ...agent } = container('agent') ?? {};
  expect(agent).toEqual({
    Name: 'agent',
    Image: 'hashicorp/tfc-agent:1.31.0',
    Essential: true,
    User: 'tfc-agent',
    ReadonlyRootFilesystem: true,
    LinuxParameters: UNPRIVILEGED,
    StopTimeout: 120,
    EntryPoint: ['/bin/sh', '-c', entrypointText(), 'entrypoint', 'https://app.terraform.io'],
    DependsOn: [{ ContainerName: 'volumes', Condition: 'SUCCESS' }],
    MountPoints: MOUNTS,
    Environment: [
      { Name: 'TFC_AGENT_LOG_LEVEL', Value: 'info' },
      { Name: 'TFC_AGENT_SINGLE', Value: 'true' },
      { Name: 'TFC_AGENT_AUTO_UPDATE', Value: 'disabled' },
      { Name: 'AGENT_IDLE_SECONDS', Value: '300' },
      { Name: 'AGENT_TOKEN_SECRET', Value: 'acme/agent-token' },
    ],
  });
  expect(LogConfiguration).toMatchObject(logsTo('agent'));
  expect(Secrets.map(({ Name }) => Name)).toEqual(['TFC_AGENT_TOKEN']);
  expect(text(Secrets[0]?.ValueFrom)).toMatch(/:secret:acme\/agent-token$/);
});

it.each([undefined, 'token'])(
  'AGENT_TOKEN_SECRET is the name of a secret of the app and its JSON key, with or without a KMS key (JSON key %s)',
  (agentTokenJsonKey) => {
    const nameOf = (withKey: boolean) => {
      const stack = emptyStack();
      const encryptionKey = new Key(stack, 'Key') as IKey;
      const agentTokenSecret = new Secret(stack, 'Token', {
        secretName: 'acme/agent-token',
        ...(withKey && { encryptionKey }),
      }) as ISecret;
      const { stack: its } = poolIn({ agentTokenSecret, agentTokenJsonKey }, stack);
      const [definition] = propertiesOf(Template.fromStack(its), 'AWS::ECS::TaskDefinition');
      const variables: { Name: string; Value: unknown }[] = definition.ContainerDefinitions.flatMap(
        ({ Environment = [] }) => Environment,
      );
      return variables.find(({ Name }) => Name === 'AGENT_TOKEN_SECRET')?.Value;
    };
    // CDK joins the parts of the ARN that belong to the name, without the random characters at the end.
    const name = { 'Fn::Join': ['-', [{}, {}]] };
    expect(nameOf(false)).toMatchObject(
      agentTokenJsonKey === undefined ? name : { 'Fn::Join': ['', [name, `:${agentTokenJsonKey}`]] },
    );
    expect(nameOf(true)).toEqual(nameOf(false));
  },
);

const folder = newFolder('volumes');
const { EntryPoint: entryPoint = [], LogConfiguration: logging, ...volumes } = container('volumes') ?? {};
const [shell = '', flag = '', script = '', ...rest] = entryPoint;

it('the volumes container runs as root without a capability, on a read-only root, and gets no secret and no variable', () => {
  // The comparison is exact. As the agent's user it could not open root's folders. A writable root, a capability, a
  // secret or a port would give it more than it needs.
  expect(volumes).toEqual({
    Name: 'volumes',
    Image: 'hashicorp/tfc-agent:1.31.0',
    Essential: false,
    User: '0',
    ReadonlyRootFilesystem: true,
    LinuxParameters: UNPRIVILEGED,
    MountPoints: MOUNTS,
  });
  expect(logging).toMatchObject(logsTo('volumes'));
});

it('the volumes container mounts the folders of the agent, and no others', () => {
  expect([shell, flag]).toEqual(['/bin/sh', '-c']);
  expect(rest).toEqual(['volumes', ...MOUNTS.map(({ ContainerPath }) => ContainerPath)]);
});

it('the volumes container makes every folder writable for all users, with the sticky bit, and skips folders that it does not own', () => {
  const folders = ['one', 'with a space'].map((name) => join(folder, name));
  for (const each of folders) mkdirSync(each, { mode: 0o755 });
  // `/` belongs to root. So it is a folder of another user, unless root runs this test.
  const others = process.getuid?.() === 0 ? [] : ['/'];
  execFileSync(shell, [flag, script, 'volumes', ...folders, ...others]);
  for (const each of folders) expect(statSync(each).mode & 0o7777, each).toBe(0o1777);
});

it("the volumes container fails if it can't open a folder, even if that is not the last one", () => {
  const [bin, locked, open] = ['bin', 'locked', 'open'].map((name) => join(folder, name)) as [string, string, string];
  for (const each of [bin, locked, open]) mkdirSync(each);
  // Root may change every mode. So the `chmod` of this test decides by the folder's name.
  const chmod = join(bin, 'chmod');
  writeFileSync(chmod, '#!/bin/sh\ncase $2 in */locked) echo denied >&2; exit 3 ;; esac\nexec /bin/chmod "$@"\n');
  chmodSync(chmod, 0o755);
  const { status, stderr } = spawnSync(shell, [flag, script, 'volumes', locked, open], {
    env: { PATH: `${bin}:/usr/bin:/bin` },
    encoding: 'utf8',
  });
  // The agent waits for SUCCESS. After an exit code of 0, it would start with a folder that it can't write to.
  expect({ status, stderr: stderr.trim() }).toEqual({ status: 3, stderr: 'denied' });
});

it('an image that declares its volumes needs no volumes container', () => {
  const { containers } = taskDefinition({ image: AgentImage.fromVersion('1.31.0') });
  expect(containers.map(({ Name }) => Name)).toEqual(['agent']);
  expect(containers[0]?.['DependsOn']).toBeUndefined();
  expect(containers[0]?.['MountPoints']).toEqual(MOUNTS);
});
