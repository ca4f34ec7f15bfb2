/**
 * Whether two settings mean the same secret. A setting has the secret's name, or its complete ARN, which ends with the name, a hyphen and six
 * random characters. A key is ignored: IAM can't restrict a reader to one key, so two keys of one secret are the same secret.
 */
import { secretReference } from './secret-reference.ts';

/** Account and region of the stack. A secret that is set by its name is there. */
export interface SecretHome {
  readonly account?: string | undefined;
  readonly region?: string | undefined;
}

/** @param home an account or a region that isn't known is treated as the same */
export function isSameSecret(one: string, other: string, home: SecretHome = {}): boolean {
  const [a, b] = [secretIn(one, home), secretIn(other, home)];
  return (
    canBeEqual(a.account, b.account) &&
    canBeEqual(a.region, b.region) &&
    (a.name === b.name || isNameOf(a, b) || isNameOf(b, a))
  );
}

interface Located extends SecretHome {
  readonly name: string;
  /** How the name would be read if the end of the ARN belonged to it; absent for a name. */
  readonly longName?: string;
}

function secretIn(setting: string, home: SecretHome): Located {
  const { id } = secretReference(setting);
  if (!id.startsWith('arn:')) return { ...home, name: id };
  const [, , , region, account, , longName = ''] = id.split(':');
  return { region, account, name: longName.replace(/-[A-Za-z0-9]{6}$/, ''), longName };
}

/**
 * If a name ends in a hyphen and six characters, Secrets Manager also looks for a secret whose ARN ends like this.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
 */
const isNameOf = (one: Located, other: Located): boolean => one.longName === undefined && one.name === other.longName;

const canBeEqual = (one: string | undefined, other: string | undefined): boolean =>
  one === undefined || other === undefined || one === other;
