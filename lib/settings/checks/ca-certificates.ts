/** Checks of the certificates that the functions and the image trust. */
import { certificatesFault } from '../../agent/ca-certificates.ts';
import { shown } from '../../credentials.ts';
import type { SettingsFault } from '../errors.ts';
import type { ReadableSettings } from '../read.ts';

export function* caCertificatesFaults({ caCertificates }: ReadableSettings): Iterable<SettingsFault> {
  if (caCertificates === undefined) return;
  const { file, secret } = caCertificates;
  if (file === undefined && secret === undefined) {
    yield {
      path: 'caCertificates',
      given: 'neither file nor secret',
      allowed: 'either file or secret',
      remedy: 'set {"file": "ca.pem"}, or remove caCertificates',
    };
  }
  if (file !== undefined && secret !== undefined) {
    yield {
      path: 'caCertificates',
      given: `both file (${shown(file)}) and secret (${shown(secret)})`,
      allowed: 'either file or secret',
      remedy: 'remove one of them. With file, a built image trusts the certificates, too',
    };
  }
  const fault = file === undefined ? undefined : certificatesFault(file);
  if (fault !== undefined) yield { path: 'caCertificates.file', ...fault };
}
