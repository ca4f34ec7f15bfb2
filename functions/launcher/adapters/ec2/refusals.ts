import type { GatewayRefusal } from '../../core/gateway-types.ts';
import { DENIALS } from '../denials.ts';

/** A row of the table. The first matching row determines the cause. `code` matches EC2's error code, `words` matches its code or message. */
export interface GatewayRefusalRow {
  readonly code?: RegExp;
  readonly words?: RegExp;
  readonly cause: GatewayRefusal['cause'];
  readonly remedy: string;
}

const IMAGE_REMEDY =
  'the image of the gateway no longer exists. Deploy the stack again, which takes the newest Amazon Linux 2023';

/**
 * Why EC2 doesn't create, start, stop or end an instance. The descriptions of the codes are in
 * https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-error-codes.html
 */
export const GATEWAY_REFUSAL_TABLE: readonly GatewayRefusalRow[] = [
  ...DENIALS,
  {
    words: /Not authorized for images/i,
    cause: 'image',
    remedy: IMAGE_REMEDY,
  },
  {
    code: /^(UnauthorizedOperation|AuthFailure|InvalidClientTokenId|SignatureDoesNotMatch|ExpiredToken|RequestExpired)$/,
    cause: 'access',
    remedy:
      'the function’s role is not allowed to do this. Deploy the stack again. If that doesn’t help, check permissions boundaries and service control policies',
  },
  {
    code: /^(Blocked|OptInRequired|PendingVerification)$/,
    cause: 'access',
    remedy:
      'AWS has blocked this account or hasn’t verified it yet, and deploying again doesn’t help. Open a case with AWS Support',
  },
  {
    code: /^OperationNotPermitted$/,
    cause: 'access',
    remedy:
      'the instance is protected against being ended. The launcher turns that off and tries again. If it continues, turn off termination protection in the EC2 console',
  },
  {
    code: /^Insufficient(InstanceCapacity|HostCapacity|ReservedInstanceCapacity|Capacity)$/,
    cause: 'capacity',
    remedy:
      'EC2 has no capacity for this instance type in this Availability Zone. The launcher tries again in every tick. If it continues, choose another network.gatewayInstanceType',
  },
  {
    code: /^InsufficientFreeAddressesInSubnet$|^InsufficientAddressCapacity$/,
    cause: 'misconfiguration',
    remedy:
      'the gateway’s subnet or EC2’s pool has no free IP address. Remove what else uses the subnet, or try again later',
  },
  {
    code: /^(VcpuLimitExceeded|InstanceLimitExceeded|VolumeLimitExceeded|MaxIOPSLimitExceeded|AddressLimitExceeded)$/,
    cause: 'quota',
    remedy:
      'the account has reached a quota. Raise it in Service Quotas (EC2, Running On-Demand Standard instances: L-1216C47A), or stop other instances',
  },
  {
    code: /^(Unsupported|UnsupportedOperation|InvalidInstanceType)$/,
    cause: 'unsupported',
    remedy:
      'this Availability Zone doesn’t offer the instance type. Choose another network.gatewayInstanceType, or other zones in network.availabilityZones',
  },
  {
    code: /^InvalidAMI/,
    cause: 'image',
    remedy: IMAGE_REMEDY,
  },
  {
    words: /resolve:ssm|ssm parameter|ami-amazon-linux/i,
    cause: 'image',
    remedy:
      'EC2 could not read the public parameter with the newest Amazon Linux 2023. Try again later. If it continues, deploy the stack again',
  },
  {
    words: /\bKms|KMS\b|\bencrypt/i,
    cause: 'encryption',
    remedy:
      'EC2 could not use the key that encrypts the gateway’s disk. Enable the key, and allow the function’s role to use it (kms:CreateGrant, kms:GenerateDataKeyWithoutPlaintext and others)',
  },
  {
    code: /^(InvalidLaunchTemplate|InvalidNetworkInterfaceID|InvalidSubnetID|InvalidGroup|InvalidParameter|InvalidIamInstanceProfile|IdempotentParameterMismatch|Missing)/,
    cause: 'misconfiguration',
    remedy:
      'the launch template, the network interface or what they refer to was changed or deleted after the deployment. Deploy the stack again',
  },
];

/** EC2 appends an encoded message, which only the account's administrators can decode. */
const ENCODED = /\s*Encoded authorization failure message: \S+/;

/** Finds the cause and the remedy of a refused change. @param code - EC2's error code. */
export function gatewayRefusalOf(code: string, message: string): GatewayRefusal {
  const detail = [code, message.replace(ENCODED, '').trim()].filter((part) => part !== '').join(': ');
  const words = detail.replace(/\barn:[^\s'"]+/g, 'ARN');
  const row = GATEWAY_REFUSAL_TABLE.find(
    (one) => (one.code === undefined || one.code.test(code)) && (one.words === undefined || one.words.test(words)),
  );
  return {
    cause: row?.cause ?? 'unknown',
    detail,
    remedy: row?.remedy ?? 'the launcher does not know this message. Search the error codes of the EC2 API for it',
  };
}
