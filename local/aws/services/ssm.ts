/** AWS Systems Manager: reading parameters. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html */
import * as z from 'zod';
import { ApiError } from '../core/api-error.ts';
import { arnOf, type Place } from '../core/place.ts';
import { validate } from '../core/validation.ts';
import type { JsonService } from '../json-protocol.ts';

/** The version of the bootstrap resources in this account. https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html */
export const BOOTSTRAP_VERSION = '/cdk-bootstrap/hnb659fds/version';

const CODE = 'ValidationException';
const getParameter = z.object({ Name: z.string().min(1).max(2048) });
const getParameters = z.object({ Names: z.array(z.string().min(1).max(2048)).min(1).max(10) });

interface Parameter {
  readonly value: string;
  readonly version: number;
  readonly modifiedAt: Date;
}

export class Parameters {
  readonly #place: Place;
  readonly #now: () => number;
  readonly #parameters = new Map<string, Parameter>();

  constructor(place: Place, now: () => number) {
    this.#place = place;
    this.#now = now;
  }

  readonly service: JsonService = {
    protocol: 'json',
    target: 'AmazonSSM',
    messageMember: 'message',
    actions: {
      GetParameter: (input) => this.#get(input),
      GetParameters: (input) => this.#getAll(input),
    },
  };

  /** Creates the parameter, or adds a version. */
  put(name: string, value: string): void {
    const version = (this.#parameters.get(name)?.version ?? 0) + 1;
    this.#parameters.set(name, { value, version, modifiedAt: new Date(this.#now()) });
  }

  /** The value of a parameter, if it exists. */
  value(name: string): string | undefined {
    return this.#parameters.get(name)?.value;
  }

  delete(name: string): void {
    this.#parameters.delete(name);
  }

  #document(nameOrArn: string): object | undefined {
    const name = nameOrArn.replace(/^arn:[^/]*:parameter(?=\/)/, '');
    const parameter = this.#parameters.get(name);
    if (parameter === undefined) return undefined;
    return {
      Name: name,
      Type: 'String',
      Value: parameter.value,
      Version: parameter.version,
      LastModifiedDate: parameter.modifiedAt,
      ARN: arnOf('ssm', this.#place, `parameter${name.startsWith('/') ? '' : '/'}${name}`),
      DataType: 'text',
    };
  }

  #get(input: unknown): object {
    const { Name: name } = validate(getParameter, input, CODE);
    const document = this.#document(name);
    if (document !== undefined) return { Parameter: document };
    throw new ApiError('ParameterNotFound', `Parameter ${name} not found.`);
  }

  #getAll(input: unknown): object {
    const { Names: names } = validate(getParameters, input, CODE);
    const found = names.map((name) => ({ name, document: this.#document(name) }));
    return {
      Parameters: found.flatMap(({ document }) => document ?? []),
      InvalidParameters: found.flatMap(({ name, document }) => (document === undefined ? [name] : [])),
    };
  }
}
