/**
 * Domains under which anybody can have a name of his own. A wildcard at one of them, or above it, allows the whole world.
 *
 * Whoever rents out names tells it to the Public Suffix List (https://publicsuffix.org/list/), which `tldts` carries: what
 * registries sell, and in its private part what companies give to their customers. Below are the domains that are not in it
 * because nobody told, as of 2026-11-24. Together they are not complete and cannot be: a wildcard that they let through is
 * not thereby a narrow one.
 */
import { getPublicSuffix } from 'tldts';
import { DUAL_STACK_DOMAINS, HOST_DOMAINS } from './partitions.ts';

/** Names directly below are somebody's; what is below those is his alone. */
const BELOW = [
  // Names that take down whatever is sent to them, given to whoever asks.
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
  // Tunnels to somebody's machine.
  ...['cfargotunnel.com', 'devtunnels.ms', 'lhr.life', 'loca.lt', 'localhost.run', 'pinggy.io', 'pinggy.link'],
  ...['serveo.net', 'share.zrok.io'],
  // Networks that deliver whoever's content.
  ...['alicdn.com', 'b-cdn.net', 'edgecastcdn.net', 'gcdn.co', 'kxcdn.com', 'llnwd.net', 'stackpathcdn.com'],
  // Sites, stores and workspaces of whoever opens an account.
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

/** Names are somebody's at more than one depth below: by region, by service, by bucket. No wildcard in there is narrow. */
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
  // Names that have an address in them, at whatever place, and resolve to it.
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

/** Whether anybody can have a name below a domain, or below one that is below it. */
export function isEverybodys(domain: string): boolean {
  return (
    isPublicSuffix(domain) ||
    AT_ANY_DEPTH.some((other) => domain === other || domain.endsWith(`.${other}`)) ||
    [...BELOW, ...AT_ANY_DEPTH].some((other) => domain === other || other.endsWith(`.${domain}`))
  );
}

/** Whether the Public Suffix List has a domain, or every name directly below it (`*.run.app`). It does not tell what is further below. */
function isPublicSuffix(domain: string): boolean {
  const below = `below.${domain}`;
  const suffix = getPublicSuffix(below, { allowPrivateDomains: true, extractHostname: false });
  return suffix === domain || suffix === below;
}
