/** Tests agents that behave badly. They run at the same time, because they only wait. */
import { afterAll, beforeAll, expect } from 'vitest';
import { describeUnless } from '../../test/unless.ts';
import { JOB, WAITING } from './agent-log.ts';
import { AgentContainers, checkEach, engine, engineOk, NO_ENGINE } from './container-engine.ts';

const ZOMBIES = "cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) \\(.\\) .*/\\1/' | grep -c Z";
const PRELUDE = `trap 'echo signal' TERM; seconds() { n=0; while [ $n -lt $(($1 * 10)) ]; do n=$((n + 1)); sleep 0.1; done; echo; echo "zombies $(${ZOMBIES})"; }`;

interface HostileAgent {
  readonly does: string;
  readonly script: string;
  readonly code: number;
  readonly signals: number;
}

const HOSTILE: readonly HostileAgent[] = [
  { does: 'ignores SIGTERM', script: `${WAITING}; seconds 4; exit 9`, code: 9, signals: 1 },
  {
    does: 'leaves a hundred orphan processes, one of which keeps the output open and ignores every signal',
    script: `${JOB}
      (trap '' TERM HUP INT; exec sleep 300) &
      n=0; while [ "$n" -lt 100 ]; do n=$((n + 1)); sh -c 'sleep 0.1 & exit' & done
      seconds 4; exit 4`,
    code: 4,
    signals: 0,
  },
  { does: 'dies with its job', script: `${JOB}; seconds 1; kill -KILL $$`, code: 137, signals: 0 },
  {
    does: 'dies on its SIGTERM',
    script: `trap 'echo signal; kill -KILL $$' TERM; ${WAITING}; seconds 9`,
    code: 137,
    signals: 1,
  },
  { does: 'logs garbage', script: `${WAITING}; head -c 100000 /dev/urandom; seconds 3; exit 3`, code: 3, signals: 0 },
  { does: 'logs in another format', script: `echo 'msg="waiting for work"'; seconds 3; exit 3`, code: 3, signals: 0 },
  { does: 'logs nothing', script: 'seconds 3; exit 3', code: 3, signals: 0 },
  {
    does: 'runs a Stacks job, which has no hooks',
    script: `${WAITING}; ${JOB.replace('job_type=plan', 'job_type=stack_plan')}; seconds 3; exit 0`,
    code: 0,
    signals: 0,
  },
  {
    does: 'runs a job that prints the log line of an idle agent',
    script: `${WAITING}; ${JOB}; ${WAITING}; seconds 3; exit 0`,
    code: 0,
    signals: 0,
  },
];

describeUnless(NO_ENGINE, 'hostile agents in a container', () => {
  const containers = new AgentContainers();
  const names = new Map<string, string>();
  beforeAll(() => {
    containers.build();
    for (const { does, script } of HOSTILE) {
      names.set(does, containers.start(`${PRELUDE}\n${script}`, { AGENT_IDLE_SECONDS: '1' }));
    }
  }, 180_000);
  afterAll(() => containers.release());

  checkEach(HOSTILE)(
    'if an agent $does, it keeps its exit code, gets at most one signal and leaves no zombies',
    ({ does, code, signals }) => {
      const name = `${names.get(does)}`;
      const found = Number(engineOk(['wait', name]));
      const lines = engine(['logs', name]).stdout.split('\n');
      const received = lines.filter((line) => line === 'signal').length;
      const zombies = new Set(lines.filter((line) => line.startsWith('zombies ')));
      // An agent that dies early may not have reported its count.
      if (code === 137) zombies.add('zombies 0');
      expect({ code: found, signals: received, zombies: [...zombies] }).toEqual({
        code,
        signals,
        zombies: ['zombies 0'],
      });
      return `exit code ${found}, ${received} SIGTERM, ${code === 137 ? 'ended before it could count zombies' : '0 zombies'}`;
    },
  );
});
