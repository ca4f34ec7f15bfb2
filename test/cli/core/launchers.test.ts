import { expect, it } from 'vitest';
import { launchersIn, withoutLauncher } from '../../../cli/core/launchers.ts';

const of = (outputs: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    [...launchersIn(new Map(Object.entries(outputs)))].map(([name, its]) => [name, Object.fromEntries(its)]),
  );

it('finds the launcher whose outputs have no suffix, with the outputs of its network', () => {
  expect(of({ ClusterName: 'Main', LauncherFunctionName: 'Main-launcher', EgressIdleCost: '$1', Other: 'x' })).toEqual({
    Main: { ClusterName: 'Main', LauncherFunctionName: 'Main-launcher', EgressIdleCost: '$1' },
  });
});

it('keeps the outputs of several launchers apart', () => {
  const outputs = {
    ProductionClusterName0A1B2C3D: 'Production',
    StagingVersionAAAAAAAA: '0.3.0',
    StagingClusterName11111111: 'Staging',
    ProductionVersionBBBBBBBB: '0.2.0',
    NetworkVersion: 'of something else',
  };
  expect(of(outputs)).toEqual({
    Production: { ClusterName: 'Production', Version: '0.2.0' },
    Staging: { ClusterName: 'Staging', Version: '0.3.0' },
  });
});

it('gives a launcher in a construct the outputs of the stack', () => {
  const outputs = {
    LauncherClusterName0A1B2C3D: 'Main',
    LauncherVersion0A1B2C3D: '1.0.0',
    Version: '2',
    NudgeCost: '$1',
  };
  expect(of(outputs)).toEqual({ Main: { ClusterName: 'Main', Version: '1.0.0', NudgeCost: '$1' } });
});

it('finds no launcher in another stack', () => {
  expect(of({ LauncherLogGroup: '/x', TheClusterNameOfMine: 'x' })).toEqual({});
});

it.each([
  ['ROLLBACK_COMPLETE', /never deployed completely/, /replaces the stack/],
  ['CREATE_FAILED', /never deployed completely/, /deploy again\.$/],
  ['CREATE_IN_PROGRESS', /still being created/, /Wait/],
  ['DELETE_IN_PROGRESS', /being deleted/, /Wait/],
])('explains why a stack in %s has no launcher', (status, what, todo) => {
  expect(withoutLauncher(status)).toEqual({ what: expect.stringMatching(what), todo: expect.stringMatching(todo) });
});

it.each(['CREATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE', 'UPDATE_IN_PROGRESS'])('expects a launcher in %s', (status) => {
  expect(withoutLauncher(status)).toBeUndefined();
});
