/** The server's side of `agent-protocol.ts`. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { bodyBytes, type HttpServer } from '../http-server.ts';
import { AGENT_ID_HEADER, agentStatus, type Instruction, jobResult, registration } from './agent-protocol.ts';
import { endAgent, finishJob, hasLeft, registerAgent, takeJob } from './agents.ts';
import { found } from './api.ts';
import { bearerToken, bodyJson, pathParameters } from './http.ts';
import { conflict, failure, notFound, parseBody } from './json-api.ts';
import type { Platform } from './platform.ts';
import type { Operation } from './runs.ts';
import { finalizeStateVersion, newStateVersion, parseStateFile } from './states.ts';
import { type Agent, type AgentToken, type InternalJob, phaseOf } from './world.ts';

export function agentRoutes(api: HttpServer, platform: Platform): void {
  const { world } = platform;
  const idIn = (request: FastifyRequest): string => pathParameters.parse(request.params)['id'] ?? '';

  /** The handler returns the body. If it returns none, the status is 204. */
  function route(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    handle: (request: FastifyRequest, reply: FastifyReply) => unknown,
  ): void {
    api.route({
      method,
      url: `/api/agent/v1${path}`,
      handler: (request, reply) => {
        const body = handle(request, reply);
        return body === undefined ? reply.code(204).send() : reply.send(body);
      },
    });
  }

  function tokenOf(request: FastifyRequest): AgentToken {
    const secret = bearerToken(request);
    const token = [...world.agentTokens.values()].find((each) => each.secret === secret);
    if (token === undefined) throw failure(401, 'unauthorized', 'The agent token is wrong, or was revoked.');
    token.lastUsedAt = platform.now();
    return token;
  }

  /** Returns the agent in the path, which must be alive and belong to the token's pool. The request counts as a ping. */
  function agentOf(request: FastifyRequest): Agent {
    const token = tokenOf(request);
    const agent = world.agents.get(idIn(request));
    if (agent === undefined || agent.poolId !== token.poolId) {
      throw failure(410, 'gone', 'The agent is not registered, or was deleted.');
    }
    if (hasLeft(agent)) throw failure(410, 'gone', `The agent was declared ${agent.reported} and must exit.`);
    agent.lastPingAt = platform.now();
    return agent;
  }

  /** Returns the job in the path, which must belong to the agent that sent the request. The request counts as a ping. */
  function jobOf(request: FastifyRequest): { readonly agent: Agent; readonly job: Operation | InternalJob } {
    const token = tokenOf(request);
    const id = idIn(request);
    const job = world.operations.get(id) ?? found(world.internalJobs, id);
    const agent = [...world.agents.values()].find((each) => each.jobId === id);
    const { [AGENT_ID_HEADER]: asking = agent?.id } = request.headers;
    if (agent === undefined || agent.poolId !== token.poolId || asking !== agent.id) {
      throw conflict('The job is not assigned to this agent, or has ended.');
    }
    agent.lastPingAt = platform.now();
    return { agent, job };
  }

  function phaseIn(request: FastifyRequest) {
    const phase = phaseOf(world, jobOf(request).job.id);
    if (phase === undefined) throw notFound();
    return phase;
  }

  route('POST', '/agents', (request, reply) => {
    const token = tokenOf(request);
    const pool = world.pools.get(token.poolId);
    if (pool === undefined) throw failure(401, 'unauthorized', 'The agent token belongs to no pool.');
    const agent = registerAgent(platform, pool, token, parseBody(registration, bodyJson(request)), request.ip);
    reply.code(201);
    return {
      agentId: agent.id,
      agentPoolId: pool.id,
      agentPoolName: pool.name,
      organization: pool.organization,
      pollIntervalMs: platform.settings.agentPollMs,
    };
  });

  route('POST', '/agents/:id/poll', (request) => takeJob(platform, agentOf(request)));

  route('POST', '/agents/:id/status', (request) => {
    const agent = agentOf(request);
    const { status } = parseBody(agentStatus, bodyJson(request));
    const instruction: Instruction = { job: phaseOf(world, agent.jobId)?.run.cancelRequest ?? 'continue' };
    if (status === 'exited' || status === 'errored') endAgent(platform, agent, status);
    else agent.reported = agent.jobId === undefined ? status : 'busy';
    return instruction;
  });

  route('GET', '/jobs/:id/configuration', (request, reply) => {
    const { run } = phaseIn(request);
    const { archive } = found(world.configurationVersions, run.configurationVersionId);
    if (archive === undefined) throw notFound();
    reply.header('content-type', 'application/gzip');
    return archive;
  });

  route('GET', '/jobs/:id/state', (request, reply) => {
    const { workspace } = phaseIn(request);
    const version = world.stateVersions.get(workspace.currentStateVersionId ?? '');
    if (version?.state !== undefined) reply.header('content-type', 'application/json');
    return version?.state;
  });

  route('PUT', '/jobs/:id/state', (request) => {
    const { workspace, run } = phaseIn(request);
    const body = bodyBytes(request);
    const parsed = parseStateFile(body);
    if (parsed === undefined) throw failure(422, 'invalid attribute', 'The body is not a Terraform state file.');
    const { serial, lineage } = parsed;
    const origin = { runId: run.id, createdById: run.createdById };
    const version = newStateVersion(platform, workspace, { serial, lineage, ...origin });
    finalizeStateVersion(platform, version, body, parsed);
  });

  route('PUT', '/jobs/:id/filesystem', (request) => {
    phaseIn(request).run.plan.filesystem = bodyBytes(request);
  });

  route('GET', '/jobs/:id/filesystem', (request, reply) => {
    const { filesystem } = phaseIn(request).run.plan;
    if (filesystem === undefined) throw notFound();
    reply.header('content-type', 'application/gzip');
    return filesystem;
  });

  route('POST', '/jobs/:id/log', (request) => {
    const { operation } = phaseIn(request);
    if (!operation.ended) operation.log.push(bodyBytes(request));
  });

  route('POST', '/jobs/:id/result', (request) => {
    const { agent, job } = jobOf(request);
    finishJob(platform, agent, job, parseBody(jobResult, bodyJson(request)));
  });
}
