/** What the lab observed, as plain data. The findings and the report are computed from it, so a saved file is enough to write them again. */
import * as z from 'zod';

const time = z.string();

const task = z.object({
  id: z.string(),
  family: z.string(),
  startedBy: z.string().optional(),
  createdAt: time.optional(),
  pullStartedAt: time.optional(),
  pullStoppedAt: time.optional(),
  startedAt: time.optional(),
  stoppingAt: time.optional(),
  executionStoppedAt: time.optional(),
  stoppedAt: time.optional(),
  exitCode: z.number().optional(),
  stopCode: z.string().optional(),
  stoppedReason: z.string().optional(),
  image: z.string().optional(),
  imageDigest: z.string().optional(),
  /** Value of the attribute `ecs.cpu-architecture`. */
  architecture: z.string().optional(),
  cpu: z.number(),
  memoryMiB: z.number(),
  /** When the lab's list of tasks contained it for the first time, by this machine's clock. */
  firstListedAt: time,
  /** Each `lastStatus` that was seen, in order. */
  statuses: z.array(z.string()),
});

const run = z.object({
  id: z.string(),
  workspace: z.string(),
  /** What the lab asked for. */
  wanted: z.enum(['plan and apply', 'failing apply', 'plan only', 'interrupted apply', 'refused connection']),
  status: z.string(),
  createdAt: time,
  /** Each status that was seen, in order. */
  statuses: z.array(z.string()),
  /** HCP Terraform's own times: when the run entered each status. */
  timestamps: z.record(z.string(), time),
  /** Names of the agents that ran the plan and the apply. */
  planAgent: z.string().optional(),
  applyAgent: z.string().optional(),
  /** When the lab saw the run in its last status, by this machine's clock. */
  endedAt: time.optional(),
});

/** What EC2 showed of a gateway's instance. */
const gatewaySighting = z.object({
  /** When the lab saw it, by this machine's clock. */
  at: time,
  instance: z.string(),
  state: z.string(),
  /** EC2's time of the last start. */
  launchedAt: time.optional(),
  /** The instance's own tags: when the launcher created it, and when its filter last began to work. */
  createdAt: time.optional(),
  readyAt: time.optional(),
  /** Whether it has a public address. */
  hasAddress: z.boolean(),
});

const gateway = z.object({
  name: z.string(),
  /** The settings `gatewayStart` and `gatewayIdleMinutes`, as the function has them. */
  start: z.string(),
  idleMinutes: z.number(),
  fixedAddress: z.boolean(),
  /** Each change that was seen, in order. */
  sightings: z.array(gatewaySighting),
  /** When the last task stopped. */
  lastTaskAt: time.optional(),
  /** Number of connections by server name, from the gateway's log. */
  allowed: z.record(z.string(), z.number()),
  refused: z.record(z.string(), z.number()),
  /** The first lines of the gateway's log. */
  lines: z.array(z.string()),
});

export const evidence = z.object({
  version: z.string(),
  startedAt: time,
  endedAt: time.optional(),
  /** `deployed`: a stack that existed before, and stays. */
  mode: z.enum(['live', 'deployed', 'local']),
  hostname: z.string(),
  organization: z.string(),
  region: z.string().optional(),
  account: z.string().optional(),
  agentVersion: z.string().optional(),
  deployment: z.object({ seconds: z.number(), resources: z.number().optional() }).optional(),
  runs: z.array(run).default([]),
  tasks: z.array(task).default([]),
  /** Each status that an agent was seen in, by the agent's name. */
  agents: z.record(z.string(), z.object({ version: z.string().optional(), statuses: z.array(z.string()) })).default({}),
  /** The last lines of each agent's log, by task id. */
  logs: z.record(z.string(), z.array(z.string())).default({}),
  /** Task that the lab interrupted, and when. */
  interrupted: z.object({ task: z.string(), run: z.string(), at: time }).optional(),
  /** Absent if the lab looked at no gateway. */
  gateway: gateway.optional(),
  /** What a team may do that has only these organization permissions: the status of each request. */
  permissions: z.array(z.object({ team: z.string(), requests: z.record(z.string(), z.number()) })).default([]),
  /** What public services answered. A member is absent if the service could not be asked. */
  published: z
    .object({
      /** Architectures of the agent's archives on HashiCorp's release host. */
      releaseBuilds: z.array(z.string()).optional(),
      /** Number of public keys in HashiCorp's key file. */
      signingKeys: z.number().optional(),
      /** Status of the manifest of hashicorp/tfc-agent in ECR Public. */
      ecrPublicStatus: z.number().optional(),
      /** Whether archivist.eu.terraform.io has an address. */
      euArchivistResolves: z.boolean().optional(),
      /** List prices of us-east-1 in US dollars, by the name in lib/aws/prices.ts. */
      prices: z.record(z.string(), z.number()).optional(),
    })
    .default({}),
  /** What went wrong; absent if every step ran. */
  failure: z.string().optional(),
  /** What was created and is gone again. */
  removed: z.array(z.string()).default([]),
  /** What was created and could not be removed, with the command that removes it. */
  left: z.array(z.string()).default([]),
});

export type Evidence = z.infer<typeof evidence>;
export type ObservedTask = z.infer<typeof task>;
export type ObservedRun = z.infer<typeof run>;
export type GatewayEvidence = z.infer<typeof gateway>;
export type GatewaySighting = z.infer<typeof gatewaySighting>;
