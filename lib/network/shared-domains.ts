/**
 * Domains below which anyone can register a name. A wildcard for one of them, or above it, allows everyone's hosts.
 *
 * The Public Suffix List (https://publicsuffix.org/list/), which `tldts` contains, has most of them: what registries sell, and
 * in its private part what companies give to their customers. A company must report its domains to that list. The domains
 * below are missing there, as of 2026-11-24. Both lists together can't be complete, so a wildcard that they accept may still
 * be too wide.
 */
import { getPublicSuffix } from 'tldts';
import { DUAL_STACK_DOMAINS, HOST_DOMAINS } from '../aws/partitions.ts';

/** Each name directly below belongs to one customer, including everything below that name. */
const BELOW = [
  // Services that record what is sent to them.
  ...['beeceptor.com', 'burpcollaborator.net', 'canarytokens.com', 'ceye.io', 'dnslog.cn', 'free.beeceptor.com'],
  ...[
    'interact.sh',
    'interactsh.com',
    'm.pipedream.net',
    'oast.fun',
    'oast.live',
    'oast.me',
    'oast.online',
    'oast.pro',
  ],
  ...['oast.site', 'oastify.com', 'requestbin.com', 'requestbin.net', 'requestcatcher.com', 'webhook.site'],
  // Tunnels to a customer's machine.
  ...['cfargotunnel.com', 'devtunnels.ms', 'lhr.life', 'loca.lt', 'localhost.run', 'pinggy.io', 'pinggy.link'],
  ...['serveo.net', 'share.zrok.io'],
  // CDNs that deliver any customer's content.
  ...['alicdn.com', 'b-cdn.net', 'edgecastcdn.net', 'gcdn.co', 'kxcdn.com', 'llnwd.net', 'stackpathcdn.com'],
  // Sites, stores and workspaces of any customer.
  ...['azure-api.net', 'azurecr.cn', 'azurecr.io', 'azurecr.us', 'jfrog.io', 'visualstudio.com'],
  ...['vault.azure.cn', 'vault.azure.net', 'vault.usgovcloudapi.net'],
  ...['ingest.de.sentry.io', 'ingest.sentry.io', 'ingest.us.sentry.io'],
  ...['atlassian.net', 'firebaseio.com', 'force.com', 'github.dev', 'glitch.me', 'googleusercontent.com', 'modal.run'],
  ...[
    'my.salesforce.com',
    'railway.app',
    'service-now.com',
    'sharepoint.com',
    'stackblitz.io',
    'storage.googleapis.com',
  ],
  ...['val.town', 'webcontainer.io', 'weebly.com', 'wordpress.com', 'zendesk.com'],
];

/** Customers' names are at several depths below: by region, service or bucket. Every wildcard below is too wide. */
const AT_ANY_DEPTH = [
  ...HOST_DOMAINS,
  ...DUAL_STACK_DOMAINS.flatMap((domain) => [`on.${domain}`, `api.${domain}`]),
  'aliyuncs.com',
  'amazoncognito.com',
  'azurecontainerapps.io',
  'azurewebsites.net',
  'backblazeb2.com',
  'cloudapp.azure.com',
  'cloudflarestorage.com',
  'fastly.net',
  'myqcloud.com',
  // These names contain an IP address, at any position, and resolve to it.
  'nip.io',
  'oraclecloud.com',
  'sagemaker.aws',
  'scw.cloud',
  'sslip.io',
  'traefik.me',
  'wasabisys.com',
  'windows.net',
  'xip.io',
];

/** Whether anyone can register a name below a domain, at any depth. */
export function isShared(domain: string): boolean {
  return (
    isPublicSuffix(domain) ||
    AT_ANY_DEPTH.some((other) => domain === other || domain.endsWith(`.${other}`)) ||
    [...BELOW, ...AT_ANY_DEPTH].some((other) => domain === other || other.endsWith(`.${domain}`))
  );
}

/** Whether the Public Suffix List has a domain, or every name directly below it (`*.run.app`). It doesn't show deeper levels. */
function isPublicSuffix(domain: string): boolean {
  const below = `below.${domain}`;
  const suffix = getPublicSuffix(below, { allowPrivateDomains: true, extractHostname: false });
  return suffix === domain || suffix === below;
}
