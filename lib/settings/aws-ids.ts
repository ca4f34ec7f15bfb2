/** IDs of AWS resources in the settings. */
import { shown } from '../credentials.ts';

/** IDs have 17 hexadecimal digits. IDs from before 2018 have 8. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html */
export const ID = {
  vpc: /^vpc-(?:[0-9a-f]{8}|[0-9a-f]{17})$/,
  subnet: /^subnet-(?:[0-9a-f]{8}|[0-9a-f]{17})$/,
  sg: /^sg-(?:[0-9a-f]{8}|[0-9a-f]{17})$/,
  eipalloc: /^eipalloc-(?:[0-9a-f]{8}|[0-9a-f]{17})$/,
};

/**
 * ARN of a role, with or without a path. A path has up to 512 characters, which can be any visible ones. The parts of a path are never empty.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
 */
export const ROLE_ARN = /^arn:aws[a-z-]*:iam::\d{12}:role\/(?=.{1,575}$)(?:[!-.0-~]+\/)*[\w+=,.@-]{1,64}$/;

/** Documentation of the IDs. */
export const ID_DOC = {
  vpc: idDoc('vpc', 'describe-vpcs --query "Vpcs[].VpcId"'),
  subnet: idDoc('subnet', 'describe-subnets --query "Subnets[].[VpcId,SubnetId]"'),
  sg: idDoc('sg', 'describe-security-groups --query "SecurityGroups[].[VpcId,GroupId]"'),
  eipalloc: idDoc('eipalloc', 'describe-addresses --query "Addresses[].[PublicIp,AllocationId]"'),
};

function idDoc(prefix: keyof typeof ID, command: string) {
  const remedy = `copy the ID from the console. This lists yours: aws ec2 ${command} --output text`;
  return {
    allowed: `${prefix}- and 8 or 17 hex digits`,
    remedy,
    explain: (value: unknown) => {
      const digits = typeof value === 'string' && value.startsWith(`${prefix}-`) ? value.slice(prefix.length + 1) : '';
      if (digits === '') return undefined;
      const wrong = /^[0-9a-f]*$/.test(digits)
        ? `has ${digits.length} digits`
        : 'has characters that are not 0-9 or a-f';
      return {
        given: `${shown(value)}, which ${wrong} after ${prefix}-`,
        allowed: `${prefix}- and 8 or 17 hex digits`,
        remedy,
      };
    },
  };
}
