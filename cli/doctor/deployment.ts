/** Reads the deployed stack: its parts, schedule, log, alarms and tasks. */
import { type MetricAlarm, paginateDescribeAlarms } from '@aws-sdk/client-cloudwatch';
import { type ContainerDefinition, DescribeTaskDefinitionCommand } from '@aws-sdk/client-ecs';
import { CONNECTION_ENV } from '../../functions/connection/contract.ts';
import { AGENT_CONTAINER, ENV } from '../../functions/launcher/contract.ts';
import { LOG_MESSAGES } from '../../functions/launcher/log-lines.ts';
import { proxyPortsIn } from '../../lib/agent/proxies.ts';
import { versionOfImage } from '../../lib/agent/version.ts';
import { OUTPUTS } from '../../lib/names.ts';
import { secretReference, secretReferenceText } from '../../lib/settings/secret-reference.ts';
import type { Aws } from '../aws/clients.ts';
import { type Deployment, NoLauncherError, NoStackError } from '../aws/deployment.ts';
import { nameOfAwsError } from '../aws/errors.ts';
import { tickLines } from '../aws/launcher-lines.ts';
import { readConcurrency, readQueues, readSchedule } from '../aws/switches.ts';
import type { Context } from '../context.ts';
import { deployedVpcNeeds } from '../core/doctor/deployed-vpc.ts';
import {
  type Alarm,
  checkAlarms,
  checkStack,
  checkTasks,
  checkTicks,
  checkVersion,
  checkWaiting,
  type Ticks,
} from '../core/doctor/deployment.ts';
import { couldNotCheck, type Finding, type Observed } from '../core/doctor/findings.ts';
import { checkSwitches, type Schedule } from '../core/doctor/switches.ts';
import {
  type DeployedTask,
  mostAgents,
  type Target,
  type TargetNetwork,
  targetOfDeployment,
} from '../core/doctor/target.ts';
import { silentAfterMs } from '../core/schedule.ts';
import { CommandError } from '../io.ts';
import { version } from '../package.ts';
import { alarmReceiverFindings } from './alarm-receivers.ts';
import type { TargetCheckup } from './doctor.ts';
import { failureOf, observe } from './observe.ts';
import { tasksOf } from './tasks.ts';

/** The stack; `undefined`: there is none, or it has no launcher because of its status. A failure: it can't be read. */
export async function observeDeployment(
  context: Context,
): Promise<Observed<Deployment | undefined> & { readonly withoutLauncher?: string }> {
  try {
    return { value: await context.deployment() };
  } catch (error) {
    if (error instanceof NoStackError) return { value: undefined };
    if (error instanceof NoLauncherError) return { value: undefined, withoutLauncher: error.status };
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    return { failure };
  }
}

/** What the stack needs: its pools from the function's environment, and their tasks from the task definitions. */
export async function targetOf({ aws }: Context, deployment: Deployment): Promise<Target> {
  const { environment, pools } = deployment;
  const families = [...new Set(pools.flatMap(({ lanes }) => lanes.map(({ taskDefinition }) => taskDefinition)))];
  const tasks = await Promise.all(
    families.map(async (family) => [family, await observe(() => deployedTask(aws, family))] as const),
  );
  const idsIn = (name: string): string[] => (environment[name] ?? '').split(',').filter((id) => id !== '');
  const subnetIds = idsIn(ENV.subnets);
  const { launcherNetwork: launcher } = deployment;
  const needs = deployedVpcNeeds({
    claim: deployment.outputs.get(OUTPUTS.egressClaim),
    hostname: deployment.hostname,
    subnetIds,
    agents: mostAgents(pools),
    tasks: tasks.map(([, task]) => task),
    launcher: launcher && {
      ...launcher,
      wakeUps: (environment[ENV.wakeUpsQueueUrl] ?? '') !== '',
      proxyPorts: proxyPortsIn({ HTTPS_PROXY: environment[ENV.httpsProxy] }),
    },
  });
  const network: TargetNetwork = {
    kind: 'deployed',
    subnetIds,
    securityGroupIds: idsIn(ENV.securityGroups),
    launcherInVpc: launcher !== undefined,
    publicAddresses: environment[ENV.assignPublicIp] === 'ENABLED',
    egressAddresses: (deployment.outputs.get(OUTPUTS.egressAddresses) ?? '').split(', ').filter((text) => text !== ''),
    ...(needs !== undefined && { needs }),
  };
  return targetOfDeployment({
    hostname: deployment.hostname,
    organization: deployment.organization,
    apiTokenSecret: deployment.apiTokenSecret,
    ...connectionSecretsIn(environment),
    pools,
    tasks: new Map(tasks),
    network,
  });
}

