import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Ec2Gateways } from '../../functions/launcher/adapters/ec2/client.ts';
import { EcsTasks } from '../../functions/launcher/adapters/ecs/client.ts';
import { HcpTerraformClient } from '../../functions/launcher/adapters/hcp-terraform/client.ts';
import { HcpTerraformHttp } from '../../functions/launcher/adapters/hcp-terraform/http.ts';
import { POLLS_PER_MINUTE } from '../../functions/launcher/adapters/hcp-terraform/poll-budget.ts';
import { RunStatusReader } from '../../functions/launcher/adapters/hcp-terraform/run-statuses.ts';
import { parseConfig } from '../../functions/launcher/config.ts';
import { activeCostOf } from '../../functions/launcher/core/wake-up.ts';
import { gatewaysAllow } from '../../functions/launcher/gateway-reading.ts';
import { hasErrors } from '../../functions/launcher/invocation.ts';
import { TickReport } from '../../functions/launcher/report.ts';
import { tick } from '../../functions/launcher/tick.ts';
import { wokenBy } from '../../functions/launcher/wake-ups.ts';
import { WokenInvocations } from '../../functions/launcher/woken-invocation.ts';

/** The parts of the launcher that the simulation runs, from the real launcher or from a mutant. */
export interface Launcher {
  readonly tick: typeof tick;
  readonly WokenInvocations: typeof WokenInvocations;
  readonly wokenBy: typeof wokenBy;
  readonly activeCostOf: typeof activeCostOf;
  readonly hasErrors: typeof hasErrors;
  readonly parseConfig: typeof parseConfig;
  readonly HcpTerraformClient: typeof HcpTerraformClient;
  readonly HcpTerraformHttp: typeof HcpTerraformHttp;
  readonly RunStatusReader: typeof RunStatusReader;
  readonly EcsTasks: typeof EcsTasks;
  readonly Ec2Gateways: typeof Ec2Gateways;
  readonly gatewaysAllow: typeof gatewaysAllow;
  readonly TickReport: typeof TickReport;
}

export const LAUNCHER: Launcher = {
  tick,
  WokenInvocations,
  wokenBy,
  activeCostOf,
  hasErrors,
  parseConfig,
  HcpTerraformClient,
  HcpTerraformHttp,
  RunStatusReader,
  EcsTasks,
  Ec2Gateways,
  gatewaysAllow,
  TickReport,
};

/** The request budget that the promises check. It comes from the design, not from the launcher's code. */
export const PROMISED_POLLS_PER_MINUTE = 24;
export { POLLS_PER_MINUTE };

/** Loads a copy of `functions/launcher` from another folder. */
export async function loadLauncher(folder: string): Promise<Launcher> {
  const url = (file: string): string => pathToFileURL(join(folder, file)).href;
  const tickModule: typeof import('../../functions/launcher/tick.ts') = await import(url('tick.ts'));
  const invocation: typeof import('../../functions/launcher/invocation.ts') = await import(url('invocation.ts'));
  const config: typeof import('../../functions/launcher/config.ts') = await import(url('config.ts'));
  const report: typeof import('../../functions/launcher/report.ts') = await import(url('report.ts'));
  const wakeUps: typeof import('../../functions/launcher/wake-ups.ts') = await import(url('wake-ups.ts'));
  const woken: typeof import('../../functions/launcher/woken-invocation.ts') = await import(url('woken-invocation.ts'));
  const wakeUp: typeof import('../../functions/launcher/core/wake-up.ts') = await import(url('core/wake-up.ts'));
  const statuses: typeof import('../../functions/launcher/adapters/hcp-terraform/run-statuses.ts') = await import(
    url('adapters/hcp-terraform/run-statuses.ts')
  );
  const ecs: typeof import('../../functions/launcher/adapters/ecs/client.ts') = await import(
    url('adapters/ecs/client.ts')
  );
  const ec2: typeof import('../../functions/launcher/adapters/ec2/client.ts') = await import(
    url('adapters/ec2/client.ts')
  );
  const reading: typeof import('../../functions/launcher/gateway-reading.ts') = await import(url('gateway-reading.ts'));
  const hcp: typeof import('../../functions/launcher/adapters/hcp-terraform/client.ts') = await import(
    url('adapters/hcp-terraform/client.ts')
  );
  const http: typeof import('../../functions/launcher/adapters/hcp-terraform/http.ts') = await import(
    url('adapters/hcp-terraform/http.ts')
  );
  return {
    tick: tickModule.tick,
    WokenInvocations: woken.WokenInvocations,
    wokenBy: wakeUps.wokenBy,
    activeCostOf: wakeUp.activeCostOf,
    hasErrors: invocation.hasErrors,
    parseConfig: config.parseConfig,
    HcpTerraformClient: hcp.HcpTerraformClient,
    HcpTerraformHttp: http.HcpTerraformHttp,
    RunStatusReader: statuses.RunStatusReader,
    EcsTasks: ecs.EcsTasks,
    Ec2Gateways: ec2.Ec2Gateways,
    gatewaysAllow: reading.gatewaysAllow,
    TickReport: report.TickReport,
  };
}
