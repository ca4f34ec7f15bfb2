import type { StartCause } from './start-cause-table.ts';

/** Exit codes of agent-image/entrypoint.sh and of shells. HashiCorp doesn't document those of tfc-agent. */
export const EXIT_CODES: Readonly<Record<number, StartCause>> = {
  0: {
    cause: 'agent',
    remedy: 'the container ended well without ever registering an agent: this is not an image of tfc-agent',
  },
  69: {
    cause: 'container',
    remedy:
      'the entrypoint could not learn the task’s id from the task metadata endpoint, and did not start the agent: it passes; if it lasts, ask AWS Support',
  },
  78: {
    cause: 'container',
    remedy:
      'the entrypoint refused a setting or found no folder to write to: the last line of the task’s log says which',
  },
  126: {
    cause: 'container',
    remedy:
      'tfc-agent is there and cannot be run: it lacks the permission, or is for another CPU architecture than the pool’s',
  },
  127: {
    cause: 'container',
    remedy: 'the image has no tfc-agent on PATH nor in /home/tfc-agent/bin: use one made from hashicorp/tfc-agent',
  },
  137: {
    cause: 'memory',
    remedy: 'the container was killed, most often for its memory: raise memoryMiB; HashiCorp asks for 2 GiB at least',
  },
};
