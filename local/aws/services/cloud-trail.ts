/** AWS CloudTrail: which trails log the calls in this region. https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DescribeTrails.html */
import * as z from 'zod';
import { ApiError } from '../core/api-error.ts';
import { arnOf, type Place } from '../core/place.ts';
import { validate } from '../core/validation.ts';
import type { JsonService } from '../json-protocol.ts';

export interface TrailInput {
  readonly name: string;
  /** Default: true. */
  readonly isLogging?: boolean;
  /** Region in which the trail was created. Default: the region of the server. A trail of another region logs in all regions. */
  readonly homeRegion?: string;
  /** The trail's selectors, in one of the API's two forms. Default: all management events. */
  readonly selectors?:
    | { readonly EventSelectors: readonly object[] }
    | { readonly AdvancedEventSelectors: readonly object[] };
}

const describeTrails = z.object({
  trailNameList: z.array(z.string()).default([]),
  includeShadowTrails: z.boolean().default(true),
});
const oneTrail = z.object({ Name: z.string().min(1) });
const selectorsOf = z.object({ TrailName: z.string().min(1) });

const ALL_MANAGEMENT_EVENTS = {
  EventSelectors: [
    { ReadWriteType: 'All', IncludeManagementEvents: true, DataResources: [], ExcludeManagementEventSources: [] },
  ],
};

export class Trails {
  readonly #place: Place;
  readonly #trails = new Map<string, TrailInput>();

  constructor(place: Place) {
    this.#place = place;
  }

  readonly service: JsonService = {
    protocol: 'json',
    target: 'CloudTrail_20131101',
    // botocore writes it, the SDK for JavaScript doesn't.
    namespace: 'com.amazonaws.cloudtrail.v20131101.',
    messageMember: 'Message',
    actions: {
      DescribeTrails: (input) => this.#describe(input),
      GetTrailStatus: (input) => {
        const { Name: name } = validate(oneTrail, input, 'InvalidTrailNameException');
        return { IsLogging: this.#existing(name).isLogging ?? true };
      },
      GetEventSelectors: (input) => {
        const { TrailName: name } = validate(selectorsOf, input, 'InvalidTrailNameException');
        const trail = this.#existing(name);
        return { TrailARN: this.#arn(trail), ...(trail.selectors ?? ALL_MANAGEMENT_EVENTS) };
      },
    },
  };

  /** Creates the trail, or changes it. */
  put(trail: TrailInput): void {
    this.#trails.set(trail.name, trail);
  }

  delete(name: string): void {
    this.#trails.delete(name);
  }

  #describe(input: unknown): object {
    const wanted = validate(describeTrails, input, 'InvalidTrailNameException');
    const { region } = this.#place;
    const found = [...this.#trails.values()].filter(({ name, homeRegion = region, ...trail }) => {
      if (!wanted.includeShadowTrails && homeRegion !== region) return false;
      const arn = this.#arn({ name, homeRegion, ...trail });
      return wanted.trailNameList.length === 0 || wanted.trailNameList.some((one) => one === name || one === arn);
    });
    return {
      trailList: found.map((trail) => ({
        Name: trail.name,
        S3BucketName: `${trail.name}-${this.#place.accountId}`,
        IncludeGlobalServiceEvents: true,
        IsMultiRegionTrail: true,
        HomeRegion: trail.homeRegion ?? region,
        TrailARN: this.#arn(trail),
        LogFileValidationEnabled: true,
        HasCustomEventSelectors: trail.selectors !== undefined,
        HasInsightSelectors: false,
        IsOrganizationTrail: false,
      })),
    };
  }

  #arn({ name, homeRegion = this.#place.region }: TrailInput): string {
    return arnOf('cloudtrail', { ...this.#place, region: homeRegion }, `trail/${name}`);
  }

  /** A trail of another region is found by its ARN only. */
  #existing(nameOrArn: string): TrailInput {
    const found = [...this.#trails.values()].find(
      (trail) =>
        this.#arn(trail) === nameOrArn ||
        (trail.name === nameOrArn && (trail.homeRegion ?? this.#place.region) === this.#place.region),
    );
    if (found !== undefined) return found;
    throw new ApiError('TrailNotFoundException', `Unknown trail: ${nameOrArn} for the user: ${this.#place.accountId}`);
  }
}
