import { describe, expect, it } from 'vitest';
import { GatewayRemovalError, TransientError } from '../../../functions/gateway-removal/errors.ts';
import type { Instance } from '../../../functions/gateway-removal/ports.ts';
import { LOOK_MS, QUIET_MS, removeGateways } from '../../../functions/gateway-removal/remove-gateways.ts';

const START = Date.UTC(2026, 11, 1);
const LONG = START + 13 * 60_000;

/** EC2 in virtual time: an ended instance is gone some looks later. */
class World {
  nowMs = START;
  looks = 0;
  readonly ended: string[] = [];
  readonly #instances = new Map<string, { state: string; goneMs: number }>();
  readonly #endsInMs: number;
  /** Called before each look. */
  onLook: (look: number) => void = () => {};

  constructor(endsInMs = 40_000, ...instances: readonly Instance[]) {
    this.#endsInMs = endsInMs;
    for (const { id, state } of instances) this.add(id, state);
  }

  add(id: string, state: string): void {
    this.#instances.set(id, { state, goneMs: state === 'shutting-down' ? this.nowMs + this.#endsInMs : Infinity });
  }

  readonly instances = {
    find: async (): Promise<Instance[]> => {
      this.looks += 1;
      this.onLook(this.looks);
      for (const [id, { goneMs }] of this.#instances) if (goneMs <= this.nowMs) this.#instances.delete(id);
      return [...this.#instances].map(([id, { state }]) => ({ id, state }));
    },
    end: async (id: string): Promise<void> => {
      this.ended.push(id);
      this.#instances.set(id, { state: 'shutting-down', goneMs: this.nowMs + this.#endsInMs });
    },
  };

  readonly clock = {
    now: () => this.nowMs,
    sleep: async (ms: number) => {
      this.nowMs += ms;
    },
  };

  remove(deadlineMs = LONG): Promise<void> {
    return removeGateways(this.instances, this.clock, deadlineMs);
  }
}

describe('the removal of gateways', () => {
  it('ends instances in every state once, and waits until they are gone', async () => {
    const world = new World(
      100_000,
      { id: 'i-1', state: 'stopped' },
      { id: 'i-2', state: 'running' },
      { id: 'i-3', state: 'shutting-down' },
    );
    await world.remove();
    expect(world.ended).toEqual(['i-1', 'i-2']);
    expect(world.nowMs - START).toBe(100_000);
  });

  it('also ends an instance that a tick creates meanwhile, and waits for that one', async () => {
    const world = new World(40_000, { id: 'i-1', state: 'stopped' });
    world.onLook = (look) => {
      if (look === 1 + 55_000 / LOOK_MS) world.add('i-late', 'pending');
    };
    await world.remove();
    expect(world.ended).toEqual(['i-1', 'i-late']);
    expect(world.nowMs - START).toBe(95_000);
  });

  it('waits long enough for the last tick if there is no instance', async () => {
    const world = new World();
    await world.remove();
    expect(world.nowMs - START).toBe(QUIET_MS);
    expect(QUIET_MS).toBeGreaterThan(58_000);
  });

  it('tries again after an answer that may be better next time', async () => {
    const world = new World(10_000, { id: 'i-1', state: 'stopped' });
    world.onLook = (look) => {
      if (look < 4) throw new TransientError('DescribeInstances failed with RequestLimitExceeded');
    };
    await world.remove();
    expect(world.ended).toEqual(['i-1']);
  });

  it('does not repeat what EC2 refuses', async () => {
    const world = new World();
    world.onLook = () => {
      throw new GatewayRemovalError('not allowed');
    };
    await expect(world.remove()).rejects.toThrow('not allowed');
    expect(world.looks).toBe(1);
  });

  it.each<[string, World, RegExp]>([
    [
      'instances are left',
      new World(Infinity, { id: 'i-1', state: 'stopped' }),
      /^These gateways are not terminated yet: i-1 \(shutting-down\)\. Delete the stack again/,
    ],
    [
      'EC2 never answers',
      Object.assign(new World(), {
        onLook: () => {
          throw new TransientError('DescribeInstances failed with TimeoutError');
        },
      }),
      /^EC2 gave no usable answer: DescribeInstances failed with TimeoutError\. Delete the stack again/,
    ],
  ])('gives up before the deadline if %s', async (_, world, message) => {
    const deadlineMs = START + 300_000;
    const error: unknown = await world.remove(deadlineMs).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(GatewayRemovalError);
    expect((error as Error).message).toMatch(message);
    expect(world.nowMs).toBeLessThanOrEqual(deadlineMs);
    expect(world.nowMs).toBeGreaterThan(deadlineMs - 2 * LOOK_MS);
  });

  it('says so if there is too little time to wait for the last tick', async () => {
    await expect(new World().remove(START + 30_000)).rejects.toThrow(/too little time/);
  });
});
