/** How long an agent can wait for a job at most. The function doesn't know the pool's own values, so it uses the limits of the settings. */

/** The longest time that the settings allow a warm agent to wait for a job (`warmAgents.idleMinutes`), in milliseconds. */
export const MOST_WARM_IDLE_MS = 24 * 60 * 60_000;

/** The longest time that the settings allow any other agent to wait for a job (`idleWindowSeconds`), in milliseconds. */
export const MOST_IDLE_WINDOW_MS = 60 * 60_000;
