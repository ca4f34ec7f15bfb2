/**
 * Domains under which anybody can have a name of his own. A wildcard at one of them, or above it, allows the whole world.
 *
 * The lists are of our own choice among the private part of https://publicsuffix.org/list/ and the names of the large
 * clouds' storage, functions and sites, read on 2026-11-24. They are not complete and cannot be: a wildcard that they let
 * through is not thereby a narrow one.
 */

import { DUAL_STACK_DOMAINS, HOST_DOMAINS } from './partitions.ts';

/** Names directly below are somebody's; what is below those is his alone. */
const BELOW = [
  'akamaized.net',
  'azure-api.net',
  'azureedge.net',
  'azurefd.net',
  'azurestaticapps.net',
  'bitbucket.io',
  'cloudflarestorage.com',
  'cloudfront.net',
  'cloudfunctions.net',
  'codeberg.page',
  'deno.dev',
  'duckdns.org',
  'fastly.net',
  'fastlylb.net',
  'firebaseapp.com',
  'firebaseio.com',
  'fly.dev',
  'gitbook.io',
  'github.dev',
  'github.io',
  'githubpreview.dev',
  'githubusercontent.com',
  'gitlab.io',
  'googleapis.com',
  'googleusercontent.com',
  'herokuapp.com',
  'hf.space',
  'loca.lt',
  'lhr.life',
  'myshopify.com',
  'netlify.app',
  'ngrok.app',
  'ngrok.dev',
  'ngrok.io',
  'ngrok-free.app',
  'ngrok-free.dev',
  'notion.site',
  'ondigitalocean.app',
  'onrender.com',
  'pages.dev',
  'r2.cloudflarestorage.com',
  'r2.dev',
  'railway.app',
  'readthedocs.io',
  'replit.app',
  'serveo.net',
  'sharepoint.com',
  'storage.googleapis.com',
  'surge.sh',
  'trafficmanager.net',
  'trycloudflare.com',
  'ts.net',
  'vercel.app',
  'web.app',
  'webhook.site',
  'workers.dev',
];

/** Names are somebody's at more than one depth below: by region, by service, by bucket. No wildcard in there is narrow. */
const AT_ANY_DEPTH = [
  ...HOST_DOMAINS,
  ...DUAL_STACK_DOMAINS.flatMap((domain) => [`on.${domain}`, `api.${domain}`]),
  'appspot.com',
  'azurecontainer.io',
  'azurecontainerapps.io',
  'azurewebsites.net',
  'backblazeb2.com',
  'cloudapp.azure.com',
  'cloudapp.net',
  'digitaloceanspaces.com',
  'linodeobjects.com',
  'oraclecloud.com',
  'run.app',
  'scw.cloud',
  'wasabisys.com',
  'windows.net',
];

/** Second-level domains that are sold like top-level ones. */
const REGISTRIES = [
  'br.com',
  'cn.com',
  'co.com',
  'com.de',
  'de.com',
  'eu.com',
  'eu.org',
  'jpn.com',
  'uk.com',
  'us.com',
];

/** Second-level domains of countries, below which others register: `*.co.uk` is as wide as `*.com`. */
const REGISTRY_LABELS =
  'ac ad co com ed edu firm gen go gob gouv gov gv id ind info ltd me mil muni ne net nhs nic nom or org plc sch school web'.split(
    ' ',
  );

/** Whether anybody can have a name below a domain, or below one that is below it. */
export function isEverybodys(domain: string): boolean {
  const [second = '', top = '', ...more] = domain.split('.');
  if (more.length === 0 && top.length === 2 && REGISTRY_LABELS.includes(second)) return true;
  return (
    AT_ANY_DEPTH.some((other) => domain === other || domain.endsWith(`.${other}`)) ||
    [...BELOW, ...AT_ANY_DEPTH, ...REGISTRIES].some((other) => domain === other || other.endsWith(`.${domain}`))
  );
}
