import type { StartCause } from './start-cause-table.ts';

/** Exit codes of agent-image/entrypoint.sh and of shells. HashiCorp doesn't document the exit codes of tfc-agent. */
export const EXIT_CODES: Readonly<Record<number, StartCause>> = {
  0: {
    cause: 'agent',
    remedy:
      'the container exited with 0, but no agent registered. The image is probably not a tfc-agent image: use one that is built from hashicorp/tfc-agent',
  },
  69: {
    cause: 'container',
    remedy:
      'the entrypoint could not read the task’s id from the task metadata endpoint, so it did not start the agent. This is usually temporary. If it continues, ask AWS Support',
  },
  78: {
    cause: 'container',
    remedy:
      'the entrypoint rejected a setting or found no writable folder. Correct what the last line of the task’s log reports',
  },
  126: {
    cause: 'container',
    remedy:
      'tfc-agent cannot be executed: the file is not executable, or it is for a different CPU architecture than the pool’s. Make it executable in the image, or set the pool’s architecture to the image’s',
  },
  127: {
    cause: 'container',
    remedy:
      'the image contains no tfc-agent on PATH or in /home/tfc-agent/bin. Use an image built from hashicorp/tfc-agent',
  },
  137: {
    cause: 'memory',
    remedy:
      'the container was killed, most likely because it ran out of memory. Raise memoryMiB (HashiCorp requires at least 2 GiB)',
  },
};
