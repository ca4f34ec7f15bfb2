/** Settings of every role that the stack creates. */
import * as z from 'zod';
import { shown } from '../credentials.ts';
import { setting } from './fields.ts';

/** IAM's characters of a role's name. The length leaves space for the rest of the name. */
const PREFIX = /^[\w+=,.@-]{1,24}$/;

/** https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html allows more characters, but few tools do. */
const PATH = /^(?=.{3,512}$)\/(?:[\w+=,.@-]+\/)+$/;

const POLICY_NAME = String.raw`[\w+=,.@-]+(?:/[\w+=,.@-]+)*`;

/** The name of a policy, with its path if it has one, or an ARN, in which two values can be CloudFormation's. */
const BOUNDARY = new RegExp(
  String.raw`^(?:${POLICY_NAME}|arn:(?:aws[a-z-]*|\$\{AWS::Partition\}):iam::(?:aws|\d{12}|\$\{AWS::AccountId\}):policy/${POLICY_NAME})$`,
);

/** What CloudFormation replaces in an ARN. */
const PSEUDO = ['AWS::AccountId', 'AWS::Partition'].map((name) => `\${${name}}`);

const RENAMED =
  'A change replaces all roles, and jobs that are running then lose their AWS credentials: run `drain` before.';

export const roleSettings = z.strictObject({
  namePrefix: setting(z.string().regex(PREFIX).optional(), {
    description: `Prefix of the names of all roles. After the prefix, a name has a part that says what the role is for, a hash and the region. So several stacks can have the same prefix. ${RENAMED}`,
    allowed: '1 to 24 letters, digits and characters of _+=,.@-',
    absent: 'CloudFormation chooses the names, which begin with `stackName`',
  }),
  path: setting(z.string().regex(PATH).optional(), {
    description: `Path of all roles. ${RENAMED}`,
    allowed: 'up to 512 characters that begin and end with /, such as /terraform/agents/',
    explain: (value) => {
      const corrected = `/${String(value).replaceAll(/^\/+|\/+$/g, '')}/`;
      return typeof value === 'string' && corrected !== value && PATH.test(corrected)
        ? { remedy: `write it as ${corrected}` }
        : undefined;
    },
    absent: '`/`',
  }),
  permissionsBoundary: setting(z.string().regex(BOUNDARY).optional(), {
    description:
      'Permissions boundary of all roles that the stack creates. The boundary must allow what the roles need; docs/roles.md lists it.',
    allowed: `the name of a managed policy in the account, with its path if it has one; or an ARN, in which ${PSEUDO.join(' and ')} stand for the account and the partition of the stack`,
    remedy:
      "set the policy's name or ARN. This prints the ARNs of your policies: aws iam list-policies --scope Local --query 'Policies[].Arn'",
    explain: (value) =>
      typeof value === 'string' && /^arn:[^:]*:iam:.*:(?!policy\/)/.test(value)
        ? {
            given: `${shown(value)}, which isn't the ARN of a policy`,
            remedy: 'use the ARN of a managed policy, which contains :policy/',
          }
        : undefined,
    absent: 'no boundary',
  }),
});
