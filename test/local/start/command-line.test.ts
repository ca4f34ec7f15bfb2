import { expect, test } from 'vitest';
import { parseCommandLine, takenByNpm } from '../../../local/start/command-line.ts';

test.each([
  [['--help'], { kind: 'help' }],
  [[], { kind: 'start', keep: false, json: false }],
  [['--egress', 'on-demand', '--keep'], { kind: 'start', keep: true, json: false, egress: 'on-demand' }],
  [
    ['--egress', 'nat-gateway'],
    {
      kind: 'invalid',
      fault: '--egress is "nat-gateway"; allowed: on-demand. Without the option, tasks run in an existing VPC.',
    },
  ],
  [['--egress'], { kind: 'invalid', fault: '--egress needs a value: --egress on-demand.' }],
  [['--json', '--keep'], { kind: 'start', keep: true, json: true }],
  [['--containers'], { kind: 'start', keep: false, json: false, containers: {} }],
  [
    ['--containers', '--engine', 'podman', '--base-image=debian:13', '--keep'],
    { kind: 'start', keep: true, json: false, containers: { engine: 'podman', baseImage: 'debian:13' } },
  ],
  [['--keep', '--port', '8443', '--state=here'], { kind: 'start', keep: true, json: false, port: 8443, state: 'here' }],
  [['--port', '8443'], { kind: 'invalid', fault: '--port has no effect without --keep; add that option.' }],
  [
    ['--keep', '--port', '70000'],
    { kind: 'invalid', fault: '--port is "70000"; it must be an integer from 1 to 65535.' },
  ],
  [['--keep', '--state'], { kind: 'invalid', fault: '--state needs a value: --state FOLDER.' }],
  [['--engine', 'podman'], { kind: 'invalid', fault: '--engine has no effect without --containers; add that option.' }],
  [['--containers', '--engine'], { kind: 'invalid', fault: '--engine needs a value: --engine NAME.' }],
  [['podman'], { kind: 'invalid', fault: expect.stringContaining('Unknown argument "podman"; allowed: --keep') }],
  [
    ['--kepp'],
    {
      kind: 'invalid',
      fault:
        'Unknown argument "--kepp"; allowed: --keep, --json, --port, --state, --egress, --containers, --engine, --base-image, --help.',
    },
  ],
])('npm start -- %j', (argv, expected) => {
  expect(parseCommandLine(argv)).toEqual(expected);
});

test('an option that npm took instead of passing it on is detected', () => {
  // What `npm start --keep --base-image debian:13` sets.
  const environment = { npm_config_keep: 'true', npm_config_base_image: 'debian:13', npm_config_loglevel: 'notice' };
  expect(takenByNpm(environment, [])).toEqual(['keep', 'base-image']);
  expect(takenByNpm(environment, ['--keep', '--base-image=x'])).toEqual([]);
  expect(takenByNpm({}, [])).toEqual([]);
});
