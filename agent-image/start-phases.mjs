#!/usr/bin/env node
// Shows how long each phase of your agents' startup takes. ECS keeps the times of each task for an hour after its end:
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
  ['total', 'createdAt', 'startedAt'],
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
    `start-phases: none of ${tasks.length} tasks has started. Pass the output of 'aws ecs describe-tasks' on standard input.`,
  );
  process.exitCode = 1;
} else {
  console.log(`| seconds, of ${started} tasks | minimum | median | p90 | maximum |\n|---|---|---|---|---|`);
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

/** A time in milliseconds. Version 1 of the CLI prints seconds since 1970, and version 2 prints ISO 8601. */
function at(time) {
  return typeof time === 'number' ? time * 1000 : Date.parse(time);
}
