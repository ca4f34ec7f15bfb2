import { describe, expect, it } from 'vitest';
import { receivedJob, summaryOf } from '../../../../cli/core/why/agent-log.ts';

const AT = '2026-11-29T12:00:00.000Z';
const REGISTERED = `${AT} [INFO]  core: Agent registered successfully with Terraform Cloud: agent.id=agent-X agent.pool.id=apool-1`;
const WAITING = `${AT} [INFO]  core: Waiting for next job`;

describe('summaryOf', () => {
  it.each([
    ['text', `${AT} [INFO]  core: Job received: job_type=plan job_id=run-Abc1`],
    ['text of older agents', `${AT} [INFO]  core: Job received: job.type=plan job.id=run-Abc1`],
    [
      'JSON',
      `{"@level":"info","@message":"Job received","@module":"core","@timestamp":"${AT}","job_id":"run-Abc1","job_type":"plan"}`,
    ],
  ])('reads the id of a job in %s', (_, line) => {
    expect(summaryOf([REGISTERED, WAITING, line])).toEqual({
      hasRegistered: true,
      jobId: 'run-Abc1',
      failure: undefined,
    });
  });

  it.each([
    [
      'token-rejected',
      `${AT} [ERROR] core: Unexpected HTTP response code: method=POST url=https://app.terraform.io/api/agent/register status=401`,
    ],
    [
      'token-rejected',
      '{"@level":"error","@message":"Unexpected HTTP response code","url":"https://app.terraform.io/api/agent/register","status":401}',
    ],
    [
      'refused',
      `${AT} [ERROR] core: Unexpected HTTP response code: method=POST url=https://terraform.example.com/api/agent/register status=404`,
    ],
    [
      'entrypoint',
      'entrypoint: The agent token in the secret of TFC_AGENT_TOKEN is empty. Store the agent token of the pool there',
    ],
    ['unreachable', `${AT} [ERROR] core: failed: error="dial tcp: lookup app.terraform.io: no such host"`],
    ['unreachable', `${AT} [ERROR] core: failed: error="x509: certificate signed by unknown authority"`],
    ['error', `${AT} [ERROR] core: something new`],
  ])('finds the failure %s in: %s', (cause, line) => {
    expect(summaryOf([line]).failure).toEqual({ cause, line });
  });

  it('keeps the known cause when an unknown error follows', () => {
    const rejected = `${AT} [ERROR] core: Unexpected HTTP response code: method=POST url=https://app.terraform.io/api/agent/register status=401`;
    expect(summaryOf([rejected, `${AT} [ERROR] agent: exiting`]).failure?.line).toBe(rejected);
  });

  it('forgets errors before the agent registered, because the agent tried again', () => {
    expect(summaryOf([`${AT} [ERROR] core: i/o timeout`, REGISTERED, WAITING]).failure).toBeUndefined();
  });

  it("doesn't take the entrypoint's remarks for failures", () => {
    expect(
      summaryOf(["entrypoint: TFC_AGENT_SINGLE is 'false'; an agent of this pool takes one job, so it is set to true."])
        .failure,
    ).toBeUndefined();
  });

  it('says nothing about an empty log', () => {
    expect(summaryOf([])).toEqual({
      hasRegistered: false,
      jobId: undefined,
      failure: undefined,
    });
  });
});

it('reads the id of a job that is not a run', () => {
  const { jobId } = summaryOf([WAITING, `${AT} [INFO]  core: Job received: job_type=assessment job_id=asmt-Abc1`]);
  expect(jobId).toBe('asmt-Abc1');
});

it.each([
  [`${AT} [INFO]  core: Job received: job_type=plan job_id=run-Abc1`, { run: 'run-Abc1', phase: 'plan' }],
  [`${AT} [INFO]  core: Job received: job.type=apply job.id=run-Abc1`, { run: 'run-Abc1', phase: 'apply' }],
  [
    `{"@level":"info","@message":"Job received","@timestamp":"${AT}","job_id":"run-Abc1","job_type":"plan"}`,
    { run: 'run-Abc1', phase: 'plan' },
  ],
  [`${AT} [INFO]  core: Job received: job_type=assessment job_id=asmtres-1`, undefined],
  [`${AT} [INFO]  terraform: Handling run: run.id=run-Abc1 run.operation=plan`, undefined],
])('receivedJob reads the run and the phase in %s', (line, job) => {
  expect(receivedJob(line)).toEqual(job);
});
