/** A single setting: its schema with its documentation. Also the types of settings that occur more than once. */
import * as z from 'zod';
import { looksLikeToken, shown } from '../credentials.ts';
import { isRecord } from './records.ts';

/** What docs/settings.md and error messages say about a setting, in addition to its type. */
export interface SettingDoc {
  readonly description: string;
  readonly allowed: string;
  /** What happens if it isn't set, if there is no default value to print. */
  readonly absent?: string;
  /** What to do if it is wrong. */
  readonly remedy?: string;
  /** A specific message for this invalid value; `undefined` if the general text is right. */
  readonly explain?: (value: unknown) => Explanation | undefined;
}

/** A message about one invalid value. Missing parts come from the setting's general text. */
export interface Explanation {
  readonly given?: string;
  readonly allowed?: string;
  readonly remedy: string;
}

/** Documentation of every setting, next to its schema. */
export const settingDocs = z.registry<SettingDoc>();

/** Documents a schema. A schema that two settings use is copied, so that each has its own documentation. */
export function setting<T extends z.ZodType>(schema: T, doc: SettingDoc): T {
  const copy = schema.clone();
  settingDocs.add(copy, doc);
  return copy;
}

/** The schema inside `optional()` and `default()`. */
export function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
    ? unwrapped(schema.unwrap())
    : schema;
}

/** The discriminator of a union of objects, as one documented choice. */
export const choices = new WeakMap<z.core.$ZodType, z.core.$ZodType>();

/** The parts of an object. Of a union of objects: the parts of all of them, with those of the first before those of the others. */
export function shapeOf(schema: z.core.$ZodType): Readonly<Record<string, z.core.$ZodType>> | undefined {
  const object = unwrapped(schema);
  if (object instanceof z.ZodObject) return object.shape;
  if (!(object instanceof z.ZodDiscriminatedUnion)) return undefined;
  const merged: Record<string, z.core.$ZodType> = {};
  const choice = choices.get(object);
  if (choice !== undefined) merged[object.def.discriminator] = choice;
  for (const option of object.options) {
    for (const [key, part] of Object.entries(shapeOf(option) ?? {})) merged[key] ??= part;
  }
  return merged;
}

/** The object of a union that a value chooses by its discriminator; `undefined` if it chooses none. */
export function chosenOption(schema: z.core.$ZodType, value: unknown): z.core.$ZodType | undefined {
  const union = unwrapped(schema);
  if (!(union instanceof z.ZodDiscriminatedUnion)) return undefined;
  const { discriminator } = union.def;
  const chosen = isRecord(value) ? value[discriminator] : undefined;
  return union.options.find((option) => shapeOf(option)?.[discriminator]?._zod.values?.has(chosen as never) === true);
}

/** Retention periods of CloudWatch Logs. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
export const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

export const RETENTION_DOC = {
  allowed: RETENTION_DAYS.join(', '),
  explain: (value: unknown) => {
    if (typeof value !== 'number') return undefined;
    const longer = RETENTION_DAYS.find((days) => days > value);
    return longer === undefined
      ? undefined
      : { remedy: `use ${longer}, the next longer one that CloudWatch Logs offers` };
  },
};

export const oneOf = (values: readonly number[]) => z.number().refine((value) => values.includes(value));
/** An integer, both ends included. */
export const whole = (from: number, to: number) => z.int().min(from).max(to);

export const ORGANIZATION = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]*$/);
export const ORGANIZATION_DOC = {
  allowed: 'the name in its URL: letters, digits, - and _',
  explain: (value: unknown) => {
    const name = /^(?:https?:\/\/)?[^/\s]+\/(?:app\/)?([A-Za-z0-9][A-Za-z0-9_-]*)(?:\/|$)/.exec(`${value}`)?.[1];
    return typeof value === 'string' && name !== undefined ? { remedy: `use the name only: ${name}` } : undefined;
  },
};

/** A secret in Secrets Manager, by its name or complete ARN, with its documentation. */
export const SECRET_DOC = {
  allowed: 'a secret in Secrets Manager: its name, or its complete ARN including the six random characters at the end',
  remedy:
    'create the secret (aws secretsmanager create-secret --name NAME --secret-string file://token.txt) and set its name here, never the token itself',
  explain: (value: unknown) => (typeof value === 'string' ? secretExplanation(value) : undefined),
};

function secretExplanation(value: string): Explanation | undefined {
  if (!value.startsWith('arn:')) return undefined;
  const [, , service, , , , ...name] = value.split(':');
  if (service !== 'secretsmanager') {
    return {
      given: `${shown(value)}, an ARN of ${service === undefined || service === '' ? 'no service' : service}`,
      remedy: 'store the token in Secrets Manager and set the name of that secret',
    };
  }
  if (name.length > 1) {
    return {
      given: `${shown(value)}, which selects a part of the secret`,
      remedy: `use the ARN of the secret, ${value.split(':').slice(0, 7).join(':')}; the token must be its whole string`,
    };
  }
  return {
    given: `${shown(value)}, without the hyphen and six random characters at the end of a secret's ARN`,
    remedy: `set the complete ARN, or the name alone. This prints the ARN: aws secretsmanager describe-secret --secret-id ${value} --query ARN --output text`,
  };
}

export const SECRET = z
  .string()
  .regex(
    /^(?:[A-Za-z0-9/_+=.@-]{1,512}|arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6})$/,
  )
  .refine((value) => !looksLikeToken(value));

/**
 * ECS gets an ARN without the random suffix for a secret set by name. Secrets Manager treats a hyphen and six characters at
 * the end of such an ARN as the suffix. https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
 */
export function isUnambiguous(nameOrArn: string): boolean {
  return nameOrArn.startsWith('arn:') || !/-[A-Za-z0-9]{6}$/.test(nameOrArn);
}
