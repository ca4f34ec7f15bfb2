/** AWS IAM: which roles exist. https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { ApiError } from '../core/api-error.ts';
import type { Place } from '../core/place.ts';
import { validate } from '../core/validation.ts';
import type { QueryService } from '../query-protocol.ts';

export interface RoleInput {
  readonly name: string;
  /** Default: `/`. */
  readonly path?: string;
  /** Service that assumes the role: `ecs.amazonaws.com`. */
  readonly service: string;
}

/** ECS creates it with the first cluster. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using-service-linked-roles.html */
const ECS_ROLE = {
  name: 'AWSServiceRoleForECS',
  path: '/aws-service-role/ecs.amazonaws.com/',
  service: 'ecs.amazonaws.com',
} as const;

const getRole = z.object({
  RoleName: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[\w+=,.@-]+$/),
});

export class Roles {
  readonly #place: Place;
  readonly #now: () => number;
  readonly #roles = new Map<string, RoleInput & { readonly createdAt: Date }>();

  constructor(place: Place, now: () => number) {
    this.#place = place;
    this.#now = now;
    this.put(ECS_ROLE);
  }

  readonly service: QueryService = {
    protocol: 'query',
    version: '2010-05-08',
    namespace: 'https://iam.amazonaws.com/doc/2010-05-08/',
    actions: { GetRole: (input) => this.#get(input) },
  };

  put(role: RoleInput): void {
    this.#roles.set(role.name, { ...role, createdAt: new Date(this.#now()) });
  }

  delete(name: string): void {
    this.#roles.delete(name);
  }

  #get(input: unknown): object {
    const { RoleName: name } = validate(getRole, input, 'ValidationError');
    const role = this.#roles.get(name);
    if (role === undefined) {
      throw new ApiError('NoSuchEntity', `The role with name ${name} cannot be found.`, 404);
    }
    const { path = '/', service, createdAt } = role;
    const policy = {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
    };
    const id = createHash('sha256').update(name).digest('hex').slice(0, 17).toUpperCase();
    return {
      Role: {
        Path: path,
        RoleName: name,
        RoleId: `AROA${id}`,
        Arn: `arn:aws:iam::${this.#place.accountId}:role${path}${name}`,
        CreateDate: createdAt,
        AssumeRolePolicyDocument: encodeURIComponent(JSON.stringify(policy)),
        MaxSessionDuration: 3600,
        RoleLastUsed: {},
      },
    };
  }
}
