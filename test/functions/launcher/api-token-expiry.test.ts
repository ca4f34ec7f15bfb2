import { beforeEach, describe, expect, it } from 'vitest';
import { ApiTokenExpiry } from '../../../functions/launcher/api-token-expiry.ts';
import type { TokenExpiry } from '../../../functions/launcher/core/token-expiry.ts';
import { UpstreamError } from '../../../functions/launcher/errors.ts';
import { minutes, NOW, seconds } from './core/builders.ts';
import { FakeClock, pool } from './fakes.ts';

const DAY = minutes(24 * 60);
const ARN = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:other/api-token-a1B2c3';
const POOLS = [pool('one'), pool('two'), pool('three', { apiTokenSecret: ARN })];
const down = new UpstreamError({ system: 'HCP Terraform', fault: 'unavailable', what: 'down' });

let clock: FakeClock;
/** The time limits of the readings. */
let timeouts: number[];
/** Secrets that were read. */
let reads: string[];
let answers: Record<string, TokenExpiry | Error>;
let lines: unknown[][];
let blobs: unknown[];
let expiry: ApiTokenExpiry;

beforeEach(() => {
  clock = new FakeClock(NOW);
  timeouts = [];
  reads = [];
  answers = { 'acme/api-token': 'never', [ARN]: 'never' };
  lines = [];
  blobs = [];
  let stored: unknown[] = [];
  expiry = new ApiTokenExpiry({
    pools: POOLS,
    clock: {
      now: clock.now,
      sleep: clock.sleep,
      timeout: (ms) => {
        timeouts.push(ms);
        return AbortSignal.abort();
      },
    },
    expiries: {
      expiryOf: async (secret) => {
        reads.push(secret);
        const answer = answers[secret] ?? 'hidden';
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
    logger: { info: (...line) => lines.push(['info', ...line]), warn: (...line) => lines.push(['warn', ...line]) },
    metrics: {
      addDimension: (name, value) => stored.push(`${name}=${value}`),
      addMetric: (name, unit, value) => stored.push(`${name} ${value} ${unit}`),
      publishStoredMetrics: () => {
        blobs.push(stored);
        stored = [];
      },
    },
  });
});

/** Ends the ticks of a scheduled invocation, with this much time left. */
const invoke = (leftMs = seconds(30)) => expiry.report(clock.nowMs + leftMs);

describe('the expiry of API tokens', () => {
  it('is a metric of each pool, and a log line of each token', async () => {
    answers = { 'acme/api-token': NOW + 20.5 * DAY, [ARN]: NOW + 400 * DAY };
    await invoke();
    expect(blobs).toEqual([
      ['pool=one', 'ApiTokenDaysLeft 20 Count'],
      ['pool=two', 'ApiTokenDaysLeft 20 Count'],
      ['pool=three', 'ApiTokenDaysLeft 400 Count'],
    ]);
    const expires = new Date(NOW + 20.5 * DAY).toISOString();
    expect(lines).toEqual([
      ['info', 'API token expiry', { secret: 'acme/api-token', pools: ['one', 'two'], expires, daysLeft: 20 }],
      ['info', 'API token expiry', expect.objectContaining({ secret: 'other/api-token', pools: ['three'] })],
    ]);
  });

  it.each(['never', 'hidden'] as const)('is only a log line if it is %s', async (answer) => {
    answers = { 'acme/api-token': answer, [ARN]: answer };
    await invoke();
    expect(blobs).toEqual([]);
    expect(lines[0]).toEqual([
      'info',
      'API token expiry',
      { secret: 'acme/api-token', pools: ['one', 'two'], expires: answer },
    ]);
  });

  it('is 0 days if it has passed, because a graph starts at 0', async () => {
    answers = { 'acme/api-token': NOW - 2 * DAY };
    await invoke();
    expect(blobs[0]).toEqual(['pool=one', 'ApiTokenDaysLeft 0 Count']);
  });

  it('is read once in a new function instance, and then every 12 hours', async () => {
    await invoke();
    expect(reads).toEqual(['acme/api-token', ARN]);
    clock.nowMs += DAY / 2 - 1;
    await invoke();
    expect(reads).toHaveLength(2);
    clock.nowMs += 1;
    await invoke();
    expect(reads).toHaveLength(4);
  });

  it('is read within four seconds, or in what is left of the invocation', async () => {
    await invoke();
    clock.nowMs += DAY;
    await invoke(2_500);
    expect(timeouts).toEqual([4_000, 2_500]);
  });

  it('is read in the next invocation if less than a second is left', async () => {
    await invoke(999);
    await invoke(-1);
    expect(reads).toEqual([]);
    await invoke(1_000);
    expect(reads).toEqual(['acme/api-token', ARN]);
  });
});

describe('a token whose expiry can’t be read', () => {
  it('is logged once until a reading works, and read again after an hour', async () => {
    answers['acme/api-token'] = down;
    const warnings = () => lines.filter(([level]) => level === 'warn');
    for (let hour = 0; hour < 3; hour += 1, clock.nowMs += minutes(60)) await invoke();
    expect(reads.filter((secret) => secret === 'acme/api-token')).toHaveLength(3);
    expect(warnings()).toEqual([
      [
        'warn',
        'the expiry of the API token could not be read',
        { secret: 'acme/api-token', message: down.message, remedy: expect.stringContaining('jobs are not affected') },
      ],
    ]);
    answers['acme/api-token'] = 'never';
    await invoke();
    answers['acme/api-token'] = down;
    clock.nowMs += DAY;
    await invoke();
    expect(warnings()).toHaveLength(2);
  });

  it('doesn’t keep the others from being read', async () => {
    answers = { 'acme/api-token': down, [ARN]: NOW + DAY };
    await invoke();
    expect(blobs).toEqual([['pool=three', 'ApiTokenDaysLeft 1 Count']]);
  });

  it('never shows the message of an unexpected exception, which could contain a secret', async () => {
    answers['acme/api-token'] = new TypeError('Bearer abc.atlasv1.def');
    await invoke();
    expect(lines).toContainEqual([
      'warn',
      expect.any(String),
      expect.objectContaining({ message: 'unexpected TypeError' }),
    ]);
    expect(JSON.stringify(lines)).not.toContain('atlasv1');
  });
});
