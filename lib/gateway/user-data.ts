/**
 * What a gateway does at its first start: it installs its packages and writes its files. Later starts need nothing of this, so they are faster.
 *
 * cloud-init runs user data once per instance. Everything comes from Amazon Linux's repositories, which are signed.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
 */
import { gzipSync } from 'node:zlib';
import { Token } from 'aws-cdk-lib';
import { HEALTH_SCRIPT, healthScript } from './health.ts';
import { packetRules, REFUSED_PACKET } from './nftables.ts';
import { FILTER_FILES, filterConfig, nameLine } from './nginx.ts';

/** EC2's limit of user data, in bytes before base64. */
const MAX_BYTES = 16_384;

/** What the CDK's references can add to the size at deployment, in bytes: names of log groups, regions and domains. */
const RESERVE_BYTES = 1_024;

export interface GatewayUserDataOptions {
  /** Server names that the filter forwards on port 443. `*.` at the beginning allows every name below. */
  readonly names: readonly string[];
  /** Host of HCP Terraform or Terraform Enterprise, without the port. The filter also forwards it on its port. */
  readonly host: string;
  readonly port: number;
  /** Address ranges of the tasks' subnets. */
  readonly taskRanges: readonly string[];
  /** Address range of the VPC. */
  readonly vpcRange: string;
  readonly logGroup: string;
  /** Name of the launcher, in each line of the log. */
  readonly service: string;
  readonly region: string;
  /** Minutes without a connection after which the instance powers itself off. */
  readonly unusedMinutes: number;
  /** Whether AWS Systems Manager's agent runs. */
  readonly sessionManager: boolean;
}

/** A file that user data writes. */
interface File {
  readonly path: string;
  readonly text: string;
  readonly mode?: string;
}

/**
 * The script.
 *
 * @throws {Error} if it is longer than EC2 allows
 */
export function gatewayUserData(options: GatewayUserDataOptions): string {
  const script = `#!/bin/bash
# Written by agent-launcher. It makes an instance of Amazon Linux 2023 a gateway.
set -euxo pipefail
systemctl disable --now ${options.sessionManager ? 'sshd' : 'sshd amazon-ssm-agent'} || true
# dnf needs more memory than the smallest instances have.
dd if=/dev/zero of=/var/swap bs=1M count=512 && chmod 600 /var/swap && mkswap /var/swap && swapon /var/swap
dnf install -y --setopt=install_weak_deps=False nginx nginx-mod-stream nftables logrotate amazon-cloudwatch-agent
swapoff /var/swap && rm /var/swap
mkdir -p /etc/agent-launcher /var/log/agent-launcher /etc/systemd/system/nginx.service.d
${filesOf(options).map(written).join('\n')}
${namesWritten(options.names)}
sysctl --system
systemctl daemon-reload
systemctl enable --now agent-launcher-packets.service
nginx -t
systemctl enable --now nginx.service agent-launcher-refused.service
systemctl enable --now ${TIMERS.map(({ name }) => `agent-launcher-${name}.timer`).join(' ')}
systemctl enable --now --no-block agent-launcher-ready.service
/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s -c file:/etc/agent-launcher/logs.json
systemctl enable amazon-cloudwatch-agent.service
`;
  const bytes = Buffer.byteLength(script);
  if (bytes > MAX_BYTES - RESERVE_BYTES) {
    throw new Error(
      `The user data of the gateway has ${bytes} bytes, because ${options.names.length} domains are allowed. Allowed: ${MAX_BYTES - RESERVE_BYTES} bytes. To do: allow fewer services, regions or hosts, or use the egress mode network-firewall.`,
    );
  }
  return script;
}

/** The files of the gateway, except for the list of names. */
function filesOf(options: GatewayUserDataOptions): readonly File[] {
  const { logGroup } = options;
  return [
    { path: FILTER_FILES.config, text: filterConfig(options) },
    { path: '/etc/agent-launcher/packets.nft', text: packetRules(options) },
    { path: HEALTH_SCRIPT, text: healthScript(options), mode: '755' },
    { path: '/etc/sysctl.d/90-agent-launcher.conf', text: SYSCTL },
    { path: '/etc/agent-launcher/logrotate.conf', text: LOGROTATE },
    { path: '/etc/agent-launcher/logs.json', text: logsConfig(logGroup) },
    { path: '/etc/systemd/system/nginx.service.d/agent-launcher.conf', text: NGINX_SERVICE },
    ...UNITS.map(({ name, text }) => ({ path: `/etc/systemd/system/agent-launcher-${name}.service`, text })),
    ...TIMERS.map(({ name, text }) => ({ path: `/etc/systemd/system/agent-launcher-${name}.timer`, text })),
  ];
}

