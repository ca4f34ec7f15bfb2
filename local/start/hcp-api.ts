/** The calls of HCP Terraform's public API that the demo makes as a user. */
import { Agent, request } from 'undici';
import * as z from 'zod';

/** Required on every request that writes. https://developer.hashicorp.com/terraform/cloud-docs/api-docs#json-api-documents */
const MEDIA_TYPE = 'application/vnd.api+json';

const resource = z.object({ id: z.string() });
const token = z.object({ attributes: z.object({ token: z.string() }) });
const upload = z.object({ id: z.string(), attributes: z.object({ 'upload-url': z.string() }) });

export interface HcpApiSettings {
  readonly url: string;
  readonly organization: string;
  readonly token: string;
  /** PEM text. */
  readonly certificate: string;
}

export interface QueuedRun {
  readonly workspaceId: string;
  readonly archive: Buffer;
  readonly message: string;
  readonly planOnly: boolean;
  readonly autoApply: boolean;
  readonly isDestroy: boolean;
}

/** A client of one organization. Its errors contain method, path, status and the platform's message. */
export class HcpApi {
  readonly #settings: HcpApiSettings;
  readonly #dispatcher: Agent;

  constructor(settings: HcpApiSettings) {
    this.#settings = settings;
    this.#dispatcher = new Agent({ connect: { ca: settings.certificate } });
  }

  /** Creates an organization in addition to the client's own. */
  async createOrganization(name: string): Promise<void> {
    await this.#create('/organizations', 'organizations', { name, email: `it@${name}.example` });
  }

  /** Creates an agent pool with a token for its agents. */
  async createPool(name: string): Promise<{ readonly id: string; readonly token: string }> {
    const path = `/organizations/${this.#settings.organization}/agent-pools`;
    const { id } = resource.parse(await this.#create(path, 'agent-pools', { name }));
    const description = { description: 'agents on Fargate' };
    const tokens = `/agent-pools/${id}/authentication-tokens`;
    const created = token.parse(await this.#create(tokens, 'authentication-tokens', description));
    return { id, token: created.attributes.token };
  }

  /** Creates a workspace whose runs execute on the pool's agents. */
  async createWorkspace({ name, poolId }: { readonly name: string; readonly poolId: string }) {
    const path = `/organizations/${this.#settings.organization}/workspaces`;
    const attributes = { name, 'execution-mode': 'agent', 'agent-pool-id': poolId };
    return resource.parse(await this.#create(path, 'workspaces', attributes));
  }

  /** Uploads a configuration and queues a run. @returns the run's id */
  async queueRun({ workspaceId, archive, message, planOnly, autoApply, isDestroy }: QueuedRun): Promise<string> {
    const versions = `/workspaces/${workspaceId}/configuration-versions`;
    const options = { 'auto-queue-runs': false, speculative: planOnly };
    const version = upload.parse(await this.#create(versions, 'configuration-versions', options));
    const { statusCode, body } = await request(version.attributes['upload-url'], {
      dispatcher: this.#dispatcher,
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream' },
      body: archive,
    });
    await body.dump();
    if (statusCode >= 300) throw new Error(`The upload of a configuration returned ${statusCode}.`);
    const attributes = { message, 'plan-only': planOnly, 'auto-apply': autoApply, 'is-destroy': isDestroy };
    const run = await this.#create('/runs', 'runs', attributes, {
      workspace: { data: { type: 'workspaces', id: workspaceId } },
      'configuration-version': { data: { type: 'configuration-versions', id: version.id } },
    });
    return resource.parse(run).id;
  }

  async confirm(runId: string, comment: string): Promise<void> {
    await this.#post(`/runs/${runId}/actions/apply`, { comment });
  }

  async cancel(runId: string, comment: string): Promise<void> {
    await this.#post(`/runs/${runId}/actions/cancel`, { comment });
  }

  close(): Promise<void> {
    return this.#dispatcher.close();
  }

  /** Creates a resource. @returns it as the platform shows it */
  async #create(path: string, type: string, attributes: object, relationships?: object): Promise<unknown> {
    const text = await this.#post(path, { data: { type, attributes, relationships } });
    return z.object({ data: z.unknown() }).parse(JSON.parse(text)).data;
  }

  async #post(path: string, content: object): Promise<string> {
    const response = await request(`${this.#settings.url}/api/v2${path}`, {
      dispatcher: this.#dispatcher,
      method: 'POST',
      headers: { authorization: `Bearer ${this.#settings.token}`, 'content-type': MEDIA_TYPE },
      body: JSON.stringify(content),
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new Error(`POST ${path} returned ${response.statusCode}: ${text}`);
    return text;
  }
}
