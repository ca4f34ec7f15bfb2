/** Whether a name is an IANA time zone, such as `Europe/Berlin`. The settings and the function's environment both use this check. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
