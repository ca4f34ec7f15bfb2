/** Adapts routes to the web framework: request bodies, responses and errors. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import * as z from 'zod';
import { bodyBytes } from '../http-server.ts';
import { type Answer, Call } from './api.ts';
import { ApiFailure, failure, MEDIA_TYPE } from './json-api.ts';
import { parsedJson } from './parsed-json.ts';
import type { Platform } from './platform.ts';
import type { User } from './world.ts';

export const pathParameters = z.record(z.string(), z.string());
export const queryParameters = z.record(z.string(), z.unknown());

/** The body as JSON; `undefined` if there was none. */
export function bodyJson(request: FastifyRequest): unknown {
  const text = bodyBytes(request).toString('utf8');
  if (text.trim() === '') return undefined;
  const body = parsedJson(text);
  if (body === undefined) {
    throw failure(400, 'JSON body is invalid', 'The request body could not be parsed as JSON.');
  }
  return body;
}

export function bearerToken(request: FastifyRequest): string | undefined {
  return /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
}

/** The user of the API token; `undefined` for agent tokens, and for API tokens that have expired. */
export function userOf({ world, now }: Pick<Platform, 'world' | 'now'>, request: FastifyRequest): User | undefined {
  const token = bearerToken(request);
  const user = [...world.users.values()].find(({ apiToken }) => apiToken === token);
  return (user?.apiTokenExpiresAt ?? Number.POSITIVE_INFINITY) > now() ? user : undefined;
}

export function callOf(platform: Platform, request: FastifyRequest): Call {
  const user = userOf(platform, request);
  if (user === undefined) throw failure(401, 'unauthorized');
  return new Call(platform, {
    user,
    origin: `https://${request.headers.host ?? 'localhost'}`,
    path: request.url,
    query: queryParameters.parse(request.query),
    body: bodyJson(request),
    parameters: pathParameters.parse(request.params),
  });
}

function sendJson(reply: FastifyReply, status: number, body: unknown): FastifyReply {
  return reply.code(status).header('content-type', `${MEDIA_TYPE}; charset=utf-8`).send(JSON.stringify(body));
}

export function sendAnswer(reply: FastifyReply, { status, body, location }: Answer): FastifyReply {
  if (location !== undefined) reply.header('location', location);
  return body === undefined ? reply.code(status).send() : sendJson(reply, status, body);
}

const frameworkError = z.object({ statusCode: z.number().int().min(400).max(499), message: z.string() });

function failureOf(error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error;
  const { data: refused } = frameworkError.safeParse(error);
  if (refused !== undefined) return failure(refused.statusCode, 'bad request', refused.message);
  process.stderr.write(`hcp-terraform: ${error instanceof Error ? error.stack : String(error)}\n`);
  return failure(500, 'internal server error');
}

export function sendError(reply: FastifyReply, error: unknown): FastifyReply {
  // The client closed the connection before its request was complete.
  if (reply.raw.destroyed) return reply.hijack();
  const { statusCode, errors } = failureOf(error);
  return sendJson(reply, statusCode, { errors });
}
