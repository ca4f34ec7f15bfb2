/** Defines a setting as a schema with documentation. Also contains the types of settings that occur more than once. */
import * as z from 'zod';
import { looksLikeToken, shown } from '../credentials.ts';
import { isRecord } from './records.ts';
import { JSON_KEY, secretReference, secretReferenceText } from './secret-reference.ts';

/** What docs/settings.md and error messages say about a setting, in addition to its type. */
export interface SettingDoc {
  readonly description: string;
  readonly allowed: string;
  /** What happens if the setting is absent and has no default value. */
  readonly absent?: string;
  /** What to do if the value is wrong. */
  readonly remedy?: string;
  /** A specific message for this invalid value; `undefined` if the general text is right. */
  readonly explain?: (value: unknown) => Explanation | undefined;
}

/** A message about one invalid value. `SettingDoc` provides the parts that are absent here. */
export interface Explanation {
  readonly given?: string;
  readonly allowed?: string;
  readonly remedy: string;
}

/** Documentation of every setting, next to its schema. */
export const settingDocs = z.registry<SettingDoc>();

/**
 * Documents a schema. It copies the schema, so that two settings with the same schema can have different documentation. Without
 * `allowed`, the schema determines that text.
 */
export function setting<T extends z.ZodType>(schema: T, doc: Omit<SettingDoc, 'allowed'> & Partial<SettingDoc>): T {
  const copy = schema.clone();
  settingDocs.add(copy, { allowed: allowedBy(unwrapped(schema)), ...doc });
  return copy;
}

/** What a schema allows. Empty for a schema that needs its own text. */
function allowedBy(schema: z.core.$ZodType): string {
  if (schema instanceof z.ZodBoolean) return 'true or false';
  if (schema instanceof z.ZodNumber) return `integer from ${schema.minValue} to ${schema.maxValue}`;
  return schema instanceof z.ZodEnum ? schema.options.join(' or ') : '';
}

/** The schema inside `optional()` and `default()`. */
export function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
    ? unwrapped(schema.unwrap())
    : schema;
}

/** For each union of objects, the documented schema of its discriminator. */
export const choices = new WeakMap<z.core.$ZodType, z.core.$ZodType>();

/** The properties of an object schema. For a union of objects, the properties of all objects; earlier objects have priority. */
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

/** The object schema of a union that matches a value's discriminator; `undefined` if none matches. */
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

/** A setting with the retention of a log. */
export const retention = (description: string, absent: string) =>
  setting(oneOf(RETENTION_DAYS).optional(), { description, ...RETENTION_DOC, absent });

/** A retention, or 0 for a log that isn't written. */
export const retentionOrOff = (description: string, absent: string) =>
  setting(oneOf([0, ...RETENTION_DAYS]).optional(), {
    description,
    ...RETENTION_DOC,
    allowed: `0 for no log, or ${RETENTION_DOC.allowed}`,
    absent,
  });

export const oneOf = (values: readonly number[]) => z.number().refine((value) => values.includes(value));
/** An integer in a range that includes both ends. */
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
  const ofKey = keyExplanation(value);
  if (ofKey !== undefined || !value.startsWith('arn:')) return ofKey;
  const [, , service] = value.split(':');
  if (service !== 'secretsmanager') {
    return {
      given: `${shown(value)}, an ARN of ${service === undefined || service === '' ? 'no service' : service}`,
      remedy: 'store the token in Secrets Manager and set the name of that secret',
    };
  }
  return {
    given: `${shown(value)}, without the hyphen and six random characters at the end of a secret's ARN`,
    remedy: `set the complete ARN, or the name alone. This prints the ARN: aws secretsmanager describe-secret --secret-id ${value} --query ARN --output text`,
  };
}

/** For a key of a secret whose whole value is required. */
export function keyExplanation(value: unknown): Explanation | undefined {
  if (typeof value !== 'string') return undefined;
  const isArn = value.startsWith('arn:');
  const parts = value.split(':');
  if (isArn ? parts[2] !== 'secretsmanager' || parts.length < 8 : parts.length < 2) return undefined;
  const secret = isArn ? `use the ARN of the secret, ${parts.slice(0, 7).join(':')}` : `set the name only, ${parts[0]}`;
  return {
    given: `${shown(value)}, which selects only a part of the secret`,
    remedy: `${secret}; the secret must contain only this value`,
  };
}

const SECRET_ID =
  /^(?:[A-Za-z0-9/_+=.@-]{1,512}|arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6})$/;

export const SECRET = z
  .string()
  .regex(SECRET_ID)
  .refine((value) => !looksLikeToken(value));

/** Like {@link SECRET}, or followed by a colon and a key of the secret's JSON object. For secrets that a function reads. */
export const SECRET_OR_KEY = z.string().refine((value) => isReference(value) && !looksLikeToken(value));

/** Like {@link SECRET_OR_KEY}, but with a key only after a complete ARN. For secrets that ECS reads, and for logins. */
export const SECRET_OR_ARN_KEY = SECRET_OR_KEY.refine((value) => value.startsWith('arn:') || !value.includes(':'));

export const SECRET_OR_KEY_DOC = {
  ...SECRET_DOC,
  allowed: `${SECRET_DOC.allowed}; for a key of a JSON object, followed by a colon and the key`,
  explain: (value: unknown) => (typeof value === 'string' ? (wrongKey(value) ?? SECRET_DOC.explain(value)) : undefined),
};

/** A login has the form `name:key` too. So a name with a key isn't accepted, and not shown. */
export const LOGIN_SECRET_DOC = {
  allowed: `${SECRET_DOC.allowed}; for a key of a JSON object, the complete ARN followed by a colon and the key`,
  explain: (value: unknown) => (typeof value === 'string' ? loginSecretExplanation(value) : undefined),
};

function loginSecretExplanation(value: string): Explanation | undefined {
  if (value.startsWith('arn:') || !value.includes(':')) return wrongKey(value) ?? secretExplanation(value);
  return {
    given: `a name or a login with a colon, ${value.length} characters, which aren't shown`,
    remedy:
      'for a key of a JSON secret, set the complete ARN, a colon and the key. This prints the ARN: aws secretsmanager describe-secret --secret-id NAME --query ARN --output text. If it is a login, store it in a secret instead, and change the password if anyone else may have seen it',
  };
}

function isReference(value: string): boolean {
  const { id, jsonKey } = secretReference(value);
  return (
    SECRET_ID.test(id) &&
    (jsonKey === undefined || JSON_KEY.test(jsonKey)) &&
    value === secretReferenceText({ id, jsonKey })
  );
}

/** For a valid secret with a key that isn't allowed. */
export function wrongKey(value: string): Explanation | undefined {
  const { id } = secretReference(value);
  if (value === id || !SECRET_ID.test(id) || isReference(value)) return undefined;
  return {
    given: `${shown(value)}, whose key isn't allowed`,
    remedy: `set ${id}:KEY, with a key of 1 to 128 letters, digits, _, . and -, and without a version`,
  };
}

/**
 * Whether ECS can find this secret. For a secret that is set by name, ECS gets an ARN without the random suffix. If the name ends
 * in a hyphen and six characters, Secrets Manager treats these as the suffix and doesn't find the secret.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
 */
export function isUnambiguous(nameOrArn: string): boolean {
  return nameOrArn.startsWith('arn:') || !/-[A-Za-z0-9]{6}$/.test(nameOrArn);
}
