/** Short forms of the statuses that are too long for a column of the table. The summary and the timeline use the same words. */
const SHORT: Readonly<Record<string, string>> = {
  planned_and_finished: 'planned',
  planned_and_saved: 'plan saved',
  force_canceled: 'force-ended',
};

/** The word for a run's status. */
export function statusWord(status: string): string {
  return SHORT[status] ?? status.replaceAll('_', ' ');
}
