import { expect, it } from 'vitest';
import { startCauseOf } from '../../../../functions/launcher/core/start-causes.ts';

// Texts as ECS and its users report them.
it.each([
  [
    'CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref docker.io/hashicorp/tfc-agent:9.9.9: not found',
    'image',
    /name, tag or architecture/,
  ],
  [
    'CannotPullContainerError: ref pull has been retried 1 time(s): failed to copy: httpReaderSeeker: failed open: failed to do request: Get "https://prod-eu-central-1-starport-layer-bucket.s3.eu-central-1.amazonaws.com/…": dial tcp: i/o timeout',
    'image',
    /S3/,
  ],
  [
    'CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to do request: Head "https://registry-1.docker.io/…": dial tcp 34.1.1.1:443: i/o timeout',
    'image',
    /no way to the registry/,
  ],
  ['CannotPullContainerError: toomanyrequests: You have reached your pull rate limit', 'image', /pull limit/],
  [
    'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s)',
    'secret',
    /agent token’s secret/,
  ],
  [
    'ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon CloudWatch log group',
    'log',
    /CloudWatch Logs/,
  ],
  ['ResourceInitializationError: failed to create network interface', 'network', /service control policy/],
  [
    'Unexpected EC2 error while attempting to Create Network Interface in subnet subnet-1: InsufficientFreeAddressesInSubnet',
    'addresses',
    /larger or further subnets/,
  ],
  ['OutOfMemoryError: Container killed due to memory usage; exit code 137', 'memory', /memoryMiB/],
  ['Essential container in task exited; exit code 137', 'memory', /too small/],
  ['Capacity is unavailable at this time', 'capacity', /further zones/],
  ['its agent registered and ended without a job; exit code 75', 'no-job', /TFC_AGENT_ACCEPT/],
  ['agent-launcher: its agent did not register within 300 s; exit code 137', 'registration', /egress/],
  ['Essential container in task exited; permission denied; exit code 126', 'agent', /its log/],
  ['agent-launcher: its agent did not register within 300 s; exit code 143', 'registration', /egress/],
  ['Essential container in task exited; exit code 1', 'agent', /agent token/],
  ['Essential container in task exited; exit code 0', 'agent', /not an image of tfc-agent/],
  ['ECS gave no reason', 'unknown', /task’s log/],
])('%s → %s', (detail, cause, remedy) => {
  const found = startCauseOf(detail);
  expect(found.cause).toBe(cause);
  expect(found.remedy).toMatch(remedy);
});
