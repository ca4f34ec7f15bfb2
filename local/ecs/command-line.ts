import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import type { Refusal, Subnet } from './core/capacity.ts';
import type { Image } from './images.ts';
import { type EcsOptions, LOCAL_PHASES } from './server.ts';

/** An invalid command line. The message lists all faults, each with the allowed values. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface CommandLine {
  readonly server: EcsOptions;
  readonly cluster: string;
  readonly secondCluster: string;
  readonly refusals: readonly Refusal[];
  /** If set, tasks run in containers. The value is the name or path of the engine, if the user gave one. */
  readonly containers?: { readonly engine?: string };
  /** Whether the tasks' output is also written to stderr. */
  readonly taskLogs: boolean;
}

export const HELP = `Amazon ECS (with Fargate) and AWS Secrets Manager on 127.0.0.1, in memory.
When ready it prints one JSON line on stdout, and stays up until SIGTERM or SIGINT.

  --port N                       port to listen on; a free one by default
  --region NAME                  eu-central-1
  --cluster NAME                 agents: the first cluster
  --second-cluster NAME          others: a second, empty one
  --subnet ID=ZONE               a subnet and its availability zone; repeatable; three by default
  --security-group ID            repeatable; one by default
  --strict-network               other subnets and security groups are errors
  --image NAME                   an image whose entry point and command are run as a process; repeatable
  --program-image NAME=PROGRAM   an image whose entry point is this executable; repeatable
  --program-path DIRECTORY       comes first on the search path of the program images; repeatable
  --containers                   tasks run in containers of docker or podman, whichever answers first, and not as
                                   processes; images are then the engine's, and the three options above mean nothing
  --engine NAME                  with --containers: the engine's name or path
  --provision-ms N               phases of a task's start and end: ${LOCAL_PHASES.provisionMs},
  --pull-ms N                      ${LOCAL_PHASES.pullMs},
  --boot-ms N                      ${LOCAL_PHASES.bootMs},
  --deprovision-ms N               ${LOCAL_PHASES.deprovisionMs} milliseconds by default
  --read-lag-ms N                how long ListTasks and DescribeTasks don't see a new task; 0
  --stopped-retention-ms N       how long a stopped task is seen; one hour
  --client-token-ttl-ms N        how long a clientToken is remembered; 24 hours
  --client-token-after-stop-ms N … and at most so long after its task stopped; no such bound by default
  --on-demand-vcpus N            quota of concurrent vCPUs; none by default
  --spot-vcpus N                 the same for Spot
  --rates                        throttle as the vendor: 20 RunTask calls/s, 100 tasks at once refilled by 20/s
  --refuse FAMILY|SUBNET|ZONE    no capacity for it; repeatable
  --task-logs                    print the tasks' output on stderr
  --help                         this text
`;

const number = z.coerce.number().int().nonnegative().optional();
const name = z.string().regex(/^[A-Za-z0-9_-]{1,255}$/, 'up to 255 letters, digits, - and _');
const assignment = z
  .string()
  .regex(/^[^=]+=.+$/, 'NAME=VALUE')
  .transform((text) => {
    const at = text.indexOf('=');
    return [text.slice(0, at), text.slice(at + 1)] as const;
  });
const list = z.array(z.string()).default([]);

const flags = z.object({
  port: z.coerce.number().int().min(0).max(65_535).default(0),
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a region such as eu-central-1')
    .default('eu-central-1'),
  cluster: name.default('agents'),
  'second-cluster': name.default('others'),
  subnet: z.array(assignment).optional(),
  'security-group': z.array(z.string()).optional(),
  'strict-network': z.boolean().default(false),
  image: list,
  'program-image': z.array(assignment).default([]),
  'program-path': list,
  containers: z.boolean().default(false),
  engine: z.string().min(1).optional(),
  'provision-ms': number,
  'pull-ms': number,
  'boot-ms': number,
  'deprovision-ms': number,
  'read-lag-ms': number,
  'stopped-retention-ms': number,
  'client-token-ttl-ms': number,
  'client-token-after-stop-ms': number,
  'on-demand-vcpus': number,
  'spot-vcpus': number,
  rates: z.boolean().default(false),
  refuse: list,
  'task-logs': z.boolean().default(false),
});

const repeatable = ['subnet', 'security-group', 'image', 'program-image', 'program-path', 'refuse'];
const switches = ['containers', 'strict-network', 'rates', 'task-logs', 'help'];

/**
 * Parses the command line.
 * @returns `help` if the user asked for it
 * @throws UsageError
 */
export function parseCommandLine(args: readonly string[]): CommandLine | 'help' {
  const given = valuesOf(args);
  if (given['help'] === true) return 'help';
  const parsed = flags.safeParse(given);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) => {
      const flag = String(path[0]);
      return `--${flag}: given ${JSON.stringify(given[flag])}; ${message}`;
    });
    throw new UsageError(faults.join('\n'));
  }
  const values = parsed.data;
  if (values.engine !== undefined && !values.containers) {
    throw new UsageError('--engine has no effect without --containers; add that option.');
  }
  return {
    cluster: values.cluster,
    secondCluster: values['second-cluster'],
    taskLogs: values['task-logs'],
    ...(values.containers && { containers: values.engine === undefined ? {} : { engine: values.engine } }),
    refusals: values.refuse.flatMap((text) => [{ family: text }, { subnet: text }, { availabilityZone: text }]),
    server: {
      port: values.port,
      region: values.region,
      strictNetwork: values['strict-network'],
      images: imagesOf(values),
      phases: withoutUndefined({
        provisionMs: values['provision-ms'],
        pullMs: values['pull-ms'],
        bootMs: values['boot-ms'],
        deprovisionMs: values['deprovision-ms'],
      }),
      clientTokens: withoutUndefined({
        ttlMs: values['client-token-ttl-ms'],
        afterStoppedMs: values['client-token-after-stop-ms'],
      }),
      quotas: withoutUndefined({ onDemandVcpus: values['on-demand-vcpus'], spotVcpus: values['spot-vcpus'] }),
      ...withoutUndefined({
        subnets: values.subnet?.map(([id, availabilityZone]): Subnet => ({ id, availabilityZone })),
        securityGroups: values['security-group'],
        readLagMs: values['read-lag-ms'],
        stoppedTaskRetentionMs: values['stopped-retention-ms'],
      }),
      ...(values.rates ? { rates: true } : {}),
    },
  };
}

function valuesOf(args: readonly string[]): Record<string, unknown> {
  const option = (flag: string) =>
    ({ type: switches.includes(flag) ? 'boolean' : 'string', multiple: repeatable.includes(flag) }) as const;
  try {
    return parseArgs({
      args: [...args],
      options: Object.fromEntries([...Object.keys(flags.shape), 'help'].map((flag) => [flag, option(flag)])),
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function imagesOf(values: z.output<typeof flags>): Record<string, Image> {
  const path = values['program-path'].map((directory) => resolve(directory));
  return Object.fromEntries([
    ...values.image.map((image): [string, Image] => [image, {}]),
    ...values['program-image'].map(([image, program]): [string, Image] => [
      image,
      { entryPoint: [resolve(program)], path },
    ]),
  ]);
}

/** Returns the object without undefined members. */
function withoutUndefined<Members extends object>(
  members: Members,
): { [Key in keyof Members]?: Exclude<Members[Key], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Members]?: Exclude<Members[Key], undefined>;
  };
}
