import { expect, it } from 'vitest';
import { IDLE_SECONDS_VARIABLE } from '../../../functions/launcher/contract.ts';
import { LEFT_IDLE_EXIT_CODE } from '../../../functions/launcher/core/types.ts';
import { entrypointText } from '../../../lib/agent/entrypoint.ts';

it('the entrypoint uses the variable and the exit code that the launcher uses', () => {
  expect(entrypointText()).toContain(`idle=\${${IDLE_SECONDS_VARIABLE}:-`);
  expect(entrypointText()).toContain(`exit ${LEFT_IDLE_EXIT_CODE}`);
});
