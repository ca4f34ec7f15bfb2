/** The server's side of `agent-protocol.ts`. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import * as z from 'zod';
import { bodyBytes, type HttpServer } from '../http-server.ts';
import { AGENT_ID_HEADER, agentStatus, type Instruction, jobResult, registration } from './agent-protocol.ts';
import { endAgent, finishJob, registerAgent, sweepAgents, takeJob } from './agents.ts';
import { bodyJson } from './http.ts';
import { failure, notFound, parseBody } from './json-api.ts';
import type { Platform } from './platform.ts';
import type { Agent, AgentToken, InternalJob, Workspace } from './records.ts';
import type { Operation, Run } from './runs.ts';
import { finalizeStateVersion, newStateVersion, parseStateFile } from './states.ts';

const idParameter = z.object({ id: z.string() });

/** The subject of a `/jobs/:id` request, after the check that its agent has the job. */
interface JobContext {
  readonly agent: Agent;
  readonly job: Operation | InternalJob;
}

interface PhaseContext extends JobContext {
  readonly job: Operation;
  readonly run: Run;
  readonly workspace: Workspace;
}

export function agentRoutes(api: HttpServer, platform: Platform): void {
  const { world } = platform;

  function tokenOf(request: FastifyRequest): AgentToken {
    const secret = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const token = [...world.agentTokens.values()].find((each) => each.secret === secret);
    if (token === undefined) throw failure(401, 'unauthorized', 'The agent token is wrong, or was revoked.');
    token.lastUsedAt = platform.now();
    return token;
  }

  /** The agent in the path. It must be alive and belong to the token's pool. The request counts as a ping. */
  function agentOf(request: FastifyRequest): Agent {
    const token = tokenOf(request);
    sweepAgents(platform);
    const agent = world.agents.get(idParameter.parse(request.params).id);
    if (agent === undefined || agent.poolId !== token.poolId) {
      throw failure(410, 'gone', 'The agent is not registered, or was deleted.');
    }
    if (agent.reported === 'exited' || agent.reported === 'errored') {
      throw failure(410, 'gone', `The agent was declared ${agent.reported} and must exit.`);
    }
    agent.lastPingAt = platform.now();
    return agent;
  }

  function jobOf(request: FastifyRequest): JobContext {
    const token = tokenOf(request);
    const { id } = idParameter.parse(request.params);
    const job = world.operations.get(id) ?? world.internalJobs.get(id);
    if (job === undefined) throw notFound();
    const agent = [...world.agents.values()].find((each) => each.jobId === id);
    const named = request.headers[AGENT_ID_HEADER];
    if (agent === undefined || agent.poolId !== token.poolId || (named !== undefined && named !== agent.id)) {
      throw failure(409, 'conflict', 'The job is not assigned to this agent, or has ended.');
    }
    agent.lastPingAt = platform.now();
    return { agent, job };
  }

  function phaseOf(request: FastifyRequest): PhaseContext {
    const { agent, job } = jobOf(request);
    const run = 'phase' in job ? world.runs.get(job.runId) : undefined;
    const workspace = run === undefined ? undefined : world.workspaces.get(run.workspaceId);
    if (!('phase' in job) || run === undefined || workspace === undefined) throw notFound();
    return { agent, job, run, workspace };
  }

  function bytes(reply: FastifyReply, type: string, body: Buffer | undefined): FastifyReply {
    if (body === undefined) return reply.code(204).send();
    return reply.code(200).header('content-type', type).send(body);
  }

  api.post('/api/agent/v1/agents', (request, reply) => {
    const token = tokenOf(request);
    const pool = world.pools.get(token.poolId);
    if (pool === undefined) throw failure(401, 'unauthorized', 'The agent token belongs to no pool.');
    sweepAgents(platform);
    const outcome = registerAgent(platform, pool, token, parseBody(registration, bodyJson(request)), request.ip);
    if ('refused' in outcome) {
      const [status, title] = outcome.refused === 'allowance' ? [403, 'forbidden'] : [409, 'conflict'];
      throw failure(Number(status), String(title), outcome.detail);
    }
    return reply.code(201).send({
      agentId: outcome.agent.id,
      agentPoolId: pool.id,
      agentPoolName: pool.name,
      organization: pool.organization,
      pollIntervalMs: platform.settings.agentPollMs,
    });
  });

  api.post('/api/agent/v1/agents/:id/poll', (request, reply) => {
    const agent = agentOf(request);
    const job = takeJob(platform, agent);
    return job === undefined ? reply.code(204).send() : reply.code(200).send(job);
  });

  api.post('/api/agent/v1/agents/:id/status', (request, reply) => {
    const agent = agentOf(request);
    const { status } = parseBody(agentStatus, bodyJson(request));
    const operation = world.operations.get(agent.jobId ?? '');
    const run = operation === undefined ? undefined : world.runs.get(operation.runId);
    const instruction: Instruction = { job: run?.cancelRequest ?? 'continue' };
    if (status === 'exited' || status === 'errored') endAgent(platform, agent, status);
    else agent.reported = agent.jobId === undefined ? status : 'busy';
    return reply.code(200).send(instruction);
  });

  api.get('/api/agent/v1/jobs/:id/configuration', (request, reply) => {
    const { run } = phaseOf(request);
    const archive = world.configurationVersions.get(run.configurationVersionId)?.archive;
    if (archive === undefined) throw notFound();
    return bytes(reply, 'application/gzip', archive);
  });

  api.get('/api/agent/v1/jobs/:id/state', (request, reply) => {
    const { workspace } = phaseOf(request);
    return bytes(reply, 'application/json', world.stateVersions.get(workspace.currentStateVersionId ?? '')?.state);
  });

  api.put('/api/agent/v1/jobs/:id/state', (request, reply) => {
    const { workspace, run } = phaseOf(request);
    const body = bodyBytes(request);
    const parsed = parseStateFile(body);
    if (parsed === undefined) throw failure(422, 'invalid attribute', 'The body is not a Terraform state file.');
    const version = newStateVersion(platform, workspace, {
      serial: parsed.serial,
      runId: run.id,
      createdById: run.createdById,
      ...(parsed.lineage === undefined ? {} : { lineage: parsed.lineage }),
    });
    finalizeStateVersion(platform, version, body, parsed);
    return reply.code(204).send();
  });

  api.put('/api/agent/v1/jobs/:id/filesystem', (request, reply) => {
    phaseOf(request).run.plan.filesystem = bodyBytes(request);
    return reply.code(204).send();
  });

  api.get('/api/agent/v1/jobs/:id/filesystem', (request, reply) => {
    const { filesystem } = phaseOf(request).run.plan;
    if (filesystem === undefined) throw notFound();
    return bytes(reply, 'application/gzip', filesystem);
  });

  api.post('/api/agent/v1/jobs/:id/log', (request, reply) => {
    const { job } = phaseOf(request);
    if (!job.ended) job.log.push(bodyBytes(request));
    return reply.code(204).send();
  });

  api.post('/api/agent/v1/jobs/:id/result', (request, reply) => {
    const { agent, job } = jobOf(request);
    finishJob(platform, agent, job, parseBody(jobResult, bodyJson(request)));
    return reply.code(204).send();
  });
}