/** The secrets of the launcher's connections, from its variables. */
function connectionSecretsIn(environment: Deployment['environment']) {
  const variable = (name: string): string | undefined => environment[name] || undefined;
  const login = variable(CONNECTION_ENV.httpsProxyCredentialsSecret);
  const jsonKey = variable(CONNECTION_ENV.httpsProxyCredentialsJsonKey);
  return {
    proxyLoginSecret: login && secretReferenceText({ id: login, jsonKey }),
    caCertificatesSecret: variable(CONNECTION_ENV.caCertificatesSecret),
  };
}

async function deployedTask(aws: Aws, family: string): Promise<DeployedTask> {
  const ecs = await aws.ecs();
  const { taskDefinition } = await ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition: family }));
  const agent = taskDefinition?.containerDefinitions?.find(({ name }) => name === AGENT_CONTAINER);
  const reference = agent?.image;
  const agentVersion = reference === undefined ? undefined : versionOfImage(reference);
  // The launcher's variable has the name, which `valueFrom` doesn't show. A task definition of another origin has only the ARN.
  const name = variablesOf(agent)['AGENT_TOKEN_SECRET'];
  const valueFrom = agent?.secrets?.find((secret) => secret.name === 'TFC_AGENT_TOKEN')?.valueFrom;
  const { id, jsonKey } = secretReference(valueFrom ?? '');
  const agentTokenSecret = jsonKey !== undefined ? `${id}:${jsonKey}` : (name ?? (id === '' ? undefined : id));
  return {
    cpu: Number(taskDefinition?.cpu ?? 0),
    architecture: taskDefinition?.runtimePlatform?.cpuArchitecture === 'ARM64' ? 'arm64' : 'x86_64',
    image: { ...(reference !== undefined && { reference }), ...(agentVersion !== undefined && { agentVersion }) },
    proxyPorts: proxyPortsIn(variablesOf(agent)),
    ...(agentTokenSecret !== undefined && { agentTokenSecret }),
  };
}

function variablesOf(container: ContainerDefinition | undefined): Record<string, string> {
  return Object.fromEntries((container?.environment ?? []).map(({ name = '', value = '' }) => [name, value]));
}

/** Whether AWS doesn't run the function at all, so that no tick is expected. */
function isStopped(concurrency: Observed<number | undefined>): boolean {
  return 'value' in concurrency && concurrency.value === 0;
}

