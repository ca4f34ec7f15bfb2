/** Tests `agent-image/entrypoint.sh` with random values in its variables. The script must treat them as data, never as code. */
import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { Scratch, start, TOKEN, waysToRun } from '../../test/agent-image/entrypoint-process.ts';
import './arbitrary.ts';

const scratch = new Scratch();
afterAll(() => scratch.release());

/** Each code creates a file with this name if a shell runs it. */
const CANARY = 'canary';
const code = fc.constantFrom(
  `$(touch ${CANARY})`,
  `\`touch ${CANARY}\``,
  `;touch ${CANARY};`,
  `"; touch ${CANARY}; "`,
  `'; touch ${CANARY}; '`,
  `x\ntouch ${CANARY}\n`,
  `\${x:=$(touch ${CANARY})}`,
  `a[$(touch ${CANARY})]`,
  `%s %n *) touch ${CANARY} ;;`,
  `|tee ${CANARY}`,
  `>${CANARY}`,
);
/** Text that an environment variable can contain. It has no NUL and no lone surrogate, because Node would replace a lone surrogate. */
const noise = fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => text.replaceAll('\0', ''));
const value = fc.oneof(
  code,
  noise,
  fc.tuple(noise, code, noise).map((parts) => parts.join('')),
);

const variables = fc.record(
  {
    TFC_AGENT_NAME: value.filter((text) => text !== ''),
    TFC_AGENT_SINGLE: value,
    TFC_AGENT_LOG_LEVEL: value,
    TFC_AGENT_AUTO_UPDATE: value,
    TFC_AGENT_TOKEN: value,
    TFC_ADDRESS: value,
    AGENT_COMMAND: value,
    AGENT_TOKEN_SECRET: value,
    GODEBUG: value,
    AGENT_IDLE_SECONDS: fc.oneof(value, fc.nat().map(String)),
  },
  { requiredKeys: [] },
);

const AGENT = `
  const { TFC_AGENT_NAME: name, TFC_AGENT_SINGLE: single, TFC_AGENT_TOKEN: token } = process.env;
  say(JSON.stringify({ name, single, token, args: process.argv.slice(2) }));
`;

/** Returns whether the script accepts this number of seconds. An empty value means the default. */
const isIdleSeconds = (text: string | undefined): boolean => /^([1-9]\d{0,4})?$/.test(text ?? '');

/** Returns the token that the agent gets from this value, or `undefined` if the script refuses the value. */
function tokenOf(given: string): string | undefined {
  return /^\ufeff?[\t-\r ]*([^\t-\r ]+)[\t-\r ]*$/.exec(given)?.[1];
}

it('the entrypoint starts one single-mode agent or reports what is wrong, and never runs the content of a variable or the command', async () => {
  const [asFile, asText] = waysToRun(scratch.fresh());
  await fc.assert(
    fc.asyncProperty(variables, fc.option(value), fc.boolean(), async (given, argument, file) => {
      const way = file ? asFile : (asText ?? asFile);
      const command = argument === null ? way.command : [...way.command, argument];
      const run = start(scratch, { ...way, command }, AGENT, given);
      const { code } = await run.ended;
      const said = run.stderr().toString();
      const token = tokenOf(given.TFC_AGENT_TOKEN ?? TOKEN);
      if (isIdleSeconds(given.AGENT_IDLE_SECONDS) && argument === null && token !== undefined) {
        expect(code, said).toBe(0);
        const name = given.TFC_AGENT_NAME ?? 'given-name';
        expect(JSON.parse(run.stdout().toString())).toEqual({ name, single: 'true', token, args: ['-single'] });
      } else {
        expect({ code, agent: run.stdout().toString() }).toEqual({ code: 78, agent: '' });
        expect(said).toMatch(/from 1 to 99999|The agent token in|The container's command is/);
      }
      expect(said).not.toContain(TOKEN);
      expect(readdirSync(run.directory).sort()).toEqual(['agent.mjs', 'bin', 'signals']);
    }),
    // Each run starts several processes.
    { numRuns: 40 },
  );
}, 120_000);
