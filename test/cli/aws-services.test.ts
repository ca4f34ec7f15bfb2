import { expect, test } from 'vitest';
import { unknownServices } from '../../cli/aws-services.ts';

/** A resolver that knows some hosts. */
const knows =
  (...hosts: string[]) =>
  async (host: string): Promise<void> => {
    if (!hosts.includes(host)) throw Object.assign(new Error(host), { code: 'ENOTFOUND' });
  };

test('a service without a host in the region is unknown', async () => {
  const resolve = knows('sts.eu-central-1.amazonaws.com', 'iam.amazonaws.com', 's3.eu-central-1.amazonaws.com');
  expect(await unknownServices(['sts', 'iam', 's3', 'foo'], 'eu-central-1', resolve)).toEqual([
    { service: 'foo', host: 'foo.eu-central-1.amazonaws.com' },
  ]);
});

test('the hosts of China have their own domain', async () => {
  const resolve = knows('sts.cn-north-1.amazonaws.com.cn');
  expect(await unknownServices(['sts'], 'cn-north-1', resolve)).toEqual([]);
});

test('a machine that resolves no host of AWS finds nothing out', async () => {
  expect(await unknownServices(['foo'], 'eu-central-1', knows())).toBeUndefined();
  const unreachable = async (): Promise<never> => {
    throw Object.assign(new Error('x'), { code: 'EAI_AGAIN' });
  };
  expect(await unknownServices(['foo'], 'eu-central-1', unreachable)).toBeUndefined();
});
