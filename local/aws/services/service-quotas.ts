/** Service Quotas: what the account may use. https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html */
import * as z from 'zod';
import { ApiError } from '../core/api-error.ts';
import { pageOf } from '../core/pages.ts';
import { arnOf, type Place } from '../core/place.ts';
import { validate } from '../core/validation.ts';
import type { JsonService } from '../json-protocol.ts';

export interface Quota {
  readonly serviceCode: string;
  readonly serviceName: string;
  readonly code: string;
  readonly name: string;
  readonly value: number;
  /** The value of a new account in AWS's documentation. Service Quotas may apply a lower one at first. */
  readonly defaultValue: number;
}

const FARGATE = { serviceCode: 'fargate', serviceName: 'AWS Fargate' } as const;

/** The code of EC2's quota for the usual types of instances. */
export const EC2_VCPUS = 'L-1216C47A';

/**
 * The quotas at first. https://docs.aws.amazon.com/general/latest/gr/ecs-service.html documents 6 vCPUs as the default, which AWS raises with
 * the account's usage; here, enough is applied.
 */
const QUOTAS: readonly Quota[] = [
  { ...FARGATE, code: 'L-3032A538', name: 'Fargate On-Demand vCPU resource count', value: 4000, defaultValue: 6 },
  { ...FARGATE, code: 'L-36FBB829', name: 'Fargate Spot vCPU resource count', value: 4000, defaultValue: 6 },
  {
    serviceCode: 'lambda',
    serviceName: 'AWS Lambda',
    code: 'L-B99A9384',
    name: 'Concurrent executions',
    value: 1000,
    defaultValue: 1000,
  },
  // https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
  {
    serviceCode: 'ec2',
    serviceName: 'Amazon Elastic Compute Cloud (Amazon EC2)',
    code: EC2_VCPUS,
    name: 'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances',
    value: 32,
    defaultValue: 5,
  },
];

const CODE = 'IllegalArgumentException';
const serviceCode = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-zA-Z][a-zA-Z0-9-]{1,63}$/);
const quotaCode = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[a-zA-Z][a-zA-Z0-9-]{1,128}$/);
const getQuota = z.object({ ServiceCode: serviceCode, QuotaCode: quotaCode });
const listQuotas = z.object({
  ServiceCode: serviceCode,
  QuotaCode: quotaCode.optional(),
  NextToken: z.string().max(2048).optional(),
  MaxResults: z.int().min(1).max(100).default(100),
});

export class ServiceQuotas {
  readonly #place: Place;
  readonly #quotas = new Map(QUOTAS.map((quota) => [quota.code, quota]));

  constructor(place: Place) {
    this.#place = place;
  }

  readonly service: JsonService = {
    protocol: 'json',
    target: 'ServiceQuotasV20190624',
    messageMember: 'message',
    actions: {
      GetServiceQuota: (input) => {
        const quota = this.#existing(input);
        return { Quota: this.#document(quota, quota.value) };
      },
      GetAWSDefaultServiceQuota: (input) => {
        const quota = this.#existing(input);
        return { Quota: this.#document(quota, quota.defaultValue) };
      },
      ListServiceQuotas: (input) => this.#list(input),
    },
  };

  /** Changes the value that is applied to the account. */
  set(code: string, value: number): void {
    const quota = this.#quotas.get(code);
    if (quota === undefined) throw new Error(`There is no quota ${code}.`);
    this.#quotas.set(code, { ...quota, value });
  }

  /** The value that is applied to the account. */
  value(code: string): number {
    const quota = this.#quotas.get(code);
    if (quota === undefined) throw new Error(`There is no quota ${code}.`);
    return quota.value;
  }

  #existing(input: unknown): Quota {
    const wanted = validate(getQuota, input, CODE);
    const quota = this.#quotas.get(wanted.QuotaCode);
    if (quota?.serviceCode === wanted.ServiceCode) return quota;
    // The text is unverified.
    throw new ApiError(
      'NoSuchResourceException',
      `The request failed because the specified quota ${wanted.QuotaCode} does not exist for service ${wanted.ServiceCode}.`,
    );
  }

  #list(input: unknown): object {
    const wanted = validate(listQuotas, input, CODE);
    const ofService = [...this.#quotas.values()].filter((quota) => quota.serviceCode === wanted.ServiceCode);
    if (ofService.length === 0) {
      throw new ApiError('NoSuchResourceException', `The request failed because the specified service does not exist.`);
    }
    const found = ofService.filter(({ code }) => wanted.QuotaCode === undefined || code === wanted.QuotaCode);
    const invalid = () => new ApiError('InvalidPaginationTokenException', 'Invalid token was used.');
    const page = pageOf(found, ({ code }) => code, { token: wanted.NextToken, size: wanted.MaxResults }, invalid);
    return {
      Quotas: page.items.map((quota) => this.#document(quota, quota.value)),
      ...(page.next !== undefined && { NextToken: page.next }),
    };
  }

  #document(quota: Quota, value: number): object {
    return {
      ServiceCode: quota.serviceCode,
      ServiceName: quota.serviceName,
      QuotaArn: arnOf('servicequotas', this.#place, `${quota.serviceCode}/${quota.code}`),
      QuotaCode: quota.code,
      QuotaName: quota.name,
      Value: value,
      Unit: 'None',
      Adjustable: true,
      GlobalQuota: false,
      QuotaAppliedAtLevel: 'ACCOUNT',
    };
  }
}
