import { Aws } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { endpointService, HOST_DOMAINS, partitionOf, REGION, suffixOf } from '../../../lib/aws/partitions.ts';

describe('a region', () => {
  it.each([
    ['eu-central-1', 'aws', 'amazonaws.com'],
    ['cn-north-1', 'aws-cn', 'amazonaws.com.cn'],
    ['us-gov-west-1', 'aws-us-gov', 'amazonaws.com'],
    ['us-isob-east-1', 'aws-iso-b', 'sc2s.sgov.gov'],
    ['eusc-de-east-1', 'aws-eusc', 'amazonaws.eu'],
  ])('%s is in the partition %s, and its hosts are in %s', (region, partition, domain) => {
    expect(region).toMatch(REGION);
    expect(partitionOf(region)).toBe(partition);
    expect(suffixOf(region, '')).toBe(domain);
    expect(HOST_DOMAINS).toContain(domain);
  });

  it('is treated as part of the standard partition, with the given domain, if the CDK does not know it', () => {
    expect(partitionOf(Aws.REGION)).toBe('aws');
    expect(suffixOf(Aws.REGION, Aws.URL_SUFFIX)).toBe(Aws.URL_SUFFIX);
  });
});

it.each([
  ['com.amazonaws.eu-central-1.ecr.api', 'ecr.api'],
  ['com.amazonaws.us-gov-west-1.secretsmanager', 'secretsmanager'],
  ['cn.com.amazonaws.cn-north-1.ecr.dkr', 'ecr.dkr'],
  ['com.amazonaws.cn-north-1.logs', 'logs'],
  ['eu.amazonaws.eusc-de-east-1.logs', 'logs'],
  ['aws.api.eu-central-1.kendra-ranking', 'kendra-ranking'],
  ['com.amazonaws.s3-global.accesspoint', 'com.amazonaws.s3-global.accesspoint'],
])('the service of the endpoint %s is %s', (name, service) => {
  expect(endpointService(name)).toBe(service);
});
