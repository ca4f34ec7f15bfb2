#!/usr/bin/env node
// Says where the time of your agents' starts goes, from the times that ECS keeps of each task for an hour after its end:
//
//   aws ecs list-tasks --cluster CLUSTER --desired-status STOPPED --no-paginate --output text --query 'taskArns[]' |
//     xargs -r aws ecs describe-tasks --cluster CLUSTER --tasks | node agent-image/start-phases.mjs
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html
import { readFileSync } from 'node:fs';

const PHASES = [
  ['provisioning (a machine, the network interface)', 'createdAt', 'pullStartedAt'],
  ['pull (the image)', 'pullStartedAt', 'pullStoppedAt'],
  ['boot (unpacked to running)', 'pullStoppedAt', 'startedAt'],
  ['all of it', 'createdAt', 'startedAt'],
];

const tasks = tasksIn(readFileSync(0, 'utf8'));
const rows = PHASES.map(([name, from, to]) => {
  const seconds = tasks
    .map((task) => (at(task[to]) - at(task[from])) / 1000)
    .filter((value) => Number.isFinite(value))
    .sort((a, b) => a - b);
  return { name, seconds };
});
const started = rows.at(-1).seconds.length;
if (started === 0) {
  console.error(
    `start-phases: of ${tasks.length} tasks none has started; give what 'aws ecs describe-tasks' prints on standard input.`,
  );
  process.exitCode = 1;
} else {
  console.log(`| seconds, of ${started} tasks | least | median | 90 of 100 | most |\n|---|---|---|---|---|`);
  for (const { name, seconds } of rows) {
    const cells = [0, 0.5, 0.9, 1].map((part) => seconds[Math.ceil(part * seconds.length) - 1] ?? seconds[0]);
    console.log(`| ${name} | ${cells.map((value) => value?.toFixed(1) ?? '–').join(' | ')} |`);
  }
}

function tasksIn(text) {
  try {
    return JSON.parse(text).tasks ?? [];
  } catch {
    return [];
  }
}

/** Milliseconds; version 1 of the CLI prints seconds since 1970, version 2 ISO 8601. */
function at(time) {
  return typeof time === 'number' ? time * 1000 : Date.parse(time);
}
