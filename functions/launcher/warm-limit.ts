/**
 * The one rule about warm agents and limits. The settings, the function's environment and the simulation all use it, so that none of them
 * accepts what another rejects.
 */

/**
 * The maximum number of warm agents that may share a limit (`maxAgents` or `agentsCeiling`) with the jobs of so many lanes.
 *
 * An idle agent of one lane can't take a job of another lane, and the launcher never stops an idle agent. Warm agents that fill the limit
 * would therefore make the other lanes wait forever. One lane alone may fill it: its own warm agents take its jobs.
 */
export function mostWarmAgents(limit: number, lanes: number): number {
  return lanes > 1 ? limit - 1 : limit;
}
