/** Calls the routes of the local platform directly, without HTTP, as the user of an API token. */
import type { AgentStatusName } from '../../local/hcp-terraform/agents.ts';
import { type Answer, Call, type Define } from '../../local/hcp-terraform/api.ts';
import { notFound, type Query } from '../../local/hcp-terraform/json-api.ts';
import type { Platform } from '../../local/hcp-terraform/platform.ts';
import { agentPoolRoutes } from '../../local/hcp-terraform/routes/agent-pools.ts';
import { runRoutes } from '../../local/hcp-terraform/routes/runs.ts';
import { workspaceRoutes } from '../../local/hcp-terraform/routes/workspaces.ts';
import { newUser, type User } from '../../local/hcp-terraform/world.ts';

const ORIGIN = 'https://app.terraform.io';

/** The parts of a response that `hcp-http.ts` reads or changes. */
export interface ApiDocument {
  data: readonly {
    readonly id: string;
    readonly attributes: {
      readonly name?: string;
      readonly status: AgentStatusName;
      readonly 'last-ping-at': string;
      readonly 'status-timestamps'?: Record<string, string>;
    };
  }[];
  readonly included?: readonly { readonly attributes: { 'execution-details'?: object | null } }[];
  readonly meta?: { readonly pagination: { 'current-page': number; 'next-page': number | null } };
}

interface Route {
  readonly handle: (call: Call) => Answer;
  readonly parameters: Readonly<Record<string, string>>;
}

export class HcpApi {
  readonly #platform: Platform;
  readonly #routes: { readonly method: string; readonly path: RegExp; readonly handle: Route['handle'] }[] = [];
  readonly #known = new Map<string, Route>();
  readonly #owner = newUser('owner', 'owner');
  /** The user of each API token, by the name of the token's secret. */
  readonly #users = new Map<string, User>();

  constructor(platform: Platform) {
    this.#platform = platform;
    const define: Define = (method, path, handle) => {
      this.#routes.push({ method, path: new RegExp(`^${path.replaceAll(/:(\w+)/g, '(?<$1>[^/]+)')}$`), handle });
    };
    agentPoolRoutes(define);
    runRoutes(define);
    workspaceRoutes(define);
  }

  /** The response to a request with this secret's token. @throws ApiFailure */
  get(path: string, query: Query, secret: string): ApiDocument {
    const user = this.#users.get(secret) ?? newUser(secret, 'read', true);
    this.#users.set(secret, user);
    return this.#call('GET', path, query, user, undefined).body as ApiDocument;
  }

  /** Creates a resource with the permissions of an organization owner. @throws ApiFailure */
  create(path: string, type: string, attributes: object): void {
    this.#call('POST', path, {}, this.#owner, { data: { type, attributes } });
  }

  #call(method: string, path: string, query: Query, user: User, body: unknown): Answer {
    const { handle, parameters } = this.#routeOf(method, path);
    const request = { user, origin: ORIGIN, path: `/api/v2${path}`, query, body, parameters };
    return handle(new Call(this.#platform, request));
  }

  #routeOf(method: string, path: string): Route {
    const known = this.#known.get(`${method} ${path}`);
    if (known !== undefined) return known;
    for (const route of this.#routes) {
      const match = route.method === method ? route.path.exec(path) : null;
      if (match === null) continue;
      const found = { handle: route.handle, parameters: { ...match.groups } };
      this.#known.set(`${method} ${path}`, found);
      return found;
    }
    throw notFound();
  }
}
