import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXIT_CODES, START_CAUSE_TABLE } from '../../../../functions/launcher/core/start-cause-table.ts';
import { startCauseOf } from '../../../../functions/launcher/core/start-causes.ts';
import { STOP_MESSAGES } from '../aws-messages.ts';

/** The two reasons that the launcher itself writes. */
const OWN_WORDS = [
  ['its agent registered and ended without a job; exit code 75', 'no-job', /TFC_AGENT_ACCEPT/],
  ['agent-launcher: its agent did not register within 300 s; exit code 137', 'registration', /egress/],
  ['agent-launcher: its agent did not register within 300 s; exit code 143', 'registration', /egress/],
] as const;

const firstRowOf = (detail: string) => START_CAUSE_TABLE.findIndex(({ when }) => when.every((one) => one.test(detail)));

describe('a task that did not start is explained', () => {
  it.each(STOP_MESSAGES.map(({ said, ...rest }) => ({ said, ...rest })))('$said', ({ said, cause, remedy }) => {
    expect(startCauseOf(said)).toEqual({ cause, remedy: expect.stringMatching(remedy) });
  });

  it.each(STOP_MESSAGES.map(({ said, ...rest }) => ({ said, ...rest })))(
    'the same way with ECS’s other words around it: $said',
    ({ said, cause, remedy }) => {
      if (cause === 'unknown') return;
      const detail = `Essential container in task exited; ${said}; exit code 1`;
      expect(startCauseOf(detail)).toEqual({ cause, remedy: expect.stringMatching(remedy) });
    },
  );

  it.each(OWN_WORDS)('when the launcher itself gave the reason: %s', (detail, cause, remedy) => {
    expect(startCauseOf(detail)).toEqual({ cause, remedy: expect.stringMatching(remedy) });
  });

  it.each([
    [0, 'agent', /not an image of tfc-agent/],
    [1, 'agent', /agent token/],
    [69, 'container', /metadata endpoint/],
    [78, 'container', /setting/],
    [126, 'container', /cannot be run/],
    [127, 'container', /no tfc-agent/],
    [137, 'memory', /memoryMiB/],
    [143, 'agent', /its log/],
  ] as const)('by exit code %i when ECS gives no other words', (code, cause, remedy) => {
    const detail = `Essential container in task exited; exit code ${code}`;
    expect(startCauseOf(detail)).toEqual({ cause, remedy: expect.stringMatching(remedy) });
  });

  it('only by an exit code that the launcher added, not by one that a message quotes', () => {
    expect(startCauseOf('hook failed with exit code 137').cause).toBe('unknown');
    expect(startCauseOf('exit code 137; and more').cause).toBe('unknown');
    expect(startCauseOf('exit code 137').cause).toBe('memory');
  });

  it('without a guess when ECS gives no reason', () => {
    expect(startCauseOf('ECS gave no reason').cause).toBe('unknown');
  });
});

describe('names that users choose', () => {
  it.each([
    [
      'CannotPullContainerError: failed to resolve ref docker.io/acme/capacity-network-interface:1: not found',
      /name or tag/,
    ],
    [
      'ResourceInitializationError: unable to retrieve secret from asm: failed to fetch secret arn:aws:secretsmanager:eu-central-1:111122223333:secret:log-group-capacity from secrets manager: AccessDeniedException: User: arn is not authorized to perform: secretsmanager:GetSecretValue',
      /GetSecretValue/,
    ],
  ])('do not change the cause: %s', (detail, remedy) => {
    expect(startCauseOf(detail).remedy).toMatch(remedy);
  });
});

describe('a host that does not resolve', () => {
  it('is not reported when the message is cut off within its name', () => {
    const { cause, remedy } = startCauseOf('failed to do request: Head https://…: dial tcp: lookup registry-1.dock');
    expect(cause).toBe('dns');
    expect(remedy).toContain('a host (the message is cut off)');
  });
});

describe('the table of causes', () => {
  it('has a real message, or one of the launcher’s own, for every row', () => {
    const details = [...STOP_MESSAGES.map(({ said }) => said), ...OWN_WORDS.map(([detail]) => detail)];
    const decided = new Set(details.map(firstRowOf));
    expect(START_CAUSE_TABLE.filter((_, index) => !decided.has(index))).toEqual([]);
  });

  it('has a remedy of its own in every row, so that a lost or moved row shows', () => {
    const remedies = START_CAUSE_TABLE.map(({ remedy }) => remedy);
    expect(new Set(remedies).size).toBe(remedies.length);
  });

  it('has every exit code that the entrypoint gives itself', () => {
    const entrypoint = readFileSync(new URL('../../../../agent-image/entrypoint.sh', import.meta.url), 'utf8');
    const codes = [...entrypoint.matchAll(/\bfail (\d+) /g)].map(([, code]) => Number(code));
    expect(codes.length).toBeGreaterThan(0);
    expect(codes.filter((code) => !EXIT_CODES.has(code))).toEqual([]);
  });
});
