/** What the launcher's last tick logged about the gateways of `network.egress: on-demand`. */
import type { GatewayProblemLine, TickLine } from '../../functions/launcher/log-lines.ts';
import { duration } from './durations.ts';
import { sentence } from './sentences.ts';
import type { GatewayStatus, Status } from './status-json.ts';
import { describeError, type TickError } from './tick-errors.ts';

type Problem = Status['problems'][number];

export function gatewaysIn({ gateways = [], gatewayProblems = [] }: TickLine): GatewayStatus[] {
  return gateways.map(({ gateway, status, instance, ageDays, startSeconds }) => ({
    name: gateway,
    // A gateway that EC2 refuses to start seems to be asleep.
    state: gatewayProblems.some((problem) => problem.gateway === gateway) ? 'problem' : status,
    instance: instance ?? null,
    ageDays: ageDays ?? null,
    startSeconds: startSeconds ?? null,
  }));
}

/** The problems of the gateways, and what the launcher could not read or do. */
export function gatewayProblemsIn({ gatewayProblems = [], gatewayErrors = [] }: TickLine): Problem[] {
  return [
    ...gatewayProblems.map((problem) => ({ what: describeGatewayProblem(problem), do: sentence(problem.remedy) })),
    ...gatewayErrors.map((error) => ({ what: describeGatewayError(error), do: GATEWAY_ERROR_REMEDY })),
  ];
}

export function describeGatewayProblem({ gateway, cause, detail }: GatewayProblemLine): string {
  return `The gateway ${gateway} has a problem (${cause}): ${sentence(detail)}`;
}

export function describeGatewayError(error: TickError): string {
  return `The launcher could not look after its gateways. ${sentence(describeError(error))}`;
}

export const GATEWAY_ERROR_REMEDY =
  'The launcher tries again in every tick, and launches nothing until then. If it continues, do what the message says. Background: docs/runbook.md, "Ticks fail".';

/** One gateway in a few words: `gateway-1 awake, started in 9 s`. */
export function gatewayText({ name, state, startSeconds, ageDays }: GatewayStatus): string {
  const short = name.slice(name.lastIndexOf('/') + 1);
  const started = state === 'awake' && startSeconds !== null ? `, started in ${duration(startSeconds * 1000)}` : '';
  const age = ageDays !== null && ageDays >= 1 ? `, ${Math.floor(ageDays)} d old` : '';
  return `${short} ${state}${started}${age}`;
}
