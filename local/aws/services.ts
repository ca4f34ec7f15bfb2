/** The services that describe what is deployed, and EC2's instances. ECS, Secrets Manager and SQS are in local/ecs. */
import { Instances, type InstancesParts } from './core/ec2/instances.ts';
import { type InstanceTimes, MEASURED_TIMES } from './core/ec2/times.ts';
import type { Place } from './core/place.ts';
import type { Scheduler } from './core/scheduler.ts';
import type { Service } from './http.ts';
import { CloudFormation } from './services/cloud-formation.ts';
import { Trails } from './services/cloud-trail.ts';
import { CloudWatch } from './services/cloud-watch.ts';
import { EC2, Network, type NetworkInput } from './services/ec2.ts';
import { instanceActions } from './services/ec2-instances.ts';
import { Repositories } from './services/ecr.ts';
import { Roles } from './services/iam.ts';
import { Functions } from './services/lambda.ts';
import { Logs, type LogsOptions } from './services/logs.ts';
import { Schedules } from './services/scheduler.ts';
import { EC2_VCPUS, ServiceQuotas } from './services/service-quotas.ts';
import { Topics } from './services/sns.ts';
import { BOOTSTRAP_VERSION, Parameters } from './services/ssm.ts';
import { sts } from './services/sts.ts';

export interface AwsOptions {
  readonly logs?: LogsOptions;
  readonly instances?: InstancesOptions;
}

/** Options of EC2's instances. */
export interface InstancesOptions extends Pick<InstancesParts, 'existingInterfaceGetsAddress'> {
  /** Default: {@link MEASURED_TIMES}. */
  readonly times?: Partial<InstanceTimes>;
  /** Whether EC2's documented rates apply. Default: no limits. */
  readonly rates?: boolean;
}

export interface AwsSettings extends AwsOptions {
  readonly place: Place;
  readonly scheduler: Scheduler;
  /** Random lower-case hex digits. */
  readonly hex: (digits: number) => string;
  readonly network: NetworkInput;
}

/** The version of the CDK's bootstrap template, which the local account has. */
const BOOTSTRAPPED = '30';

export class AwsServices {
  readonly cloudFormation: CloudFormation;
  readonly cloudWatch: CloudWatch;
  readonly functions: Functions;
  readonly instances: Instances;
  readonly logs: Logs;
  readonly network: Network;
  readonly parameters: Parameters;
  readonly quotas: ServiceQuotas;
  readonly repositories: Repositories;
  readonly roles: Roles;
  readonly schedules: Schedules;
  readonly topics: Topics;
  readonly trails: Trails;
  readonly all: readonly Service[];

  constructor({ place, scheduler, hex, network, logs, instances: { times, rates, ...instances } = {} }: AwsSettings) {
    const now = (): number => scheduler.now();
    this.cloudFormation = new CloudFormation(place, now);
    this.functions = new Functions(place, now);
    this.logs = new Logs(place, now, logs);
    this.cloudWatch = new CloudWatch(place, now, this.logs.store);
    this.network = new Network(place, network);
    this.parameters = new Parameters(place, now);
    this.parameters.put(BOOTSTRAP_VERSION, BOOTSTRAPPED);
    this.quotas = new ServiceQuotas(place);
    this.repositories = new Repositories(place, now);
    this.roles = new Roles(place, now);
    this.schedules = new Schedules(place, now);
    this.topics = new Topics(place);
    this.trails = new Trails(place);
    this.trails.put({ name: 'management-events' });
    this.instances = new Instances({
      ...instances,
      scheduler,
      hex,
      times: { ...MEASURED_TIMES, ...times },
      vcpuQuota: () => this.quotas.value(EC2_VCPUS),
      parameter: (name) => this.parameters.value(name),
    });
    const instanceService = { ...EC2, actions: instanceActions(this.instances, { place, now, rates: rates ?? false }) };
    this.all = [
      this.cloudFormation.service,
      this.cloudWatch.service,
      this.functions.service,
      this.logs.service,
      this.network.service,
      instanceService,
      this.network.resolver,
      this.parameters.service,
      this.quotas.service,
      this.repositories.service,
      this.roles.service,
      this.schedules.service,
      this.topics.service,
      this.trails.service,
      sts(place),
    ];
  }

  /** Stops all scheduled changes. */
  close(): void {
    this.instances.close();
  }
}
