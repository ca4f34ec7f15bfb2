/** References to secrets in the settings. Their form is that of the launcher's variables. */
export {
  type SecretReference,
  secretReference,
  secretReferenceText,
} from '../../functions/launcher/core/secret-reference.ts';

/** The keys that a setting can select. ECS separates a key from what follows it with a colon. */
export const JSON_KEY = /^[A-Za-z0-9_.-]{1,128}$/;
