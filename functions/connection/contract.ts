/** Environment variables about connections that several functions have. `lib` sets them, and `config.ts` parses them. */
export const CONNECTION_ENV = {
  /** URL of the proxy for HCP Terraform and AWS, without a login: `http://proxy.example.com:3128`; absent: there is no proxy. */
  httpsProxy: 'HTTPS_PROXY',
  /** Comma list of destinations that the function reaches without the proxy. */
  noProxy: 'NO_PROXY',
  /** Name or ARN of the secret with the proxy's login, `user:password`; absent: the proxy asks for none. */
  httpsProxyCredentialsSecret: 'HTTPS_PROXY_CREDENTIALS_SECRET',
  /** Key of the login, if that secret is a JSON object; absent: the secret contains only the login. */
  httpsProxyCredentialsJsonKey: 'HTTPS_PROXY_CREDENTIALS_JSON_KEY',
  /** Name or ARN of the secret with certificates that the function trusts in addition to the public ones; absent: there is none. */
  caCertificatesSecret: 'CA_CERTIFICATES_SECRET',
} as const;
