import {
  type EC2Client,
  EC2ServiceException,
  ModifyInstanceAttributeCommand,
  paginateDescribeInstances,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { GatewayRemovalError, TransientError } from '../errors.ts';
import type { Instance, Instances } from '../ports.ts';

const EXISTING = ['pending', 'running', 'stopping', 'stopped', 'shutting-down'];

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html */
const GONE = /^InvalidInstanceID\.(?:NotFound|Malformed)$/;
/** The instance's state doesn't allow the request yet, such as while it is created. */
const TOO_EARLY = /^(?:IncorrectInstanceState|IncorrectState|OperationNotPermitted)$/;
/** Throttling, or too little capacity for the request. Some of these have a status below 500. */
const BUSY =
  /^(?:RequestLimitExceeded|Throttling(?:Exception)?|ThrottledException|EC2ThrottledException|TooManyRequests|Unavailable)$/;

/** The instances that have the name of a gateway in a tag. */
export class TaggedInstances implements Instances {
  readonly #client: EC2Client;
  readonly #tagKey: string;
  readonly #gateways: readonly string[];

  constructor(client: EC2Client, tagKey: string, gateways: readonly string[]) {
    this.#client = client;
    this.#tagKey = tagKey;
    this.#gateways = gateways;
  }

  async find(): Promise<readonly Instance[]> {
    const found: Instance[] = [];
    const Filters = [
      { Name: `tag:${this.#tagKey}`, Values: [...this.#gateways] },
      { Name: 'instance-state-name', Values: EXISTING },
    ];
    try {
      for await (const { Reservations = [] } of paginateDescribeInstances({ client: this.#client }, { Filters })) {
        for (const { InstanceId, State } of Reservations.flatMap(({ Instances = [] }) => Instances)) {
          if (InstanceId !== undefined) found.push({ id: InstanceId, state: State?.Name ?? 'unknown' });
        }
      }
    } catch (error) {
      failed('DescribeInstances')(error);
    }
    return found;
  }

  async end(id: string): Promise<void> {
    const unprotect = new ModifyInstanceAttributeCommand({ InstanceId: id, DisableApiTermination: { Value: false } });
    await this.#client.send(unprotect).catch(unlessGone('ModifyInstanceAttribute'));
    const terminate = new TerminateInstancesCommand({ InstanceIds: [id] });
    await this.#client.send(terminate).catch(unlessGone('TerminateInstances'));
  }
}

function unlessGone(operation: string): (error: unknown) => void {
  return (error) => {
    if (!GONE.test(nameOf(error))) failed(operation)(error);
  };
}

/** Sorts an error of the SDK by whether another attempt can help. Without an answer of EC2, such as after a timeout, it can. */
function failed(operation: string): (error: unknown) => never {
  return (error) => {
    const name = nameOf(error);
    const message = `${operation} failed with ${name}: ${error instanceof Error ? error.message : `${error}`}`;
    const isRefusal =
      error instanceof EC2ServiceException && error.$fault === 'client' && !BUSY.test(name) && !TOO_EARLY.test(name);
    if (!isRefusal) throw new TransientError(message);
    throw new GatewayRemovalError(
      `${message}. Terminate the instances with the tag of the gateways yourself, and delete the stack again.`,
    );
  };
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'an unknown error';
}
