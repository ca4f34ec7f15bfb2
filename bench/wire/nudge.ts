/** The nudge's bundle behind a function URL, and a run task for all workspaces of the organization, as docs/nudge.md sets it up. */
import { NUDGE_ENV } from '../../functions/nudge/contract.ts';
import { type FunctionUrl, startFunctionUrl } from '../../local/lambda/function-url.ts';
import { type Answer, textAt } from '../../test/local/hcp-terraform/client.ts';
import { HMAC_KEY_SECRET, type System } from './system.ts';

const HMAC_KEY = 'a-key-of-more-than-32-characters-1';

/** The deployed defaults. */
const CONCURRENCY = 5;
const TIMEOUT_MS = 10_000;

/** @param isCold whether the next request starts a new execution environment, as after a quiet hour */
export async function startNudge(system: System, isCold: boolean): Promise<FunctionUrl> {
  const { client, deployment } = system;
  if (deployment.nudge === undefined) throw new Error('The deployment has no function for nudges');
  system.putSecret(HMAC_KEY_SECRET, HMAC_KEY);
  const settings = {
    module: `${deployment.nudge.folder}/index.mjs`,
    environment: {
      ...deployment.nudge.environment,
      ...system.environment,
      [NUDGE_ENV.hostname]: client.server.hostname,
      [NUDGE_ENV.wakeUpsQueueUrl]: system.wakeUpsUrl,
    },
    concurrency: CONCURRENCY,
    timeoutMs: TIMEOUT_MS,
  };
  const first = await startFunctionUrl(settings);
  try {
    // HCP Terraform verifies the URL, which makes the function warm.
    const task = created(
      await client.create(`${client.organization}/tasks`, 'tasks', {
        name: 'agent-launcher',
        url: first.url,
        category: 'task',
        'hmac-key': HMAC_KEY,
      }),
    );
    created(
      await client.create(
        `${client.organization}/task-configs`,
        'task-configs',
        { global: true, 'enforcement-level': 'advisory', 'allowed-stages': ['pre_plan', 'pre_apply'] },
        {
          relationships: {
            task: { data: { id: textAt(task.body, 'data', 'id'), type: 'tasks' } },
            owner: { data: { id: client.server.organization, type: 'organizations' } },
          },
        },
      ),
    );
  } catch (error) {
    await first.close();
    throw error;
  }
  if (!isCold) return first;
  await first.close();
  return startFunctionUrl({ ...settings, port: Number(new URL(first.url).port) });
}

function created(answer: Answer): Answer {
  if (answer.status !== 201) throw new Error(`The run task was not created: ${answer.status} ${answer.text}`);
  return answer;
}
