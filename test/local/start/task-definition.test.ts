import { expect, test } from 'vitest';
import { WRITABLE_FOLDERS as DEPLOYED_FOLDERS, AGENT_USER as DEPLOYED_USER } from '../../../lib/agent/image.ts';
import { AGENT_USER, WRITABLE_FOLDERS } from '../../../local/start/task-definition.ts';

test('the local task definition has the user and the folders of the deployed one', () => {
  expect(AGENT_USER).toBe(DEPLOYED_USER);
  expect(WRITABLE_FOLDERS).toEqual(DEPLOYED_FOLDERS);
});
