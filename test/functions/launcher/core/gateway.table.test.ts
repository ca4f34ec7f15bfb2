/** What the launcher does with a gateway in every combination of its state, the demand and the age of its mark. */
import { describe, expect, it } from 'vitest';
import { decideGateways, permissionOf } from '../../../../functions/launcher/core/gateway.ts';
import type { GatewayInstance } from '../../../../functions/launcher/core/gateway-types.ts';
import { minutes, NOW } from './builders.ts';
import { gatewayInput, gatewayInstance, RULES } from './gateway-builders.ts';

/** States of an instance, each as a difference to a gateway that works. */
const STATES: Readonly<Record<string, Partial<GatewayInstance>>> = {
  'shutting-down': { state: 'shutting-down' },
  terminated: { state: 'terminated', networkInterfaceId: undefined, createdAtMs: NOW - minutes(120) },
  pending: { state: 'pending', launchedAtMs: NOW - 5_000, publicAddress: undefined },
  booting: { launchedAtMs: NOW - 10_000, publicAddress: undefined },
  'no address': { launchedAtMs: NOW - 20_000, publicAddress: undefined },
  'address lost': { publicAddress: undefined },
  'not ready': { launchedAtMs: NOW - minutes(6) },
  ready: {},
  'old config': { config: 'config-0' },
  'too old': { createdAtMs: NOW - RULES.maxAgeMs - 1 },
  'disk full': { problem: 'disk-full' },
  'engine dead': { problem: 'engine-dead' },
  'wrong interface': { networkInterfaceId: 'eni-0' },
  stopping: { state: 'stopping' },
  stopped: { state: 'stopped', publicAddress: undefined },
  'stopped, old config': { state: 'stopped', publicAddress: undefined, config: 'config-0' },
  'stopped, not ready': { state: 'stopped', publicAddress: undefined, launchedAtMs: NOW - minutes(6) },
  'stopped, disk full': { state: 'stopped', publicAddress: undefined, problem: 'disk-full' },
};

const MARKS: Readonly<Record<string, Partial<GatewayInstance>>> = {
  '30 s': { lastUsedMs: NOW - 30_000 },
  '3 min': { lastUsedMs: NOW - minutes(3) },
  '5 min': { lastUsedMs: NOW - minutes(5) },
  '8 min': { lastUsedMs: NOW - minutes(8) },
  '10 min': { lastUsedMs: NOW - minutes(10) },
  none: { lastUsedMs: undefined, usedSinceMs: undefined },
};

const DEMANDS = {
  idle: { liveTasks: 0, wanted: false },
  wanted: { liveTasks: 0, wanted: true },
  alive: { liveTasks: 2, wanted: false },
  both: { liveTasks: 2, wanted: true },
  blind: { liveTasks: undefined, wanted: false },
  'blind, wanted': { liveTasks: undefined, wanted: true },
};

function cellOf(instance: Partial<GatewayInstance>, demand: (typeof DEMANDS)[keyof typeof DEMANDS]): string {
  const views = decideGateways(gatewayInput([gatewayInstance(instance)], demand));
  const actions = views.flatMap((view) => view.actions).map(({ kind }) => kind);
  const launch = permissionOf(views);
  const may = launch.kind === 'held' ? launch.hold : launch.needsMarks ? 'launch if marked' : 'launch';
  return [...actions, ...(demand.wanted ? [may] : [])].join(' + ') || '-';
}

/** The cells of one state. Marks with the same cells as the one before share its line. */
function rowsOf(name: string): string[] {
  const rows: { marks: string[]; cells: string }[] = [];
  for (const [mark, marked] of Object.entries(MARKS)) {
    const cells = Object.values(DEMANDS)
      .map((what) => cellOf({ ...STATES[name], ...marked }, what))
      .join(' | ');
    const last = rows.at(-1);
    if (last?.cells === cells) last.marks.push(mark);
    else rows.push({ marks: [mark], cells });
  }
  return rows.map(({ marks, cells }) => `${marks.join(', ')} | ${cells}`);
}

