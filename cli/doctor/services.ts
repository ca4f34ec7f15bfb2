/** Looks up the hosts of the AWS services in the settings. */
import { unknownServices } from '../aws-services.ts';
import type { Finding } from '../core/doctor/findings.ts';
import { checkServices } from '../core/doctor/services.ts';
import type { TargetCheckup } from './doctor.ts';

export async function serviceFindings({
  settings,
  identity,
}: Pick<TargetCheckup, 'settings' | 'identity'>): Promise<Finding[]> {
  const network = settings?.network;
  const services = network !== undefined && 'awsApiServices' in network ? (network.awsApiServices ?? []) : [];
  const region = network !== undefined && 'awsApiRegions' in network ? network.awsApiRegions?.[0] : undefined;
  const place = region ?? ('value' in identity ? identity.value.region : undefined);
  if (services.length === 0) return [];
  return [checkServices(services, place === undefined ? undefined : await unknownServices(services, place))];
}
