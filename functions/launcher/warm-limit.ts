/**
 * The rule about warm agents and limits. The settings, the function's environment and the simulation all use this rule, so all of them
 * accept the same values.
 */

/**
 * The maximum number of warm agents under a limit (`maxAgents` or `agentsCeiling`) that applies to the given number of lanes.
 *
 * An idle agent of one lane can't take a job of another lane, and the launcher never stops an idle agent. So if warm agents used up the
 * limit, the jobs of the other lanes would wait forever. A single lane can use up the limit, because its warm agents take its jobs.
 */
export function mostWarmAgents(limit: number, lanes: number): number {
  return lanes > 1 ? limit - 1 : limit;
}
