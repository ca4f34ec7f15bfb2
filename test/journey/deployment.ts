import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';

/** What `cdk synth` made, as far as a machine can run it. */
export interface Deployment {
  /** The function's code: the folder that would be uploaded. */
  readonly functionFolder: string;
  /** Its variables, with what CloudFormation would put in the place of references. */
  readonly functionEnvironment: Record<string, string>;
  readonly taskDefinitions: readonly ContainerTask[];
  remove(): Promise<void>;
}

/** A task definition with its one container. */
export interface ContainerTask {
  readonly family: string;
  readonly cpu: string;
  readonly memory: string;
  readonly stopTimeout: number;
  readonly environment: readonly { readonly name: string; readonly value: string }[];
  readonly secretNames: readonly string[];
}

const resource = z.object({ Type: z.string(), Properties: z.record(z.string(), z.unknown()).default({}) });
const template = z.object({ Resources: z.record(z.string(), resource) });
const assets = z.object({ files: z.record(z.string(), z.object({ source: z.object({ path: z.string() }) })) });
const functionProperties = z.object({
  Handler: z.literal('index.handler'),
  Runtime: z.literal('nodejs24.x'),
  Code: z.object({ S3Key: z.string() }),
  Environment: z.object({ Variables: z.record(z.string(), z.unknown()) }),
});
const taskDefinitionProperties = z.object({
  Family: z.string(),
  Cpu: z.string(),
  Memory: z.string(),
  ContainerDefinitions: z.tuple([
    z.object({
      Name: z.literal('agent'),
      StopTimeout: z.number(),
      Environment: z.array(z.object({ Name: z.string(), Value: z.unknown() })),
      Secrets: z.array(z.object({ Name: z.string() })),
    }),
  ]),
});

/** A name that a deployment may have for this machine, which settings refuse by its own. */
const STAND_IN = 'hcp-terraform.example';

/**
 * Runs the real `cdk synth` with the given context. A `hostname` on this machine (`localhost:<port>`) is synthesized as a host
 * with a complete name and the same port, and put in again wherever a text of the template has it.
 *
 * @param resolve gives the value of a variable that holds references to resources, by the variable's name.
 */
export async function synthesize(
  context: Readonly<Record<string, unknown>>,
  resolve: (variable: string) => string,
): Promise<Deployment> {
  const output = await mkdtemp(join(tmpdir(), 'agent-launcher-journey-'));
  const local = /^localhost(?=:)/;
  const { hostname = '' } = context;
  const named = local.test(`${hostname}`) ? { ...context, hostname: `${hostname}`.replace(local, STAND_IN) } : context;
  const here = (text: string) => text.replaceAll(STAND_IN, 'localhost');
  const flags = Object.entries(named).flatMap(([key, value]) => [
    '-c',
    `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  ]);
  const cdk = ['node_modules/aws-cdk/bin/cdk', 'synth', '--quiet', '--no-notices', '--output', output, ...flags];
  await promisify(execFile)(process.execPath, cdk, { env: { ...process.env, CDK_VALIDATION: 'false' } });

  const { Resources } = template.parse(await json(join(output, 'AgentLauncher.template.json')));
  const { files } = assets.parse(await json(join(output, 'AgentLauncher.assets.json')));
  const ofType = (type: string) => Object.values(Resources).filter((one) => one.Type === type);
  const launcher = ofType('AWS::Lambda::Function').flatMap(({ Properties }) => {
    const parsed = functionProperties.safeParse(Properties);
    return parsed.success ? [parsed.data] : [];
  });
  const [fn, ...others] = launcher;
  if (fn === undefined || others.length > 0)
    throw new Error(`expected one launcher function, found ${launcher.length}`);
  const source = files[fn.Code.S3Key.replace(/\.zip$/, '')]?.source.path;
  if (source === undefined) throw new Error(`no asset for ${fn.Code.S3Key}`);
  return {
    functionFolder: join(output, source),
    functionEnvironment: Object.fromEntries(
      Object.entries(fn.Environment.Variables).map(([name, value]) => [
        name,
        typeof value === 'string' ? here(value) : resolve(name),
      ]),
    ),
    taskDefinitions: ofType('AWS::ECS::TaskDefinition').map(({ Properties }) => {
      const { Family, Cpu, Memory, ContainerDefinitions } = taskDefinitionProperties.parse(Properties);
      const [container] = ContainerDefinitions;
      return {
        family: Family,
        cpu: Cpu,
        memory: Memory,
        stopTimeout: container.StopTimeout,
        environment: container.Environment.flatMap(({ Name, Value }) =>
          typeof Value === 'string' ? [{ name: Name, value: here(Value) }] : [],
        ),
        secretNames: container.Secrets.map(({ Name }) => Name),
      };
    }),
    remove: () => rm(output, { recursive: true, force: true }),
  };
}

async function json(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'));
}
