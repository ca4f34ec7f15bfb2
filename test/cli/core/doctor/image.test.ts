import { describe, expect, it } from 'vitest';
import { AGENT_RELEASES, TABLE_DATE } from '../../../../cli/core/doctor/agent-releases.ts';
import { agentVersions, checkAgentAge, checkImage, pulledImages } from '../../../../cli/core/doctor/image.ts';
import { isOlder, OLDEST_AGENT_VERSION } from '../../../../lib/agent/version.ts';
import { DEFAULT_AGENT_VERSION } from '../../../../lib/defaults.ts';
import { DENIED, lane, pool, shown, target, task } from './builders.ts';

const withImage = (image: object) => lane({ task: { value: task({ image }) } });
const pulled = { reference: 'hashicorp/tfc-agent:1.33.0', copied: false, pools: ['aws'] };
const digest = `sha256:${'a'.repeat(64)}`;

it('the images that must exist are those that tasks pull or the deployment copies, once each', () => {
  const pools = [
    pool({
      lanes: [withImage({ reference: 'ghcr.io/acme/agent:1' }), withImage({ reference: 'ghcr.io/acme/agent:1' })],
    }),
    pool({ name: 'gcp', lanes: [withImage({ reference: 'ghcr.io/acme/agent:1' })] }),
    pool({ name: 'azure', lanes: [withImage({ copyOf: 'hashicorp/tfc-agent:1.33.0' })] }),
    pool({ name: 'built', lanes: [withImage({ agentVersion: '1.33.0' })] }),
  ];
  expect(pulledImages(target({ pools }))).toEqual([
    { reference: 'ghcr.io/acme/agent:1', copied: false, pools: ['aws', 'gcp'] },
    { reference: 'hashicorp/tfc-agent:1.33.0', copied: true, pools: ['azure'] },
  ]);
});

describe('an image', () => {
  it.each([
    ['exists with a digest', { ...pulled, reference: `x/y@${digest}` }, { value: 'exists' }, ['ok image.exists']],
    ['exists with a tag only', pulled, { value: 'exists' }, ['ok image.exists', 'note image.digest']],
    ['is copied by its tag', { ...pulled, copied: true }, { value: 'exists' }, ['ok image.exists']],
    ['is missing', pulled, { value: 'missing' }, ['error image.exists']],
    ['needs a login', pulled, { value: 'hidden' }, ['note image.exists']],
    ['can’t be checked', pulled, DENIED, ['warning image.exists']],
  ] as const)('that %s has the finding that fits', (_, image, state, expected) => {
    expect(shown(checkImage(image, state, 'ecr:DescribeImages')).map((text) => text.split(':')[0])).toEqual(expected);
  });

  it('of a registry that this machine can’t reach is a note, because tasks use another network', () => {
    expect(checkImage(pulled, DENIED, 'a connection to the registry')[0]?.severity).toBe('note');
  });

  it('that is missing breaks the deployment if it is copied, and the tasks otherwise', () => {
    expect(shown(checkImage({ ...pulled, copied: true }, { value: 'missing' }, ''))[0]).toContain('can’t copy it');
    expect(shown(checkImage(pulled, { value: 'missing' }, ''))[0]).toContain('Tasks can’t pull it');
  });
});

describe('the age of an agent', () => {
  const table = [
    { version: '1.4.0', date: '2026-04-01', fixes: [] },
    { version: '1.3.0', date: '2026-03-01' },
    { version: '1.2.0', date: '2026-02-01', fixes: ['CVE-2026-1', 'CVE-2026-2'] },
    { version: '1.1.0', date: '2026-01-01' },
  ];
  const age = (version: string | undefined, released: Parameters<typeof checkAgentAge>[1] = { value: [] }) =>
    checkAgentAge({ version, pools: ['aws'] }, released, table);

  it.each<[string | undefined, string, string]>([
    ['1.4.0', 'ok', 'Agent 1.4.0 of pool aws is the newest release.'],
    [
      '1.3.0',
      'warning',
      'one release behind 1.4.0. One of the newer releases fixes vulnerabilities, which the changelog doesn’t name.',
    ],
    [
      '1.1.0',
      'warning',
      '3 releases behind 1.4.0. 2 of the newer releases fix vulnerabilities: CVE-2026-1 and CVE-2026-2.',
    ],
    [undefined, 'note', 'doesn’t show the version'],
  ])('%s is reported as %s', (version, severity, text) => {
    const finding = age(version);
    expect(finding.severity).toBe(severity);
    expect(finding.what).toContain(text);
  });

  it('counts releases that are newer than the table, and reports them as a note', () => {
    const finding = age('1.4.0', { value: ['1.4.0', '1.10.0', '1.9.0'] });
    expect(finding).toMatchObject({ severity: 'note' });
    expect(finding.what).toContain('2 releases behind 1.10.0');
  });

  it('says by which date it knows, if the release host can’t be reached', () => {
    expect(age('1.4.0', DENIED).what).toContain(TABLE_DATE);
  });
});

describe('the table of releases', () => {
  const versions = AGENT_RELEASES.map(({ version }) => version);
  it('is sorted, newest first, without duplicates', () => {
    expect([...versions].sort((a, b) => (isOlder(a, b) ? 1 : -1))).toEqual(versions);
    expect(new Set(versions).size).toBe(versions.length);
    const dates = AGENT_RELEASES.map(({ date }) => date);
    expect([...dates].sort().reverse()).toEqual(dates);
  });

  it('contains the version that this project builds, and begins with the oldest one that it accepts', () => {
    expect(versions).toContain(DEFAULT_AGENT_VERSION);
    expect(versions.at(-1)).toBe(OLDEST_AGENT_VERSION);
  });

  it('names vulnerabilities by their ids', () => {
    const ids = AGENT_RELEASES.flatMap(({ fixes = [] }) => fixes);
    expect(ids.length).toBeGreaterThan(10);
    for (const id of ids) expect(id).toMatch(/^(?:CVE-\d{4}-\d+|GO-\d{4}-\d+|GHSA(?:-[a-z0-9]{4}){3})$/);
  });
});

it('the versions of the agents are grouped', () => {
  const pools = [
    pool({ lanes: [withImage({ agentVersion: '1.33.0' }), withImage({ agentVersion: '1.33.0' })] }),
    pool({ name: 'gcp', lanes: [withImage({})] }),
  ];
  expect(agentVersions(target({ pools }))).toEqual([
    { version: '1.33.0', pools: ['aws'] },
    { version: undefined, pools: ['gcp'] },
  ]);
});
