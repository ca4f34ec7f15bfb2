/** Checks the names of AWS services in the settings. A name that AWS doesn't have opens nothing, and only a job would show it. */
import { isListedService } from '../../../lib/aws/service-endpoints.ts';
import { listed } from '../sentences.ts';
import { type Finding, note, ok, warning } from './findings.ts';

const ID = 'network.aws-services';

const WHY = 'The domains of a misspelled service don’t resolve in jobs, so that Terraform can’t call it.';

/** @param unknown the services without a host; `undefined` if this machine can't resolve hosts of AWS */
export function checkServices(
  services: readonly string[],
  unknown: readonly { readonly service: string; readonly host: string }[] | undefined,
): Finding {
  if (unknown === undefined) {
    const unlisted = services.filter((service) => !isListedService(service));
    const offline = 'This machine can’t resolve hosts of AWS';
    if (unlisted.length > 0) {
      return warning(ID, {
        what: `${offline}, and this version’s list of AWS services doesn’t have ${listed(unlisted)} (network.awsApiServices).`,
        why: WHY,
        todo: 'Check the spelling: use the name in the service’s hostname. A new service may be missing in the list.',
      });
    }
    return note(ID, {
      what: `${offline}, so network.awsApiServices was only compared with this version’s list of AWS services, which has all of them.`,
      why: 'The list doesn’t show whether the region has the service.',
      todo: 'Nothing, or run doctor on a machine that can resolve them.',
    });
  }
  if (unknown.length === 0) return ok(ID, `AWS has a host for each of ${listed(services)}.`);
  return warning(ID, {
    what: `AWS has no host ${listed(unknown.map(({ host }) => host))} (network.awsApiServices: ${listed(unknown.map(({ service }) => service))}).`,
    why: WHY,
    todo: 'Use the name of the service in its hostname, such as sts, iam, ec2 or s3.',
  });
}
