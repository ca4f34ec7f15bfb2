/**
 * Amazon EventBridge Scheduler. The schedules don't invoke anything here: the program that runs the target observes their state.
 * https://docs.aws.amazon.com/scheduler/latest/APIReference/API_UpdateSchedule.html
 */
import * as z from 'zod';
import { ApiError } from '../core/api-error.ts';
import { arnOf, type Place } from '../core/place.ts';
import { validate } from '../core/validation.ts';
import type { RestService } from '../rest-protocol.ts';

const CODE = 'ValidationException';
const DEFAULT_GROUP = 'default';
const NAME = /^[0-9a-zA-Z-_.]+$/;

const name = z.string().min(1).max(64).regex(NAME);
const timestamp = z.number();

const target = z.looseObject({
  Arn: z.string().min(1).max(1600),
  RoleArn: z
    .string()
    .min(1)
    .max(1600)
    .regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/?[a-zA-Z_0-9+=,.@\-_/]+$/),
  Input: z.string().min(1).optional(),
  RetryPolicy: z
    .object({
      MaximumEventAgeInSeconds: z.int().min(60).max(86_400).default(86_400),
      MaximumRetryAttempts: z.int().min(0).max(185).default(185),
    })
    .prefault({}),
});

/** The members of a schedule that a request sets. UpdateSchedule replaces all of them, so an absent member gets its default value. */
const settings = z.object({
  GroupName: name.default(DEFAULT_GROUP),
  Name: name,
  ScheduleExpression: z
    .string()
    .min(1)
    .max(256)
    .regex(/^(?:rate\(\d+ (?:minute|minutes|hour|hours|day|days)\)|cron\([^)]+\)|at\([^)]+\))$/),
  ScheduleExpressionTimezone: z.string().min(1).max(50).default('UTC'),
  StartDate: timestamp.optional(),
  EndDate: timestamp.optional(),
  Description: z.string().max(512).optional(),
  State: z.enum(['ENABLED', 'DISABLED']).default('ENABLED'),
  KmsKeyArn: z.string().optional(),
  FlexibleTimeWindow: z.object({
    Mode: z.enum(['OFF', 'FLEXIBLE']),
    MaximumWindowInMinutes: z.int().min(1).max(1440).optional(),
  }),
  Target: target,
  ActionAfterCompletion: z.enum(['NONE', 'DELETE']).default('NONE'),
});

const getSchedule = z.object({ Name: name, GroupName: name.default(DEFAULT_GROUP) });

export type ScheduleInput = z.input<typeof settings>;
type Settings = z.output<typeof settings>;

interface Schedule extends Settings {
  readonly createdAt: number;
  readonly modifiedAt: number;
}

export class Schedules {
  readonly #place: Place;
  readonly #now: () => number;
  readonly #schedules = new Map<string, Schedule>();
  readonly #listeners = new Set<(name: string, isEnabled: boolean) => void>();

  constructor(place: Place, now: () => number) {
    this.#place = place;
    this.#now = now;
  }

  readonly service: RestService = {
    protocol: 'rest',
    routes: [
      { method: 'GET', path: '/schedules/:Name', action: 'GetSchedule', query: { groupName: 'GroupName' } },
      { method: 'PUT', path: '/schedules/:Name', action: 'UpdateSchedule' },
    ],
    actions: {
      GetSchedule: (input) => this.#get(input),
      UpdateSchedule: (input) => this.#update(input),
    },
  };

  /** Creates the schedule, or replaces it. @returns its ARN */
  put(input: ScheduleInput): string {
    const schedule = validate(settings, input, CODE);
    const key = keyOf(schedule);
    const at = this.#now();
    this.#schedules.set(key, {
      ...schedule,
      createdAt: this.#schedules.get(key)?.createdAt ?? at,
      modifiedAt: at,
    });
    for (const listener of this.#listeners) listener(schedule.Name, schedule.State === 'ENABLED');
    return this.#arn(schedule);
  }

  /** Whether a schedule of the default group is enabled; `false` if it doesn't exist. */
  isEnabled(scheduleName: string): boolean {
    return this.#schedules.get(`${DEFAULT_GROUP}/${scheduleName}`)?.State === 'ENABLED';
  }

  delete(scheduleName: string): void {
    this.#schedules.delete(`${DEFAULT_GROUP}/${scheduleName}`);
    for (const listener of this.#listeners) listener(scheduleName, false);
  }

  /** Calls the listener after every change of a schedule. */
  onChange(listener: (scheduleName: string, isEnabled: boolean) => void): void {
    this.#listeners.add(listener);
  }

  #arn({ GroupName, Name }: Pick<Settings, 'GroupName' | 'Name'>): string {
    return arnOf('scheduler', this.#place, `schedule/${GroupName}/${Name}`);
  }

  #existing(wanted: Pick<Settings, 'GroupName' | 'Name'>): Schedule {
    const schedule = this.#schedules.get(keyOf(wanted));
    if (schedule !== undefined) return schedule;
    throw new ApiError('ResourceNotFoundException', `Schedule ${wanted.Name} does not exist.`, 404);
  }

  #get(input: unknown): object {
    const { createdAt, modifiedAt, ...schedule } = this.#existing(validate(getSchedule, input, CODE));
    return {
      ...schedule,
      Arn: this.#arn(schedule),
      CreationDate: new Date(createdAt),
      LastModificationDate: new Date(modifiedAt),
    };
  }

  #update(input: unknown): object {
    const wanted = validate(settings, input, CODE);
    this.#existing(wanted);
    if (
      wanted.FlexibleTimeWindow.Mode === 'FLEXIBLE' &&
      wanted.FlexibleTimeWindow.MaximumWindowInMinutes === undefined
    ) {
      throw new ApiError(CODE, 'MaximumWindowInMinutes is required when FlexibleTimeWindow Mode is FLEXIBLE.');
    }
    return { ScheduleArn: this.put(wanted) };
  }
}

function keyOf({ GroupName, Name }: Pick<Settings, 'GroupName' | 'Name'>): string {
  return `${GroupName}/${Name}`;
}
