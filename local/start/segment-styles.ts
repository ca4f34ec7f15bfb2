/** The style of each kind of segment on the screen and in the timeline, and its meaning. */

import type { GatewayPhase } from '../gateway/local-gateway.ts';
import type { SegmentKind } from './segments.ts';
import type { Style } from './terminal/line.ts';

export interface SegmentStyle {
  readonly mark: string;
  readonly style: Style;
  readonly word: string;
  readonly meaning: string;
}

export const SEGMENT_STYLES: Readonly<Record<SegmentKind, SegmentStyle>> = {
  pending: { mark: '·', style: 'dim', word: 'waits its turn', meaning: 'an earlier run of its workspace comes first' },
  queued: { mark: '░', style: 'yellow', word: 'queued', meaning: 'no container yet' },
  starting: { mark: '▒', style: 'cyan', word: 'starting', meaning: 'a container is starting' },
  busy: { mark: '█', style: 'green', word: 'busy', meaning: 'an agent executes the job' },
  lost: { mark: '×', style: 'red', word: 'lost', meaning: 'the agent is dead, and HCP Terraform still waits for it' },
  waiting: { mark: '╌', style: 'magenta', word: 'waits for a person', meaning: 'the plan needs a confirmation' },
  stopping: { mark: '▁', style: 'dim', word: 'stopping', meaning: 'the job is done, and the container stops' },
};

/** The same for the gateway of the egress mode `on-demand`. */
export const GATEWAY_STYLES: Readonly<Record<GatewayPhase, SegmentStyle>> = {
  asleep: {
    mark: '·',
    style: 'dim',
    word: 'asleep',
    meaning: 'the instance is stopped, and tasks have no egress path',
  },
  starting: { mark: '▒', style: 'cyan', word: 'starting', meaning: 'launches wait for the gateway' },
  awake: { mark: '█', style: 'green', word: 'awake', meaning: 'tasks can reach the allowed hosts' },
  stopping: { mark: '▁', style: 'dim', word: 'stopping', meaning: 'nothing has used the gateway for some time' },
  absent: { mark: ' ', style: 'dim', word: 'absent', meaning: 'the launcher replaces the instance' },
};
