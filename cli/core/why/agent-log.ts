/**
 * What the log of a `tfc-agent` says. The lines are text (`… [INFO]  core: Job received: job_type=plan job_id=run-…`) or JSON
 * (`{"@message":"Job received",…}`). https://developer.hashicorp.com/terraform/cloud-docs/agents/logging
 *
 * HashiCorp documents few messages. These patterns follow lines that HashiCorp and users published, such as
 * `[ERROR] core: Unexpected HTTP response code: method=POST url=https://…/api/agent/register status=404`. The launcher's entrypoint
 * writes lines that begin with `entrypoint:`.
 */
import { PHASES, type Phase } from '../../../functions/launcher/contract.ts';

export interface AgentLogSummary {
  readonly hasRegistered: boolean;
  /** Id of the job that the agent received: the run's id, or that of another kind of job such as a health assessment. */
  readonly jobId?: string | undefined;
  readonly failure?: AgentFailure | undefined;
}

export interface AgentFailure {
  readonly cause: 'token-rejected' | 'refused' | 'entrypoint' | 'unreachable' | 'error';
  /** The line that shows it. */
  readonly line: string;
}

const FAILURES: readonly (readonly [AgentFailure['cause'], RegExp])[] = [
  ['token-rejected', /api\/agent\/\S+.*\bstatus(?:=|":\s?)"?401\b|rejected the agent token \(401\)/i],
  ['refused', /api\/agent\/\S+.*\bstatus(?:=|":\s?)"?(?:403|404|409|422)\b|refused to register this agent/i],
  ['entrypoint', /^entrypoint: (?!.*(?:so it is set|is not forwarded|can be read, so))/],
  [
    'unreachable',
    /no such host|i\/o timeout|connection (?:refused|reset)|context deadline exceeded|certificate (?:signed by unknown|verif)|x509:|TLS handshake timeout|no response \(/i,
  ],
  ['error', /\[ERROR\]|"@level":\s?"error"/],
];

/** @param lines oldest first */
export function summaryOf(lines: readonly string[]): AgentLogSummary {
  let hasRegistered = false;
  let jobId: string | undefined;
  let failure: AgentFailure | undefined;
  for (const line of lines) {
    if (/Agent registered successfully/.test(line)) {
      hasRegistered = true;
      failure = undefined;
    } else if (/Job received/.test(line)) {
      jobId = /job[._]id(?:=|":\s?")"?([\w-]+)/.exec(line)?.[1] ?? jobId;
    } else failure = worse(failure, failureIn(line));
  }
  return { hasRegistered, jobId, failure };
}

/** The job of a run in a line `Job received`; `undefined` for another line, or for a job of another kind. */
export function receivedJob(line: string): { readonly run: string; readonly phase: Phase } | undefined {
  if (!/Job received/.test(line)) return undefined;
  const type = /job[._]type(?:=|":\s?")"?(\w+)/.exec(line)?.[1];
  const run = /job[._]id(?:=|":\s?")"?(run-\w+)/.exec(line)?.[1];
  const phase = PHASES.find((one) => one === type);
  return run === undefined || phase === undefined ? undefined : { run, phase };
}

function failureIn(line: string): AgentFailure | undefined {
  const cause = FAILURES.find(([, pattern]) => pattern.test(line))?.[0];
  return cause === undefined ? undefined : { cause, line };
}

/** A failure with a known cause says more than one without. */
function worse(known: AgentFailure | undefined, found: AgentFailure | undefined): AgentFailure | undefined {
  if (found === undefined) return known;
  if (known === undefined) return found;
  const rank = ({ cause }: AgentFailure): number => FAILURES.findIndex(([of]) => of === cause);
  return rank(found) <= rank(known) ? found : known;
}
