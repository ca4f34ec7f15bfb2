import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { certificatesIn } from '../agent/ca-certificates.ts';
import type { CaCertificatesOptions } from '../properties/agent-launcher.ts';

/** The certificates that the functions trust in addition to the public ones. */
export interface TrustedCertificates {
  /** Certificates in PEM. */
  readonly pem?: string | undefined;
  /** Secret whose string is certificates in PEM. */
  readonly secret?: ISecret | undefined;
}

export function trustedCertificates(options: CaCertificatesOptions | undefined): TrustedCertificates | undefined {
  if (options === undefined) return undefined;
  const { file, secret } = options;
  return { pem: file === undefined ? undefined : certificatesIn(file), secret };
}