/** For each state: the ages of the mark, then what happens with each demand in the order of {@link DEMANDS}. */
const TABLE: Readonly<Record<string, readonly string[]>> = {
  'shutting-down': ['30 s, 3 min, 5 min, 8 min, 10 min, none | - | starting | - | starting | - | starting'],
  terminated: [
    '30 s, 3 min, 5 min, 8 min, 10 min, none | create | create + starting | create | create + starting | create | create + starting',
  ],
  pending: [
    '30 s | - | starting | - | starting | - | starting',
    '3 min, 5 min, 8 min, 10 min, none | - | mark + starting | mark | mark + starting | - | mark + starting',
  ],
  booting: [
    '30 s | - | starting | - | starting | - | starting',
    '3 min, 5 min, 8 min, 10 min, none | - | mark + starting | mark | mark + starting | - | mark + starting',
  ],
  'no address': [
    '30 s | address | address + starting | address | address + starting | address | address + starting',
    '3 min, 5 min, 8 min, 10 min, none | address | mark + address + starting | mark + address | mark + address + starting | address | mark + address + starting',
  ],
  'address lost': [
    '30 s | address | address + unhealthy | address | address + unhealthy | address | address + unhealthy',
    '3 min, 5 min | address | address + unhealthy | mark + address | mark + address + unhealthy | address | address + unhealthy',
    '8 min, 10 min, none | terminate | terminate + unhealthy | mark + address | mark + address + unhealthy | address | address + unhealthy',
  ],
  'not ready': [
    '30 s | terminate | terminate + unhealthy | - | unhealthy | - | unhealthy',
    '3 min, 5 min, 8 min, 10 min, none | terminate | terminate + unhealthy | mark | mark + unhealthy | - | unhealthy',
  ],
  ready: [
    '30 s | - | launch | - | launch | - | launch',
    '3 min | - | mark + launch | mark | mark + launch | - | mark + launch',
    '5 min | - | mark + launch if marked | mark | mark + launch if marked | - | mark + launch if marked',
    '8 min | - | mark + starting | mark | mark + starting | - | mark + starting',
    '10 min, none | stop | mark + starting | mark | mark + starting | - | mark + starting',
  ],
  'old config': [
    '30 s | - | launch | - | launch | - | launch',
    '3 min | - | mark + launch | mark | mark + launch | - | mark + launch',
    '5 min | - | mark + launch if marked | mark | mark + launch if marked | - | mark + launch if marked',
    '8 min | - | mark + starting | mark | mark + starting | - | mark + starting',
    '10 min, none | terminate | mark + starting | mark | mark + starting | - | mark + starting',
  ],
  'too old': [
    '30 s | - | launch | - | launch | - | launch',
    '3 min | - | mark + launch | mark | mark + launch | - | mark + launch',
    '5 min | - | mark + launch if marked | mark | mark + launch if marked | - | mark + launch if marked',
    '8 min | - | mark + starting | mark | mark + starting | - | mark + starting',
    '10 min, none | terminate | mark + starting | mark | mark + starting | - | mark + starting',
  ],
  'disk full': [
    '30 s | - | unhealthy | - | unhealthy | - | unhealthy',
    '3 min, 5 min | - | unhealthy | mark | mark + unhealthy | - | unhealthy',
    '8 min, 10 min, none | terminate | terminate + unhealthy | mark | mark + unhealthy | - | unhealthy',
  ],
  'engine dead': [
    '30 s, 3 min, 5 min, 8 min, 10 min, none | terminate | terminate + unhealthy | terminate | terminate + unhealthy | terminate | terminate + unhealthy',
  ],
  'wrong interface': [
    '30 s | - | unhealthy | - | unhealthy | - | unhealthy',
    '3 min, 5 min | - | unhealthy | mark | mark + unhealthy | - | unhealthy',
    '8 min, 10 min, none | terminate | terminate + unhealthy | mark | mark + unhealthy | - | unhealthy',
  ],
  stopping: ['30 s, 3 min, 5 min, 8 min, 10 min, none | - | asleep | - | asleep | - | asleep'],
  stopped: [
    '30 s, 3 min, 5 min, 8 min, 10 min, none | - | mark + start + asleep | mark + start | mark + start + asleep | - | mark + start + asleep',
  ],
  'stopped, old config': [
    '30 s, 3 min, 5 min, 8 min | - | terminate + unhealthy | mark + start | mark + start + asleep | - | mark + start + asleep',
    '10 min, none | terminate | terminate + unhealthy | mark + start | mark + start + asleep | - | mark + start + asleep',
  ],
  'stopped, not ready': [
    '30 s, 3 min, 5 min, 8 min, 10 min, none | terminate | terminate + unhealthy | mark + start | mark + start + asleep | - | mark + start + asleep',
  ],
  'stopped, disk full': [
    '30 s, 3 min, 5 min | - | mark + start + asleep | mark + start | mark + start + asleep | - | mark + start + asleep',
    '8 min, 10 min, none | terminate | terminate + unhealthy | mark + start | mark + start + asleep | - | mark + start + asleep',
  ],
};

describe('the decision about a gateway', () => {
  it.each(Object.keys(STATES))('is right in the state: %s', (name) => {
    expect(rowsOf(name)).toEqual(TABLE[name]);
  });
});
