/** Worlds for the rotation of agent tokens: one that is the same each time, and random ones. */
import { Random } from '../../simulation/random.ts';
import { DAY, type Fault, HOUR, MINUTE, type Rotation, RotationWorld, type WorldOptions } from './world.ts';

const FAULTS = ['killed before', 'killed after', 'lost', 'refused'] as const satisfies readonly Fault[];

/** A rotation while jobs run: the old token has a task for more than three hours, and a task starts every five minutes. */
export async function oneRotation(options: Omit<WorldOptions, 'seed'>, hours = 9): Promise<RotationWorld> {
  const world = new RotationWorld({ ...options, seed: 'one rotation' });
  world.storedBySetup(2 * DAY);
  world.foreignToken();
  world.startTask(3.2 * HOUR);
  for (let minute = 0; minute < 5 * 60; minute += 5) {
    world.time.after(minute * MINUTE, () => world.startTask(50 * MINUTE));
  }
  // Tasks that start while the token is being replaced.
  for (let second = 0; second < 120; second += 10) {
    world.time.after(HOUR + second * 1_000, () => world.startTask(90 * MINUTE));
  }
  for (let hour = 1; hour < hours; hour += 1) world.time.after(hour * HOUR, () => world.invoke());
  await world.pass(hours * HOUR);
  world.judgeEnd();
  return world;
}

/** A person moves AWSCURRENT back after a rotation, while tasks have the newer token. */
export async function rolledBack(rotation: Rotation): Promise<RotationWorld> {
  const world = new RotationWorld({ rotation, seed: 'rolled back' });
  world.storedBySetup(2 * DAY);
  world.startTask(2 * HOUR);
  world.time.after(HOUR, () => world.invoke());
  world.time.after(1.5 * HOUR, () => world.startTask(5 * HOUR));
  world.time.after(1.6 * HOUR, () => world.rollBack());
  // The token that is current again is due, too.
  for (let hour = 2; hour < 12; hour += 1) world.time.after(hour * HOUR, () => world.invoke());
  await world.pass(14 * HOUR);
  world.judgeEnd();
  return world;
}

/** The pool has more tokens than a page, an agent with a copy of the old token, a token of another secret, and one that a broken run left. */
export async function crowded(rotation: Rotation): Promise<RotationWorld> {
  const world = new RotationWorld({ rotation, seed: 'crowded' });
  world.storedBySetup(2 * DAY);
  for (let n = 0; n < 130; n += 1) world.foreignToken(`of team ${n}`, DAY);
  world.otherAgent(true, 5 * HOUR);
  world.orphan();
  world.storedInAnotherSecret();
  for (let hour = 1; hour < 12; hour += 1) world.time.after(hour * HOUR, () => world.invoke());
  await world.pass(12 * HOUR);
  world.judgeEnd();
  return world;
}

/** A person stores a value by hand while a token of the rotation is half as old as it may be. */
export async function overruled(rotation: Rotation): Promise<RotationWorld> {
  const world = new RotationWorld({ rotation, seed: 'overruled' });
  world.storedBySetup(0);
  world.startTask(2 * HOUR);
  world.time.after(DAY / 2, () => world.storedByHand());
  for (let hour = 1; hour < 30; hour += 1) world.time.after(hour * HOUR, () => world.invoke());
  await world.pass(30 * HOUR);
  world.judgeEnd();
  return world;
}

/** A week of rotations. */
export async function week(rotation: Rotation): Promise<RotationWorld> {
  const world = new RotationWorld({ rotation, seed: 'week' });
  for (let hour = 1; hour < 7 * 24; hour += 1) {
    world.time.after(hour * HOUR, () => world.invoke());
    world.time.after((hour + 0.3) * HOUR, () => world.startTask(2 * HOUR));
  }
  await world.pass(7 * DAY);
  world.judgeEnd();
  return world;
}

/** For many hours, each invocation is killed at the same request. */
export async function stubborn(rotation: Rotation, at: number, fault: Fault): Promise<RotationWorld> {
  let isOver = false;
  const world = new RotationWorld({
    rotation,
    seed: 'stubborn',
    faultOf: (_, own) => (own === at && !isOver ? fault : undefined),
  });
  world.storedBySetup(2 * DAY);
  for (let hour = 1; hour < 20; hour += 1) world.time.after(hour * HOUR, () => world.invoke());
  world.time.after(14.5 * HOUR, () => {
    isOver = true;
  });
  await world.pass(20 * HOUR);
  world.judgeEnd();
  return world;
}

