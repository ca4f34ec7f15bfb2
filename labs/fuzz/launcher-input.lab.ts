/** Tests random responses from ECS, launches and settings. Each must be accepted or refused, and no error may repeat a token. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ecsTask, taskOf } from '../../functions/launcher/adapters/ecs/answers.ts';
import { refusalOf } from '../../functions/launcher/adapters/ecs/refusals.ts';
import { runTaskInput } from '../../functions/launcher/adapters/ecs/run-task.ts';
import { parseConfig } from '../../functions/launcher/config.ts';
import { ENV } from '../../functions/launcher/contract.ts';
import { startCauseOf } from '../../functions/launcher/core/start-causes.ts';
import { ConfigError } from '../../functions/launcher/errors.ts';
import { wokenBy } from '../../functions/launcher/wake-ups.ts';
import { SettingsError } from '../../lib/settings/errors.ts';
import { parseSettings } from '../../lib/settings/parse.ts';
import { LANE, queuedJob } from '../../test/functions/launcher/core/builders.ts';
import { pool } from '../../test/functions/launcher/fakes.ts';
import { anyLike, SECRET, SECRET_PART, text } from './arbitrary.ts';

const goodTask = {
  taskArn: 'arn:aws:ecs:eu-central-1:000000000000:task/c/abc',
  taskDefinitionArn: 'arn:aws:ecs:eu-central-1:000000000000:task-definition/f:1',
  lastStatus: 'RUNNING',
  desiredStatus: 'RUNNING',
  createdAt: new Date(0),
  tags: [{ key: 'agent-launcher:attempt', value: '1' }],
  containers: [{ name: 'agent', exitCode: 0, reason: 'x' }],
};

describe('responses of ECS', () => {
  it('with tasks are read completely or refused', () => {
    fc.assert(
      fc.property(anyLike(goodTask), (answer) => {
        const parsed = ecsTask.safeParse(answer);
        if (!parsed.success) return;
        const task = taskOf(parsed.data, 'agent');
        expect(task.id).not.toContain('/');
        expect(task.attempt === undefined || task.attempt > 0).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('with refusals always have a cause and a remedy', () => {
    fc.assert(
      fc.property(text, text, (name, detail) => {
        expect(refusalOf(name, detail).remedy).not.toBe('');
        expect(startCauseOf(detail).remedy).not.toBe('');
      }),
    );
  });
});

describe('the event of an invocation', () => {
  const goodEvent = {
    Records: [{ body: '{"kind":"nudge","runId":"run-1"}' }, { body: '{"kind":"poll","untilMs":1772323260000}' }],
  };

  it('wakes the launcher whatever it contains, and only run ids and times are read from it', () => {
    fc.assert(
      fc.property(anyLike(goodEvent), (event) => {
        const woken = wokenBy(event);
        for (const runId of woken?.runIds ?? []) expect(runId).toMatch(/^run-[A-Za-z0-9]{1,64}$/);
        expect(woken?.untilMs === undefined || Number.isSafeInteger(woken.untilMs)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('says nothing if a body is random text', () => {
    fc.assert(
      fc.property(text, (body) => {
        expect(wokenBy({ Records: [{ body }] })).toEqual({ runIds: [] });
      }),
    );
  });
});

it('a launch follows ECS’s rules for every id that the parser accepts, and is the same each time', () => {
  const id = fc.stringMatching(/^[A-Za-z0-9]{1,46}$/);
  const anyPhase = fc.constantFrom('plan' as const, 'apply' as const);
  const anyAttempt = fc.integer({ min: 1, max: 4096 });
  const placement = { cluster: 'c', subnets: ['s'], securityGroups: ['g'], assignPublicIp: 'DISABLED' } as const;
  fc.assert(
    fc.property(id, anyPhase, anyAttempt, (run, phase, attempt) => {
      const request = { pool: pool('default'), lane: LANE, job: queuedJob(`run-${run}`, { phase }), attempt };
      const input = runTaskInput(request, placement);
      expect(input).toEqual(runTaskInput(structuredClone(request), placement));
      expect(input.clientToken).toMatch(/^[\x21-\x7e]{1,64}$/);
      expect(input.startedBy).toMatch(/^[A-Za-z0-9/_-]{1,128}$/);
      for (const { key, value } of input.tags ?? [])
        expect([key?.length, value?.length]).toSatisfy(([k, v]) => k <= 128 && v <= 256);
    }),
  );
});

describe('configuration', () => {
  const good: Record<string, string> = {
    [ENV.hostname]: 'app.terraform.io',
    [ENV.organization]: 'acme',
    [ENV.apiTokenSecret]: 's',
    [ENV.agentPools]: '[{"name":"p","maxAgents":1,"lanes":[{"taskDefinition":"t"}]}]',
    [ENV.cluster]: 'c',
    [ENV.subnets]: 's',
    [ENV.securityGroups]: 'g',
  };

  it('of the function is accepted or refused, and no error repeats a token in the wrong variable', () => {
    const changes = fc.dictionary(fc.constantFrom(...Object.values(ENV)), fc.oneof(text, fc.json()), { minKeys: 1 });
    fc.assert(
      fc.property(changes, (change) => {
        try {
          parseConfig({ ...good, ...change });
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
          expect(String(error)).not.toContain(SECRET_PART);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('of the stack is accepted or refused, and no error repeats a token in the wrong setting', () => {
    const environment = { A: 'b' };
    const settings = {
      organization: 'acme',
      apiTokenSecret: 'acme/api-token',
      pools: [
        {
          name: 'default',
          agentTokenSecret: 'acme/agent-token',
          maxAgents: 3,
          cpu: 1024,
          memoryMiB: 2048,
          environment,
        },
      ],
      network: { egress: 'nat-gateway', cidr: '10.90.0.0/20' },
      tags: { team: 'x' },
    };
    fc.assert(
      fc.property(fc.oneof(anyLike(settings), anyLike({ ...settings, organization: SECRET })), (given) => {
        try {
          parseSettings({ agentLauncher: given });
        } catch (error) {
          expect(error).toBeInstanceOf(SettingsError);
          expect(String(error)).not.toContain(SECRET_PART);
        }
      }),
      { numRuns: 600 },
    );
  });
});
