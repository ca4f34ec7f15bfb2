/** Parts of the codes of a certificate that is not trusted: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const UNTRUSTED = /CERT|SELF_SIGNED|ISSUER|LEAF_SIGNATURE/;

export const isUntrusted = (code: string): boolean => UNTRUSTED.test(code);

/** The reason if a host's certificate is not trusted. */
export function untrustedReason(code: string): string {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `its certificate is for another hostname (${code}); correct the hostname, or the DNS name that leads to another server`;
  }
  return `its certificate is not trusted (${code}); for a private certificate authority, or a proxy that decrypts the traffic, set caCertificates to the certificates of that authority`;
}