export async function deploymentFindings(
  { context, options }: TargetCheckup,
  deployment: Deployment,
): Promise<Finding[]> {
  const { aws, io } = context;
  const nowMs = io.now();
  const schedule = await observe(() => scheduleOf(aws, deployment.name));
  const known = 'value' in schedule ? schedule.value : undefined;
  const silentMs = silentAfterMs(known?.expression);
  const [concurrency, queues, ticks, alarms, tasks] = await Promise.all([
    observe(() => readConcurrency(aws, deployment.functionName)),
    observe(() => readQueues(aws, deployment.functionName)),
    observe(() => ticksOf(aws, deployment, nowMs, silentMs)),
    observe(() => alarmsOf(aws, deployment.name)),
    observe(async () => (await tasksOf(aws, deployment)).live),
  ]);
  // If the alarms can't be read, their check reports it.
  const receivers =
    'value' in alarms && alarms.value.length > 0
      ? await alarmReceiverFindings(
          aws,
          alarms.value.flatMap(({ AlarmActions = [] }) => AlarmActions),
        )
      : [];
  const paused = known?.enabled === false || isStopped(concurrency);
  const changedAtMs = latestOf(deployment.stackChangedAtMs, known?.changedAtMs);
  const deployed = versionOf(deployment) ?? ('value' in ticks ? ticks.value.last?.version : undefined);
  return [
    checkStack(deployment.stackName, deployment.stackStatus),
    ...checkSwitches(deployment.name, { schedule, concurrency, queues }),
    ...checkTicks(ticks, { silentMs, paused, changedAtMs }, nowMs),
    ...checkWaiting('value' in ticks ? recent(ticks.value, nowMs, silentMs) : undefined, deployment),
    ...checkAlarms('value' in alarms ? { value: raised(alarms.value) } : alarms),
    ...receivers,
    checkTasks(tasks, options.taskHours, nowMs),
    ...('failure' in ticks && deployed === undefined
      ? [couldNotCheck('deployment.version', 'the deployed version', ticks.failure, 'logs:FilterLogEvents')]
      : [checkVersion(deployed, version())]),
  ];
}

/** The later of two times that may be unknown. */
function latestOf(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

/** The last tick, if it is recent enough to say what happens now. */
function recent({ last }: Ticks, nowMs: number, silentMs: number): Ticks['last'] {
  return last !== undefined && nowMs - Date.parse(last.timestamp) <= silentMs ? last : undefined;
}

/** The output and the function's variable. Older launchers don't show their version. */
function versionOf({ outputs, environment }: Deployment): string | undefined {
  return outputs.get(OUTPUTS.version) ?? environment[ENV.version];
}

async function scheduleOf(aws: Aws, name: string): Promise<Schedule | undefined> {
  try {
    return await readSchedule(aws, name);
  } catch (error) {
    const cause = error instanceof CommandError ? error.cause : undefined;
    if (nameOfAwsError(cause) === 'ResourceNotFoundException') return undefined;
    throw error;
  }
}

/** The ticks since twice the time after which a launcher counts as silent. */
async function ticksOf(aws: Aws, { launcherLogGroup }: Deployment, nowMs: number, silentMs: number): Promise<Ticks> {
  const searchedMs = 2 * silentMs;
  let last: Ticks['last'];
  let ticks = 0;
  let withErrors = 0;
  for await (const { line } of tickLines(aws, { group: launcherLogGroup, fromMs: nowMs - searchedMs })) {
    ticks += 1;
    if (line.message === LOG_MESSAGES.tickWithErrors) withErrors += 1;
    if (last === undefined || Date.parse(line.timestamp) >= Date.parse(last.timestamp)) last = line;
  }
  return { searchedMs, ticks, withErrors, ...(last !== undefined && { last }) };
}

/** The launcher's alarms, whose names begin with its name. */
async function alarmsOf(aws: Aws, name: string): Promise<MetricAlarm[]> {
  const client = await aws.cloudWatch();
  const alarms: MetricAlarm[] = [];
  const pages = paginateDescribeAlarms({ client }, { AlarmNamePrefix: `${name}: `, MaxRecords: 100 });
  for await (const { MetricAlarms = [] } of pages) alarms.push(...MetricAlarms);
  return alarms;
}

/** Those in the state ALARM. */
function raised(alarms: readonly MetricAlarm[]): Alarm[] {
  return alarms
    .filter(({ StateValue }) => StateValue === 'ALARM')
    .map(({ AlarmName = '', AlarmDescription = '', StateReason = '', StateUpdatedTimestamp }) => ({
      name: AlarmName,
      description: AlarmDescription,
      reason: StateReason,
      ...(StateUpdatedTimestamp !== undefined && { sinceMs: StateUpdatedTimestamp.getTime() }),
    }));
}
