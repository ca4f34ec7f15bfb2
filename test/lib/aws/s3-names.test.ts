import { describe, expect, it } from 'vitest';
import { bucketsIn, s3Name } from '../../../lib/aws/s3-names.ts';
import { networkIn } from '../network/reachability/network-model.ts';
import { findings } from '../network/reachability/probes.ts';
import { propertiesOf, templateOf } from '../synthesis.ts';

describe('an S3 hostname', () => {
  it.each([
    ['acme-modules.s3.eu-central-1.amazonaws.com', 'acme-modules'],
    ['acme.modules.s3.eu-central-1.amazonaws.com', 'acme.modules'],
    ['acme-modules.s3.amazonaws.com', 'acme-modules'],
    ['acme-modules.s3-eu-west-1.amazonaws.com', 'acme-modules'],
    ['acme-modules.s3.dualstack.eu-west-1.amazonaws.com', 'acme-modules'],
    ['acme-modules.s3.cn-north-1.amazonaws.com.cn', 'acme-modules'],
    ['acme-modules.s3.eusc-de-east-1.amazonaws.eu', 'acme-modules'],
  ])('%s has the bucket %s', (name, bucket) => {
    expect(s3Name(name)).toEqual({ bucket });
  });

  it.each(['s3.eu-central-1.amazonaws.com', 's3.amazonaws.com', 'ap-1.s3-accesspoint.eu-west-1.amazonaws.com'])(
    '%s has no bucket',
    (name) => {
      expect(s3Name(name)).toEqual({ bucket: undefined });
    },
  );

  it.each([
    'ec2.eu-central-1.amazonaws.com',
    's3.example.com',
    'a.s3.amazonaws.com.evil.example',
    'acme.s3-accelerate.amazonaws.com',
  ])('is not %s', (name) => {
    expect(s3Name(name)).toBeUndefined();
  });
});

describe('a bucket that is allowed by its hostname', () => {
  const network = { allowedDomains: ['acme-modules.s3.eu-central-1.amazonaws.com', 'app.terraform.io'] };
  const template = templateOf({ network });

  it('is the only bucket that the endpoint allows', () => {
    const endpoint = propertiesOf(template, 'AWS::EC2::VPCEndpoint').find((each) => each.VpcEndpointType === 'Gateway');
    const named = endpoint.PolicyDocument.Statement.filter(
      ({ Sid }: { Sid: string }) => Sid === 'BucketsAllowedByName',
    );
    expect(JSON.stringify(named)).toMatch(/:s3:::acme-modules".*:s3:::acme-modules\/\*"/);
    const found = findings(networkIn(template.toJSON())).find(({ what }) => what.startsWith("someone else's bucket"));
    expect(found).toMatchObject({ reached: false });
  });

  it('is in the endpoint’s policy once', () => {
    expect(bucketsIn(['a.s3.amazonaws.com', 'a.s3.eu-west-1.amazonaws.com', 'example.com'])).toEqual(['a']);
  });
});
