/** The adapter to the web framework: request bodies, responses and errors. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import * as z from 'zod';
import { bodyBytes } from '../http-server.ts';
import type { Answer, Call } from './api.ts';
import { ApiFailure, failure, MEDIA_TYPE } from './json-api.ts';
import { parsedJson } from './parsed-json.ts';
import type { Platform, PlatformSettings } from './platform.ts';
import type { User } from './records.ts';
import type { World } from './world.ts';

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

/** The user of the API token. Agent tokens have no user here. */
export function userOf(
  world: World,
  request: { readonly headers: { readonly authorization?: string | undefined } },
): User | undefined {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) return undefined;
  for (const user of world.users.values()) if (user.apiToken === token) return user;
  return undefined;
}

/** Headers by which clients distinguish HCP Terraform from Terraform Enterprise. */
export function versionHeaders(settings: PlatformSettings): Record<string, string> {
  return {
    'tfp-api-version': '2.6',
    'tfp-appname': settings.tfeVersion === undefined ? 'HCP Terraform' : 'Terraform Enterprise',
    ...(settings.tfeVersion === undefined ? {} : { 'x-tfe-version': settings.tfeVersion }),
  };
}

export function callOf(platform: Platform, request: FastifyRequest): Call {
  const user = userOf(platform.world, request);
  if (user === undefined) throw failure(401, 'unauthorized');
  const parameters = pathParameters.parse(request.params);
  const origin = `https://${request.headers.host ?? 'localhost'}`;
  return {
    platform,
    user,
    origin,
    url: `${origin}${request.url}`,
    query: queryParameters.parse(request.query),
    body: bodyJson(request),
    param: (name) => parameters[name] ?? '',
  };
}

export function sendAnswer(reply: FastifyReply, answer: Answer): FastifyReply {
  reply.code(answer.status);
  if (answer.location !== undefined) reply.header('location', answer.location);
  if (answer.body === undefined) return reply.send();
  return reply.header('content-type', `${MEDIA_TYPE}; charset=utf-8`).send(JSON.stringify(answer.body));
}

const frameworkError = z.object({ statusCode: z.number().int().min(400).max(499), message: z.string() });

export function sendError(reply: FastifyReply, error: unknown): FastifyReply {
  // The client closed the connection before its request was complete.
  if (reply.raw.destroyed) return reply.hijack();
  reply.header('content-type', `${MEDIA_TYPE}; charset=utf-8`);
  if (error instanceof ApiFailure) return reply.code(error.statusCode).send(JSON.stringify({ errors: error.errors }));
  const refused = frameworkError.safeParse(error);
  if (refused.success) {
    const { statusCode, message } = refused.data;
    const errors = [{ status: String(statusCode), title: 'bad request', detail: message }];
    return reply.code(statusCode).send(JSON.stringify({ errors }));
  }
  process.stderr.write(`hcp-terraform: ${error instanceof Error ? error.stack : String(error)}\n`);
  return reply.code(500).send(JSON.stringify({ errors: [{ status: '500', title: 'internal server error' }] }));
}
