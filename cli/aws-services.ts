/** Checks the names of AWS services: by their hosts in DNS, or if that is not possible, by a list that is never complete. */
import dns from 'node:dns';
import { promisify } from 'node:util';
import { suffixOf } from '../lib/aws/partitions.ts';
import { awsApiNames, isListedService } from '../lib/aws/service-endpoints.ts';

/** A service that every region has. If its host can't be resolved, this machine can't resolve names of AWS. */
const CONTROL = 'sts';

export type Resolve = (host: string) => Promise<unknown>;

/** The services without a host in the region; `undefined` if this machine can't resolve hosts of AWS. */
export async function unknownServices(
  services: readonly string[],
  region: string,
  resolve: Resolve = (host) => promisify(dns.lookup)(host),
): Promise<readonly { readonly service: string; readonly host: string }[] | undefined> {
  if ((await stateOf(hostOf(CONTROL, region), resolve)) !== 'found') return undefined;
  const checked = await Promise.all(
    services.map(async (service) => {
      const host = hostOf(service, region);
      return (await stateOf(host, resolve)) === 'missing' ? [{ service, host }] : [];
    }),
  );
  return checked.flat();
}

/** Of the services that could not be looked up, those that the list doesn't have. */
export function unlistedServices(services: readonly string[]): readonly string[] {
  return services.filter((service) => !isListedService(service));
}

function hostOf(service: string, region: string): string {
  const [host = ''] = awsApiNames([service], [region], suffixOf(region, 'amazonaws.com'));
  return host;
}

async function stateOf(host: string, resolve: Resolve): Promise<'found' | 'missing' | 'unknown'> {
  try {
    await resolve(host);
    return 'found';
  } catch (error) {
    // A resolver that can't be reached answers EAI_AGAIN.
    return error instanceof Error && 'code' in error && error.code === 'ENOTFOUND' ? 'missing' : 'unknown';
  }
}
