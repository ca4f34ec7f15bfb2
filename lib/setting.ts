/** A single setting: its schema with its documentation, and the kinds of setting that occur more than once. */
import * as z from 'zod';
import { isOlder, OLDEST_AGENT_VERSION, versionOfImage } from './agent-version.ts';
import { looksLikeToken } from './settings-faults.ts';

/** What is said about a setting beside its type: in the README's table, and in a message when it is wrong. */
export interface SettingDoc {
  readonly description: string;
  /** What may be given. */
  readonly allowed: string;
  /** What happens when it is not given, where there is no default value that could be printed. */
  readonly absent?: string;
  /** What to do when it is wrong, where "give one of the allowed" does not say it. */
  readonly remedy?: string;
}

/** Documentation of every setting, beside its schema. */
export const settingDocs = z.registry<SettingDoc>();

/** Documents a schema. The same schema in two places is two settings, so each place has a copy of it. */
export function setting<T extends z.ZodType>(schema: T, doc: SettingDoc): T {
  const copy = schema.clone();
  settingDocs.add(copy, doc);
  return copy;
}

/** A schema without what makes it optional or gives it a default. */
export function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
    ? unwrapped(schema.unwrap())
    : schema;
}

/** Periods that CloudWatch Logs can keep logs for. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
export const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/** One of a few numbers. */
export const oneOf = (values: readonly number[]) => z.number().refine((value) => values.includes(value));
/** A whole number, both ends included. */
export const whole = (from: number, to: number) => z.int().min(from).max(to);

/** Name of an organization in HCP Terraform. */
export const ORGANIZATION = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]*$/);
export const ORGANIZATION_ALLOWED = "the organization's name as in its URL: letters, digits, - and _";

/** A secret in Secrets Manager, by its name or complete ARN, with what is said about it. */
export const SECRET_ALLOWED = 'name or complete ARN (with its six random characters) of a secret in Secrets Manager';
export const SECRET_REMEDY =
  'create the secret (aws secretsmanager create-secret --name … --secret-string file://…) and give its name here; never the token itself';
export const SECRET = z
  .string()
  .regex(
    /^(?:[A-Za-z0-9/_+=.@-]{1,512}|arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6})$/,
  )
  .refine((value) => !looksLikeToken(value));

/** `host/path:tag`, `host/path@sha256:…`; no tag and `latest` would change under a running deployment. */
export const IMAGE = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._:/-]*(?::(?!latest$)[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|@sha256:[0-9a-f]{64})$/)
  .refine((reference) => !isOlder(versionOfImage(reference) ?? OLDEST_AGENT_VERSION, OLDEST_AGENT_VERSION));
export const IMAGE_DOC = {
  allowed:
    'reference with a tag that is not latest, or with a digest: hashicorp/tfc-agent:1.33.0, …@sha256:…; an agent from 1.21.1 on, which hides its token from jobs',
  remedy: 'pin the image: an unpinned one changes between two jobs',
};
