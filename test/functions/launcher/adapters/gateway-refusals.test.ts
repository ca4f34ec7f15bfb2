import { describe, expect, it } from 'vitest';
import { GATEWAY_REFUSAL_TABLE, gatewayRefusalOf } from '../../../../functions/launcher/adapters/ec2/refusals.ts';

/**
 * EC2's exact messages from public reports. Account numbers, regions and ids are replaced. The last member is the source: owner/repository and the
 * number of the issue or pull request.
 */
const REPORTED = [
  [
    'VcpuLimitExceeded',
    'You have requested more vCPU capacity than your current vCPU limit of 32 allows for the instance bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.',
    'quota',
    'bentoml/bentoctl #202',
  ],
  [
    'InsufficientInstanceCapacity',
    'We currently do not have sufficient im4gn.xlarge capacity in the Availability Zone you requested (us-east-1c). Our system will be working on provisioning additional capacity. You can currently get im4gn.xlarge capacity by not specifying an Availability Zone in your request or choosing us-east-1b, us-east-1d.',
    'capacity',
    'scylladb/scylla-cluster-tests #5119',
  ],
  [
    'Unsupported',
    'Your requested instance type (t3.micro) is not supported in your requested Availability Zone (us-east-1e). Please retry your request by not specifying an Availability Zone or choosing us-east-1a, us-east-1b, us-east-1c, us-east-1d, us-east-1f.',
    'unsupported',
    'ned1313/Getting-Started-Terraform #44',
  ],
  [
    'Unsupported',
    'The requested configuration is currently not supported. Please check the documentation for supported configurations.',
    'unsupported',
    'hashicorp/terraform-provider-aws #9113',
  ],
  [
    'InvalidAMIID.NotFound',
    "The image id '[ami-0c55b159cbfafe1f0]' does not exist",
    'image',
    'brikis98/terraform-up-and-running-code #65',
  ],
  ['AuthFailure', 'Not authorized for images: [ami-5287d500]', 'image', 'StreisandEffect/streisand #82'],
] as const;

/** Codes of EC2's documentation, for which no public report contains the whole message. */
const BY_CODE = [
  ['UnauthorizedOperation', 'You are not authorized to perform this operation.', 'access'],
  ['PendingVerification', 'Your account is pending verification.', 'access'],
  ['OperationNotPermitted', 'The instance may not be terminated.', 'access'],
  ['InstanceLimitExceeded', 'Your quota allows for 0 more running instance(s).', 'quota'],
  ['VolumeLimitExceeded', 'You have exceeded your maximum gp3 storage limit.', 'quota'],
  ['InsufficientFreeAddressesInSubnet', 'There are not enough free addresses in subnet', 'misconfiguration'],
  ['InvalidLaunchTemplateId.NotFound', 'The specified launch template does not exist.', 'misconfiguration'],
  ['InvalidLaunchTemplateId.VersionNotFound', 'Could not find the specified version 4', 'misconfiguration'],
  ['InvalidNetworkInterfaceID.NotFound', "The networkInterface ID 'eni-1' does not exist", 'misconfiguration'],
  ['InvalidParameterValue', 'Value (gateway) for parameter iamInstanceProfile.name is invalid.', 'misconfiguration'],
  ['InvalidParameterValue', 'Could not read the SSM parameter resolve:ssm:/aws/service/ami', 'image'],
  ['KMSKeyNotAccessibleFault', 'The specified KMS key is not accessible', 'encryption'],
  ['SomethingNew', 'nobody knows it', 'unknown'],
] as const;

describe('a refusal of EC2', () => {
  it.each(REPORTED)('%s is explained: %s', (code, message, cause) => {
    expect(gatewayRefusalOf(code, message)).toMatchObject({ cause, detail: `${code}: ${message}` });
  });

  it.each(BY_CODE)('%s is explained: %s', (code, message, cause) => {
    expect(gatewayRefusalOf(code, message)).toMatchObject({ cause, detail: `${code}: ${message}` });
  });

  it.each([
    ['with an explicit deny in a service control policy', /policy of the organization/],
    ['because no permissions boundary allows the ec2:RunInstances action', /permissions boundary/],
    ['with an explicit deny in a VPC endpoint policy', /VPC endpoint policy/],
  ])('says which kind of policy denies the action: %s', (why, remedy) => {
    const message = `You are not authorized to perform this operation. User: arn:aws:sts::111122223333:assumed-role/kms-role/x is not authorized to perform: ec2:RunInstances ${why}`;
    expect(gatewayRefusalOf('UnauthorizedOperation', message)).toMatchObject({
      cause: 'access',
      remedy: expect.stringMatching(remedy),
    });
  });

  it('does not contain the encoded message, which says nothing to a reader', () => {
    const message =
      'You are not authorized to perform this operation. Encoded authorization failure message: 4GIOHlTkIaWHQD0Q0m6XSnuUMCm-abc_DEF';
    expect(gatewayRefusalOf('UnauthorizedOperation', message).detail).toBe(
      'UnauthorizedOperation: You are not authorized to perform this operation.',
    );
  });

  it('is not explained by a name that a user chose', () => {
    const message = 'Invalid id: arn:aws:ec2:eu-central-1:111122223333:launch-template/kms-encrypt';
    expect(gatewayRefusalOf('InvalidParameterValue', message).cause).toBe('misconfiguration');
  });

  it('has a message without a code or a text', () => {
    expect(gatewayRefusalOf('', '')).toMatchObject({ cause: 'unknown', detail: '' });
    expect(gatewayRefusalOf('Unsupported', '').detail).toBe('Unsupported');
  });

  it('uses every row of the table', () => {
    const policies = ['service control policy', 'permissions boundary', 'VPC endpoint policy'];
    const used = new Set([
      ...[...REPORTED, ...BY_CODE].map(([code, message]) => gatewayRefusalOf(code, message).remedy),
      ...policies.map((kind) => gatewayRefusalOf('UnauthorizedOperation', `explicit deny in a ${kind}`).remedy),
    ]);
    expect(GATEWAY_REFUSAL_TABLE.filter(({ remedy }) => !used.has(remedy))).toEqual([]);
  });
});
