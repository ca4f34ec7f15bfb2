/** The lab's requests to HCP Terraform. */
import { type Dispatcher, request } from 'undici';
import * as z from 'zod';
import { HcpTerraform, HcpTerraformError } from '../../cli/hcp-terraform/client.ts';
import { poolIdOf } from '../../cli/hcp-terraform/pools.ts';
import { outbound } from '../../cli/outbound.ts';
import { archiveOf } from '../../local/start/configurations.ts';

const created = z.object({ data: z.object({ id: z.string() }) });
const token = z.object({ data: z.object({ attributes: z.object({ token: z.string() }) }) });
const upload = z.object({ data: z.object({ id: z.string(), attributes: z.object({ 'upload-url': z.url() }) }) });
const times = z
  .record(z.string(), z.string().nullable())
  .transform((all) =>
    Object.fromEntries(Object.entries(all).flatMap(([name, time]) => (time === null ? [] : [[name, time] as const]))),
  );
const runDocument = z.object({
  data: z.object({
    attributes: z.object({ status: z.string(), 'created-at': z.string(), 'status-timestamps': times.default({}) }),
  }),
  included: z
    .array(
      z.looseObject({
        type: z.string(),
        attributes: z.looseObject({
          'execution-details': z.looseObject({ 'agent-name': z.string().optional() }).nullish(),
        }),
      }),
    )
    .default([]),
});
const agentPage = z.object({
  data: z.array(
    z.object({
      attributes: z.looseObject({ name: z.string().nullish(), status: z.string(), version: z.string().nullish() }),
    }),
  ),
  meta: z.looseObject({ pagination: z.looseObject({ 'next-page': z.number().nullable() }).optional() }).optional(),
});

export interface SeenRun {
  readonly status: string;
  readonly createdAt: string;
  readonly timestamps: Readonly<Record<string, string>>;
  readonly planAgent?: string;
  readonly applyAgent?: string;
}

export interface LabPlatform {
  readonly hostname: string;
  readonly organization: string;
  readonly token: string;
  readonly dispatcher?: Dispatcher;
}

export class LabHcpTerraform {
  readonly #api: HcpTerraform;
  readonly #platform: Required<LabPlatform>;

  constructor(platform: LabPlatform) {
    this.#platform = { ...platform, dispatcher: platform.dispatcher ?? outbound(process.env) };
    this.#api = new HcpTerraform(this.#platform);
  }

  get #organization(): string {
    return `/api/v2/organizations/${this.#platform.organization}`;
  }

  /** Rejects if the token can't read the organization. */
  async check(): Promise<void> {
    await this.#api.get(this.#organization, z.object({ data: z.object({ id: z.string() }) }));
  }

  poolIdOf(name: string): Promise<string> {
    return poolIdOf(this.#api, this.#platform.organization, name);
  }

  createPool(name: string): Promise<string> {
    return this.#create(`${this.#organization}/agent-pools`, 'agent-pools', { name, 'organization-scoped': true });
  }

  async createAgentToken(poolId: string): Promise<string> {
    const body = { data: { type: 'authentication-tokens', attributes: { description: 'live proof' } } };
    const made = await this.#api.send('POST', `/api/v2/agent-pools/${poolId}/authentication-tokens`, body, token);
    return made.data.attributes.token;
  }

  createWorkspace(name: string, poolId: string): Promise<string> {
    const attributes = { name, 'execution-mode': 'agent', 'agent-pool-id': poolId };
    return this.#create(`${this.#organization}/workspaces`, 'workspaces', attributes);
  }

  /** A team with only these permissions in the organization. Rejects if the organization has no teams. */
  createTeam(name: string, access: Readonly<Record<string, boolean>>): Promise<string> {
    const attributes = { name, visibility: 'secret', 'organization-access': access };
    return this.#create(`${this.#organization}/teams`, 'teams', attributes);
  }

  async createTeamToken(teamId: string): Promise<string> {
    const body = { data: { type: 'authentication-tokens', attributes: {} } };
    const made = await this.#api.send('POST', `/api/v2/teams/${teamId}/authentication-token`, body, token);
    return made.data.attributes.token;
  }

  /** Uploads a configuration and queues a run. @returns the run's id */
  async queueRun(workspaceId: string, configuration: string, planOnly: boolean): Promise<string> {
    const options = {
      data: { type: 'configuration-versions', attributes: { 'auto-queue-runs': false, speculative: planOnly } },
    };
    const path = `/api/v2/workspaces/${workspaceId}/configuration-versions`;
    const version = await this.#api.send('POST', path, options, upload);
    const { dispatcher } = this.#platform;
    const { statusCode, body } = await request(version.data.attributes['upload-url'], {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream' },
      body: await archiveOf(configuration),
      dispatcher,
    });
    await body.dump();
    if (statusCode >= 300) throw new Error(`HCP Terraform answered the upload of a configuration with ${statusCode}.`);
    return this.#create(
      '/api/v2/runs',
      'runs',
      { message: 'live proof', 'plan-only': planOnly, 'auto-apply': !planOnly },
      {
        workspace: { data: { type: 'workspaces', id: workspaceId } },
        'configuration-version': { data: { type: 'configuration-versions', id: version.data.id } },
      },
    );
  }

  async run(id: string): Promise<SeenRun> {
    const { data, included } = await this.#api.get(`/api/v2/runs/${id}?include=plan,apply`, runDocument);
    const agentOf = (type: string): string | undefined =>
      included.find((one) => one.type === type)?.attributes['execution-details']?.['agent-name'];
    const [planAgent, applyAgent] = [agentOf('plans'), agentOf('applies')];
    return {
      status: data.attributes.status,
      createdAt: data.attributes['created-at'],
      timestamps: data.attributes['status-timestamps'],
      ...(planAgent !== undefined && { planAgent }),
      ...(applyAgent !== undefined && { applyAgent }),
    };
  }

  async agents(poolId: string): Promise<{ name: string; status: string; version?: string }[]> {
    const listed = await this.#api.list(`/api/v2/agent-pools/${poolId}/agents`, agentPage);
    return listed.map(({ attributes: { name, status, version } }) => ({
      name: name ?? '',
      status,
      ...(version != null && { version }),
    }));
  }

  /** The status of the answer to each request that the launcher needs, with this token. */
  async permissionsOf(teamToken: string, poolId: string, poolName: string): Promise<Record<string, number>> {
    const api = new HcpTerraform({ ...this.#platform, token: teamToken });
    const status = async (path: string): Promise<number> => {
      try {
        await api.get(path, z.unknown());
        return 200;
      } catch (error) {
        if (error instanceof HcpTerraformError) return error.status;
        throw error;
      }
    };
    return {
      'list runs': await status(`${this.#organization}/runs?filter%5Bagent_pool_names%5D=${poolName}`),
      'find the pool': await status(`${this.#organization}/agent-pools?q=${poolName}`),
      'read the pool': await status(`/api/v2/agent-pools/${poolId}`),
      'list agents': await status(`/api/v2/agent-pools/${poolId}/agents`),
    };
  }

  /** Removes a thing; if it doesn't exist, nothing happens. */
  async remove(path: string): Promise<void> {
    try {
      await this.#api.delete(`/api/v2${path}`);
    } catch (error) {
      if (!(error instanceof HcpTerraformError) || error.status !== 404) throw error;
    }
  }

  async close(): Promise<void> {
    await this.#api.close();
  }

  async #create(path: string, type: string, attributes: object, relationships?: object): Promise<string> {
    const body = { data: { type, attributes, ...(relationships !== undefined && { relationships }) } };
    return (await this.#api.send('POST', path, body, created)).data.id;
  }
}
