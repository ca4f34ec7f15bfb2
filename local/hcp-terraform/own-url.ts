import { invalid } from './json-api.ts';

/**
 * Checks that a URL is on this machine. The real platform sends requests to any host, but nothing may leave this machine.
 * @throws ApiFailure 422
 */
export function ownUrl(attribute: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw invalid(attribute, 'URL is invalid');
  if (/^(?:localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname)) return text;
  throw invalid(attribute, 'URL must be on localhost: this emulator sends nothing to other machines');
}
