/**
 * Tasks of the ECS emulator in a real container engine, which `npm run lab:local-containers` or (with CONTAINER_ENGINE) you provide.
 * After each test, all tasks are stopped, and nothing may be left in the engine.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { join } from 'node:path';
import { RunTaskCommand, StopTaskCommand } from '@aws-sdk/client-ecs';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { buildAgentImage } from '../../local/ecs/container/agent-image.ts';
import { OWNER_LABEL } from '../../local/ecs/container/create-arguments.ts';
import { type ContainerEngine, findEngine } from '../../local/ecs/container/engine.ts';
import { ContainerRunner } from '../../local/ecs/container-runner.ts';
import { only } from '../../test/local/ecs/core/virtual-ecs.ts';
import { runInput, startLocalEcs, TASK_SIZE } from '../../test/local/ecs/local-ecs.ts';
import { until } from '../../test/processes.ts';

const ENGINE = process.env['CONTAINER_ENGINE'];
export const NO_ENGINE = ENGINE === undefined ? 'no CONTAINER_ENGINE' : undefined;
export const UNPRIVILEGED = {
  user: 'tfc-agent',
  readonlyRootFilesystem: true,
  linuxParameters: { capabilities: { drop: ['ALL'] }, initProcessEnabled: false },
};

export const shell = (script: string, more: object = {}): object => ({
  entryPoint: ['/bin/sh', '-c', script],
  ...more,
});

export class LocalTasks {
  engine!: ContainerEngine;
  image!: string;
  world!: Awaited<ReturnType<typeof startLocalEcs>>;
  readonly #children = new Set<ChildProcess>();
  #families = 0;

  /** Adds the hooks that start everything before the tests of a `describe`, and check the engine after each. */
  constructor() {
    beforeAll(async () => {
      const engine = await findEngine(ENGINE);
      this.engine = engine;
      this.image = (await buildAgentImage({ engine, progress: console.log })).reference;
      this.world = await startLocalEcs({ runner: (host) => ContainerRunner.open({ engine, hostFiles: [] }, host) });
      console.log(`${engine.kind} ${engine.version}, ${this.image}`);
    });
    afterEach(async () => {
      const running = this.world.server.tasks().filter(({ lastStatus }) => lastStatus !== 'STOPPED');
      for (const { arn } of running) await this.stop(arn);
      await until('the engine is empty', async () => (await this.left()).length === 0);
    });
    afterAll(async () => {
      await this.world?.close();
      for (const child of this.#children) child.kill('SIGKILL');
    });
  }

  /** Returns the family of the task that was started last. */
  get family(): string {
    return `family-${this.#families}`;
  }

  /** Returns the containers and volumes of all servers that exist in the engine. */
  async left(): Promise<string[]> {
    const filter = ['--filter', `label=${OWNER_LABEL}`];
    const containers = await this.engine.ok(['ps', '--all', '--quiet', ...filter]);
    const volumes = await this.engine.ok(['volume', 'ls', '--quiet', ...filter]);
    return `${containers}\n${volumes}`.split('\n').filter((line) => line !== '');
  }

  /** Starts a task of these containers. @returns its ARN */
  async run(containers: readonly object[], more: object = {}): Promise<string> {
    this.#families += 1;
    this.world.server.registerTaskDefinition({
      family: this.family,
      ...TASK_SIZE,
      executionRoleArn: 'arn:aws:iam::000000000000:role/execution',
      containerDefinitions: containers.map((definition) => ({ name: 'main', image: this.image, ...definition })),
      ...more,
    });
    const input = runInput(this.world.server, this.family);
    const { tasks, failures } = await this.world.ecs.send(new RunTaskCommand(input));
    expect(failures ?? []).toEqual([]);
    return only(tasks).taskArn ?? '';
  }

  stopped(arn: string) {
    return until(`${arn} is stopped`, () => {
      const task = this.world.server.task(arn);
      return task?.lastStatus === 'STOPPED' && task;
    });
  }

  /** Runs a task to its end. */
  async ended(containers: readonly object[], more: object = {}) {
    const arn = await this.run(containers, more);
    const task = await this.stopped(arn);
    return { arn, task, lines: this.lines(arn) };
  }

  lines(arn: string, stream?: string): string[] {
    const lines = this.world.server.logs(arn).filter((line) => stream === undefined || line.stream === stream);
    return lines.map(({ text }) => text);
  }

  printed(arn: string, text: string): Promise<boolean> {
    return until(`it prints ${text}`, () => this.lines(arn).includes(text));
  }

  async stop(arn: string): Promise<void> {
    await this.world.ecs.send(new StopTaskCommand({ cluster: 'agents', task: arn }));
    await this.stopped(arn);
  }

  /** Starts one of the project's programs. It ends with the tests at the latest. */
  program(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const all = [...args, '--containers', '--engine', this.engine.command];
    const child = spawn(process.execPath, all, { cwd: join(import.meta.dirname, '../..'), ...options });
    this.#children.add(child);
    return child;
  }
}