/** People invoke the function again and again, sometimes twice at once, while a token is replaced and tasks start. */
export async function eagerWorld(rotation: Rotation, seed: string): Promise<RotationWorld> {
  const world = new RotationWorld({ rotation, seed, slowestMs: 2_000 });
  const random = new Random(seed);
  world.storedBySetup(2 * DAY);
  for (let second = random.between(55, 80); second < 5 * 60; second += random.between(2, 20)) {
    world.time.after(second * 1_000, () => world.startTask(random.between(5 * MINUTE, HOUR)));
  }
  for (let second = 60; second < 8 * 60; second += 15) {
    world.time.after(second * 1_000, () => world.invoke(0));
    if (random.chance(0.3)) world.time.after(second * 1_000 + random.between(0, 3_000), () => world.invoke(0));
  }
  for (let hour = 1; hour < 5; hour += 1) world.time.after(hour * HOUR, () => world.invoke());
  await world.pass(5 * HOUR);
  world.judgeEnd();
  return world;
}

/** Four days with random jobs, faults, overlapping invocations and people. The last day has no faults and no people. */
export async function randomWorld(rotation: Rotation, seed: string): Promise<RotationWorld> {
  const random = new Random(seed);
  const faultRate = random.pick([0, 0.01, 0.05, 0.2]);
  const calmFromMs = 3 * DAY;
  let isCalm = false;
  const ignoreOtherAgents = random.chance(0.3);
  const world = new RotationWorld({
    rotation,
    seed,
    faultOf: () => (!isCalm && random.chance(faultRate) ? random.pick(FAULTS) : undefined),
    slowestMs: random.pick([100, 1_000, 5_000]),
    hcpSkewMs: random.whole(-20_000, 20_000),
    ignoreOtherAgents,
  });
  world.time.after(calmFromMs, () => {
    isCalm = true;
  });
  const before = random.pick(['setup', 'setup', 'by hand', 'nothing']);
  if (before === 'setup') world.storedBySetup(random.between(0, 3 * DAY));
  if (before === 'by hand') world.storedByHand();
  // More tokens of others than a page has, some of them newer than those of the rotation.
  if (random.chance(0.3))
    for (let n = 0; n < 130; n += 1) world.foreignToken(`of team ${n}`, random.between(0, 5 * DAY));
  const often = (least: number, most: number, untilMs: number, what: () => void): void => {
    for (let ms = random.between(0, most); ms < untilMs; ms += random.between(least, most)) world.time.after(ms, what);
  };
  const busy = random.pick([5, 40, 200]);
  const longestMs = random.pick([10 * MINUTE, 3 * HOUR, 20 * HOUR]);
  often(MINUTE, busy * 2 * MINUTE, calmFromMs, () => world.startTask(random.between(MINUTE, longestMs)));
  for (let ms = random.between(0, HOUR); ms < 4 * DAY; ms += HOUR) world.time.after(ms, () => world.invoke());
  // The schedule delivers at least once, and people invoke the function, too.
  if (random.chance(0.5)) often(5_000, 10 * HOUR, calmFromMs, () => world.invoke());
  if (random.chance(0.3)) {
    often(5 * HOUR, 40 * HOUR, calmFromMs, () => {
      world.invoke();
      world.time.after(random.between(0, 5_000), () => world.invoke());
    });
  }
  if (random.chance(0.3)) often(HOUR, 40 * HOUR, calmFromMs, () => world.rollBack());
  if (random.chance(0.2)) often(10 * HOUR, 60 * HOUR, calmFromMs, () => world.storedByHand());
  if (random.chance(0.2)) often(10 * HOUR, 60 * HOUR, calmFromMs, () => world.orphan());
  if (random.chance(0.3)) {
    often(10 * HOUR, 60 * HOUR, calmFromMs, () =>
      world.otherAgent(!ignoreOtherAgents && random.chance(0.5), random.between(HOUR, 10 * HOUR)),
    );
  }
  await world.pass(4 * DAY);
  world.judgeEnd();
  return world;
}
