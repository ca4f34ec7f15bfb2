import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { ENV } from '../../functions/launcher/contract.ts';
import { NUDGE_ENV } from '../../functions/nudge/contract.ts';

/** The parts of a synthesized stack that this machine can run. */
export type Deployment = Awaited<ReturnType<typeof synthesize>>;

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

/** A valid hostname for the settings, which reject `localhost`. */
const HOSTNAME = 'hcp-terraform.example';

/**
 * Runs the real `cdk synth` with the given context. The settings reject the hostname `localhost:<port>`, so the stack gets another
 * hostname with the same port, and all strings of the template are changed back.
 *
 * @param resolve returns the value of a variable that contains references to resources, by the variable's name
 */
export async function synthesize(
  context: Readonly<Record<string, unknown>> & { readonly hostname: string },
  resolve: (variable: string) => string,
) {
  const output = await mkdtemp(join(tmpdir(), 'agent-launcher-journey-'));
  const hostname = context.hostname.replace(/^localhost(?=:)/, HOSTNAME);
  const withLocalhost = (text: string) => text.replaceAll(HOSTNAME, 'localhost');
  const flags = Object.entries({ ...context, hostname }).flatMap(([key, value]) => [
    '-c',
    `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  ]);
  const cdk = ['node_modules/aws-cdk/bin/cdk', 'synth', '--quiet', '--no-notices', '--output', output, ...flags];
  await promisify(execFile)(process.execPath, cdk, { env: { ...process.env, CDK_VALIDATION: 'false' } });

  const { Resources } = template.parse(await json(join(output, 'AgentLauncher.template.json')));
  const { files } = assets.parse(await json(join(output, 'AgentLauncher.assets.json')));
  const ofType = (type: string) => Object.values(Resources).filter(({ Type }) => Type === type);
  const functions = ofType('AWS::Lambda::Function').map(({ Properties }) => functionProperties.safeParse(Properties));
  /** The function that has a variable: the folder with its code, and its variables. References are resolved, as CloudFormation does. */
  const functionWith = (variable: string) => {
    const [found, ...others] = functions.flatMap(({ data }) =>
      data !== undefined && variable in data.Environment.Variables ? data : [],
    );
    if (found === undefined) return undefined;
    if (others.length > 0) throw new Error(`expected one function with ${variable}, found ${others.length + 1}`);
    const source = files[found.Code.S3Key.replace(/\.zip$/, '')]?.source.path;
    if (source === undefined) throw new Error(`no asset for ${found.Code.S3Key}`);
    const variables = Object.entries(found.Environment.Variables).map(([name, value]): [string, string] => [
      name,
      typeof value === 'string' ? withLocalhost(value) : resolve(name),
    ]);
    const environment: Readonly<Record<string, string>> = Object.fromEntries(variables);
    return { folder: join(output, source), environment };
  };
  const launcher = functionWith(ENV.agentPools);
  if (launcher === undefined) throw new Error('expected a launcher function, found none');
  return {
    /** The folder with the launcher's code, which a deployment uploads. */
    functionFolder: launcher.folder,
    /** The launcher's variables. */
    functionEnvironment: launcher.environment,
    /** The function behind the nudge's URL; `undefined` without the setting `nudge`. */
    nudge: functionWith(NUDGE_ENV.hmacKeySecret),
    /** The task definitions, each with its only container. */
    taskDefinitions: ofType('AWS::ECS::TaskDefinition').map(({ Properties }) => {
      const { Family, Cpu, Memory, ContainerDefinitions } = taskDefinitionProperties.parse(Properties);
      const [{ StopTimeout, Environment, Secrets }] = ContainerDefinitions;
      return {
        family: Family,
        cpu: Cpu,
        memory: Memory,
        stopTimeout: StopTimeout,
        environment: Environment.flatMap(({ Name, Value }) =>
          typeof Value === 'string' ? [{ name: Name, value: withLocalhost(Value) }] : [],
        ),
        secretNames: Secrets.map(({ Name }) => Name),
      };
    }),
    remove: () => rm(output, { recursive: true, force: true }),
  };
}

async function json(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'));
}
