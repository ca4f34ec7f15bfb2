/**
 * The releases of the agent since the oldest version that this project accepts, with the vulnerabilities that HashiCorp's changelog names.
 * https://developer.hashicorp.com/terraform/cloud-docs/agents/changelog, read on {@link TABLE_DATE}
 */
export interface AgentRelease {
  readonly version: string;
  /** ISO 8601. */
  readonly date: string;
  /** Vulnerabilities that the release fixes. An empty list: the changelog says that it fixes some, but doesn't name them. Absent: it fixes none. */
  readonly fixes?: readonly string[];
}

export const CHANGELOG_URL = 'https://developer.hashicorp.com/terraform/cloud-docs/agents/changelog';

/** When the table was made from the changelog. */
export const TABLE_DATE = '2026-11-29';

/** Newest first. */
export const AGENT_RELEASES: readonly AgentRelease[] = [
  { version: '1.33.0', date: '2026-09-30' },
  {
    version: '1.32.0',
    date: '2026-09-21',
    fixes: ['CVE-2026-46600', 'CVE-2025-39821', 'CVE-2026-56854', 'CVE-2026-56855'],
  },
  { version: '1.31.1', date: '2026-09-01' },
  { version: '1.31.0', date: '2026-08-24' },
  { version: '1.30.2', date: '2026-08-18', fixes: ['CVE-2026-56865'] },
  { version: '1.30.1', date: '2026-08-05', fixes: ['CVE-2026-39822'] },
  { version: '1.30.0', date: '2026-07-23', fixes: ['GO-2026-5932'] },
  { version: '1.29.0', date: '2026-06-23' },
  { version: '1.28.12', date: '2026-06-09' },
  {
    version: '1.28.11',
    date: '2026-05-27',
    fixes: [
      'CVE-2026-42499',
      'CVE-2026-39836',
      'CVE-2026-39820',
      'CVE-2026-33814',
      'CVE-2026-33811',
      'CVE-2026-39826',
      'CVE-2026-39825',
      'CVE-2026-39823',
    ],
  },
  { version: '1.28.10', date: '2026-05-13' },
  { version: '1.28.9', date: '2026-05-12' },
  { version: '1.28.8', date: '2026-04-28', fixes: [] },
  { version: '1.28.7', date: '2026-04-14', fixes: [] },
  { version: '1.28.6', date: '2026-04-01', fixes: [] },
  { version: '1.28.5', date: '2026-03-18' },
  { version: '1.28.4', date: '2026-03-04' },
  { version: '1.28.3', date: '2026-02-17', fixes: [] },
  { version: '1.28.2', date: '2026-02-03', fixes: [] },
  { version: '1.28.1', date: '2026-01-27' },
  { version: '1.28.0', date: '2026-01-20' },
  { version: '1.27.0', date: '2026-01-06' },
  { version: '1.26.0', date: '2025-12-09' },
  { version: '1.25.2', date: '2025-11-11', fixes: [] },
  { version: '1.25.1', date: '2025-10-14', fixes: [] },
  { version: '1.25.0', date: '2025-09-30', fixes: [] },
  { version: '1.24.0', date: '2025-09-16' },
  { version: '1.23.2', date: '2025-08-14', fixes: [] },
  { version: '1.23.1', date: '2025-08-05', fixes: [] },
  { version: '1.23.0', date: '2025-07-22' },
  { version: '1.22.5', date: '2025-06-24', fixes: ['GHSA-vrw8-fxc6-2r93'] },
  { version: '1.22.4', date: '2025-06-11' },
  { version: '1.22.3', date: '2025-05-27', fixes: [] },
  { version: '1.22.2', date: '2025-05-13', fixes: [] },
  { version: '1.22.1', date: '2025-04-29', fixes: ['GO-2025-3595'] },
  { version: '1.22.0', date: '2025-04-15' },
  { version: '1.21.2', date: '2025-04-03' },
  { version: '1.21.1', date: '2025-04-01' },
];
