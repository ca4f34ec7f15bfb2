/**
 * The first start of a gateway's instance, and its start from the stopped state, for real: a virtual machine with systemd and cloud-init runs the
 * user data. The operating system is Debian, because Amazon Linux isn't available as a package of this machine's distribution.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GATEWAY_TAGS } from '../../functions/launcher/contract.ts';
import { gatewayUserData } from '../../lib/gateway/user-data.ts';
import { until } from '../../test/processes.ts';
import { Undo } from '../egress/machine.ts';
import { BOOT_MS, type Disk, Instance, newDisk, whyNoInstance } from './instance.ts';
import { buildVpc, startWorld, taskReaches, type Vpc } from './network.ts';
import { HOST, INSTANCE_ID, NOBODY, TASK_RANGE, VPC_RANGE } from './places.ts';

const missing = whyNoInstance();
if (missing !== undefined) console.error(`gateway boot lab: skipped: ${missing}`);

/** Long enough for the whole lab. */
const UNUSED_MINUTES = 60;

const REGION = 'eu-central-1';

const USER_DATA = gatewayUserData({
  names: [HOST.name],
  host: HOST.name,
  port: 443,
  taskRanges: [TASK_RANGE],
  vpcRange: VPC_RANGE,
  logGroup: '/agents/gateway',
  service: 'agents',
  region: REGION,
  unusedMinutes: UNUSED_MINUTES,
  sessionManager: false,
});

/** Every unit that the user data enables. */
const UNITS = [
  'agent-launcher-packets.service',
  'nginx.service',
  'agent-launcher-refused.service',
  'agent-launcher-check.timer',
  'agent-launcher-unused.timer',
];

const tagged = (tag: string) =>
  new RegExp(`^ec2 create-tags --region ${REGION} --resources ${INSTANCE_ID} --tags Key=${tag},Value=(\\S+)$`);

describe.skipIf(missing !== undefined)('a gateway', { timeout: 2 * BOOT_MS }, () => {
  const undo = new Undo();
  let vpc: Vpc;
  let disk: Disk;
  let calls: () => readonly string[];
  let instance: Instance;

  /** Waits for the value of the next tag. */
  const nextTag = (tag: string, after: number) =>
    until(
      `the tag ${tag}`,
      () =>
        calls()
          .slice(after)
          .map((call) => tagged(tag).exec(call)?.[1])
          .find((value) => value !== undefined),
      BOOT_MS,
    );
  const bootedAgo = async () => Number((await instance.run('cut -d. -f1 /proc/uptime')).output);
  const activeUnits = async () => (await instance.run(`systemctl is-active ${UNITS.join(' ')}`)).output.split('\n');

  beforeAll(async () => {
    vpc = buildVpc(undo);
    calls = await startWorld(undo, vpc);
    disk = newDisk(USER_DATA);
  }, BOOT_MS);
  afterAll(() => undo.all());

  describe('at its first start', () => {
    it('reports that it is ready, and then forwards an allowed name to its real host, and no other name', async () => {
      instance = await Instance.start(undo, vpc, disk);
      await nextTag(GATEWAY_TAGS.ready, 0);
      console.log(`Ready ${await bootedAgo()} s after the first start (emulated processor).`);
      expect(await taskReaches(vpc, HOST.name, NOBODY)).toBe(true);
      expect(await taskReaches(vpc, 'evil.example.net', HOST.address)).toBe(false);
      const { output } = await instance.run('cat /var/log/agent-launcher/verdicts.log');
      expect(output).toContain('"name":"app.terraform.io","port":"443","verdict":"passed"');
      expect(output).toContain('"name":"evil.example.net","port":"443","verdict":"refused"');
    });

    it('has run its user data without an error, and all its units', async () => {
      await instance.run('cloud-init status --wait', BOOT_MS);
      const { output } = await instance.run('tail -n 20 /var/log/cloud-init-output.log; cloud-init status --long');
      expect(output).toContain('status: done');
      expect(await activeUnits()).toEqual(UNITS.map(() => 'active'));
      expect((await instance.run('systemctl --failed --no-legend --plain')).output).toBe('');
    });

    it('has units without a fault that systemd knows', async () => {
      const units =
        '/etc/systemd/system/agent-launcher-*.service /etc/systemd/system/agent-launcher-*.timer nginx.service';
      const { code, output } = await instance.run(`systemd-analyze verify --man=no ${units}`);
      expect(output).toBe('');
      expect(code).toBe(0);
    });

    it('starts nginx again when it is killed', async () => {
      await instance.run('pkill -9 nginx');
      await until('nginx runs again', () => taskReaches(vpc, HOST.name, NOBODY));
    });

    it('reports a filter that can’t run, and that it works again', async () => {
      const before = calls().length;
      await instance.run('mv /etc/nginx/nginx.conf /root/ && pkill -9 nginx');
      expect(await nextTag(GATEWAY_TAGS.problem, before)).toBe('engine-dead');
      await instance.run('mv /root/nginx.conf /etc/nginx/');
      const repaired = `ec2 delete-tags --region ${REGION} --resources ${INSTANCE_ID} --tags Key=${GATEWAY_TAGS.problem}`;
      await until('the tag is removed', () => calls().slice(before).includes(repaired), BOOT_MS);
    });
  });

  describe('at a start from the stopped state', () => {
    it('is ready again, without running its user data a second time', async () => {
      await instance.stop();
      const before = calls().length;
      expect(await taskReaches(vpc, HOST.name, HOST.address)).toBe(false);
      instance = await Instance.start(undo, vpc, disk);
      await nextTag(GATEWAY_TAGS.ready, before);
      console.log(`Ready ${await bootedAgo()} s after a start from the stopped state (emulated processor).`);
      expect(await taskReaches(vpc, HOST.name, NOBODY)).toBe(true);
      expect(await taskReaches(vpc, 'evil.example.net', HOST.address)).toBe(false);
      expect(await activeUnits()).toEqual(UNITS.map(() => 'active'));
      expect((await instance.run("grep -c '^+ dnf install' /var/log/cloud-init-output.log")).output).toBe('1');
    });

    it('has its packet rules before it has a network', async () => {
      const at = async (unit: string, property: string) =>
        Number((await instance.run(`systemctl show -p ${property} --value ${unit}`)).output);
      const rules = await at('agent-launcher-packets.service', 'ExecMainExitTimestampMonotonic');
      const network = await at('systemd-networkd.service', 'ExecMainStartTimestampMonotonic');
      expect(rules).toBeGreaterThan(0);
      expect(rules).toBeLessThan(network);
      expect((await instance.run('nft list chain inet gateway forward')).output).toContain('policy drop');
    });

    it('powers itself off when nobody has used it for the time that it was given', async () => {
      await instance.run(`touch -d '${UNUSED_MINUTES + 1} minutes ago' /run/agent-launcher-gateway/used`);
      await instance.off();
      expect(instance.console()).toContain('Power down');
    });
  });
});
