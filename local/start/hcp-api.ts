/** The calls of HCP Terraform's public API that the demo makes as a user. */
import { Agent, request } from 'undici';
import * as z from 'zod';

export interface HcpApi {
  /** Creates an organization in addition to the client's own. */
  createOrganization(name: string): Promise<void>;
  createPool(name: string): Promise<{ readonly id: string; readonly token: string }>;
  /** Creates a workspace whose runs execute on the pool's agents. */
  createWorkspace(workspace: { readonly name: string; readonly poolId: string }): Promise<{ readonly id: string }>;
  /** Uploads a configuration and queues a run. @returns the run's id */
  queueRun(run: {
    readonly workspaceId: string;
    readonly archive: Buffer;
    readonly message: string;
    readonly planOnly: boolean;
    readonly autoApply: boolean;
    readonly isDestroy: boolean;
  }): Promise<string>;
  confirm(runId: string, comment: string): Promise<void>;
  cancel(runId: string, comment: string): Promise<void>;
  close(): Promise<void>;
}

/** Required on every request that writes. https://developer.hashicorp.com/terraform/cloud-docs/api-docs#json-api-documents */
const MEDIA_TYPE = 'application/vnd.api+json';

const resource = z.object({ data: z.object({ id: z.string() }) });
const tokenResource = z.object({ data: z.object({ attributes: z.object({ token: z.string() }) }) });
const versionResource = z.object({
  data: z.object({ id: z.string(), attributes: z.object({ 'upload-url': z.string() }) }),
});

/** A client with a user's token. Errors contain method, path, status and the platform's message. */
export function createHcpApi(settings: {
  readonly url: string;
  readonly organization: string;
  readonly token: string;
  readonly certificate: string;
}): HcpApi {
  const dispatcher = new Agent({ connect: { ca: settings.certificate } });

  const post = async (path: string, data?: unknown): Promise<unknown> => {
    const response = await request(`${settings.url}/api/v2${path}`, {
      dispatcher,
      method: 'POST',
      headers: { authorization: `Bearer ${settings.token}`, 'content-type': MEDIA_TYPE },
      body: data === undefined ? null : JSON.stringify(data),
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new Error(`POST ${path} was answered ${response.statusCode}: ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  };
  const toOne = (type: string, id: string): object => ({ data: { type, id } });

  return {
    async createOrganization(name) {
      await post('/organizations', {
        data: { type: 'organizations', attributes: { name, email: `it@${name}.example` } },
      });
    },
    async createPool(name) {
      const organization = `/organizations/${settings.organization}`;
      const pool = resource.parse(
        await post(`${organization}/agent-pools`, { data: { type: 'agent-pools', attributes: { name } } }),
      );
      const token = tokenResource.parse(
        await post(`/agent-pools/${pool.data.id}/authentication-tokens`, {
          data: { type: 'authentication-tokens', attributes: { description: 'agents on Fargate' } },
        }),
      );
      return { id: pool.data.id, token: token.data.attributes.token };
    },
    async createWorkspace({ name, poolId }) {
      const attributes = { name, 'execution-mode': 'agent', 'agent-pool-id': poolId };
      const created = await post(`/organizations/${settings.organization}/workspaces`, {
        data: { type: 'workspaces', attributes },
      });
      return { id: resource.parse(created).data.id };
    },
    async queueRun({ workspaceId, archive, message, planOnly, autoApply, isDestroy }) {
      const version = versionResource.parse(
        await post(`/workspaces/${workspaceId}/configuration-versions`, {
          data: {
            type: 'configuration-versions',
            attributes: { 'auto-queue-runs': false, speculative: planOnly },
          },
        }),
      ).data;
      const upload = await request(version.attributes['upload-url'], {
        dispatcher,
        method: 'PUT',
        headers: { 'content-type': 'application/octet-stream' },
        body: archive,
      });
      await upload.body.dump();
      if (upload.statusCode >= 300) throw new Error(`The upload of a configuration was answered ${upload.statusCode}.`);
      const run = await post('/runs', {
        data: {
          type: 'runs',
          attributes: { message, 'plan-only': planOnly, 'auto-apply': autoApply, 'is-destroy': isDestroy },
          relationships: {
            workspace: toOne('workspaces', workspaceId),
            'configuration-version': toOne('configuration-versions', version.id),
          },
        },
      });
      return resource.parse(run).data.id;
    },
    async confirm(runId, comment) {
      await post(`/runs/${runId}/actions/apply`, { comment });
    },
    async cancel(runId, comment) {
      await post(`/runs/${runId}/actions/cancel`, { comment });
    },
    close: () => dispatcher.close(),
  };
}