/** The kernel forwards nothing: the filter makes its own connections. */
const SYSCTL = `net.ipv4.ip_forward = 0
net.ipv6.conf.all.disable_ipv6 = 1
net.core.somaxconn = 4096
net.ipv4.tcp_max_syn_backlog = 4096
net.ipv4.ip_local_port_range = 10240 65535
`;

const LOGROTATE = `/var/log/agent-launcher/*.log {
  size 20M
  rotate 1
  missingok
  notifempty
  copytruncate
}
`;

const NGINX_SERVICE = `[Unit]
Requires=agent-launcher-packets.service
After=agent-launcher-packets.service
StartLimitIntervalSec=0
[Service]
Restart=always
RestartSec=1
LimitNOFILE=65536
`;

/** Services, by the end of their name. */
const UNITS: readonly { readonly name: string; readonly text: string }[] = [
  {
    // The rules are in place before the network is, so no packet passes without them.
    name: 'packets',
    text: `[Unit]
Description=Packet rules of the gateway
DefaultDependencies=no
Before=network-pre.target
Wants=network-pre.target
After=systemd-sysctl.service local-fs.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f /etc/agent-launcher/packets.nft
[Install]
WantedBy=multi-user.target
`,
  },
  {
    name: 'refused',
    text: `[Unit]
Description=Log of the packets that the gateway refuses
[Service]
ExecStart=/bin/bash -c 'exec journalctl -kf -n 0 -o cat -g "^${REFUSED_PACKET}" >>/var/log/agent-launcher/packets.log'
Restart=always
[Install]
WantedBy=multi-user.target
`,
  },
  {
    name: 'ready',
    text: `[Unit]
Description=Reports that the gateway works
After=nginx.service network-online.target
Wants=network-online.target
[Service]
Type=oneshot
ExecStart=${HEALTH_SCRIPT} ready
TimeoutStartSec=600
[Install]
WantedBy=multi-user.target
`,
  },
  ...(['check', 'unused'] as const).map((command) => ({
    name: command,
    text: `[Unit]
Description=Watches the gateway (${command})
[Service]
Type=oneshot
ExecStart=${HEALTH_SCRIPT} ${command}
`,
  })),
];

/** By default, systemd runs timers up to a minute late. */
const TIMERS: readonly { readonly name: string; readonly text: string }[] = [
  { name: 'check', seconds: 20 },
  { name: 'unused', seconds: 60 },
].map(({ name, seconds }) => ({
  name,
  text: `[Unit]
Description=Watches the gateway (${name})
[Timer]
OnBootSec=${seconds}
OnUnitActiveSec=${seconds}
AccuracySec=1
[Install]
WantedBy=timers.target
`,
}));

/** The configuration of the CloudWatch agent. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-Configuration-File-Details.html */
function logsConfig(logGroup: string): string {
  const file = (name: string) =>
    `{"file_path":"/var/log/agent-launcher/${name}.log","log_group_name":"${logGroup}","log_stream_name":"{instance_id}/${name}"}`;
  const files = ['verdicts', 'packets', 'nginx'].map(file).join(',');
  return `{"agent":{"run_as_user":"root"},"logs":{"logs_collected":{"files":{"collect_list":[${files}]}}}}\n`;
}

/** The lines that write a file. The text can contain `$`, because the delimiter is quoted. */
function written({ path, text, mode }: File): string {
  const lines = `cat >${path} <<'END_OF_FILE'\n${text}${text.endsWith('\n') ? '' : '\n'}END_OF_FILE`;
  return mode === undefined ? lines : `${lines}\nchmod ${mode} ${path}`;
}

/** The lines that write the list of names. Names that are known at synthesis are compressed, because hundreds of them would be too long. */
function namesWritten(names: readonly string[]): string {
  const lines = (of: readonly string[]) => of.map((name) => `${nameLine(name)}\n`).join('');
  const open = names.filter((name) => Token.isUnresolved(name));
  const known = names.filter((name) => !Token.isUnresolved(name));
  const compressed = gzipSync(lines(known), { level: 9 })
    .toString('base64')
    .replaceAll(/.{1,100}/g, '$&\n');
  return `base64 -d <<'END_OF_FILE' | gunzip >${FILTER_FILES.names}
${compressed}END_OF_FILE
cat >>${FILTER_FILES.names} <<'END_OF_FILE'
${lines(open)}END_OF_FILE`;
}
