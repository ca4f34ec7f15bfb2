/**
 * The script that watches a gateway from inside. It reports through two tags of the instance, which the launcher reads: `ready` once per start,
 * and `problem` while the filter can't work. It also powers off a gateway that nobody uses, in case the launcher doesn't.
 */
import { GATEWAY_TAGS } from '../../functions/launcher/contract.ts';

export const HEALTH_SCRIPT = '/usr/local/sbin/agent-launcher-gateway';

/** Percentage of used space from which on the disk counts as full. On a full disk, nginx can't write its log. */
const FULL_PERCENT = 95;

/** systemd starts nginx again within seconds, so only this many failed looks in a row prove that the filter doesn't run. */
const DEAD_LOOKS = { count: 3, secondsBetween: 5 };

/** After this time without an answer of the host, a gateway whose filter listens counts as ready. The host may be down, and agents must then say so. */
const SILENT_HOST_SECONDS = 60;

export interface HealthOptions {
  /** Host of HCP Terraform or Terraform Enterprise, without the port. */
  readonly host: string;
  readonly port: number;
  readonly region: string;
  /** Minutes without a connection after which the instance powers itself off. */
  readonly unusedMinutes: number;
}

/**
 * The script, with three commands: `ready` waits until the filter works, `check` reports problems, `unused` powers off.
 *
 * `ready` opens a TLS connection through the filter, as an agent does. It doesn't check the certificate, because a private authority may have
 * signed it, and it sends no data.
 */
export function healthScript({ host, port, region, unusedMinutes }: HealthOptions): string {
  // Tasks may use only the host's own port, such as an idle agent of Terraform Enterprise on port 8443.
  const ports = [...new Set([443, port])];
  return `#!/bin/bash
# Written by agent-launcher.
set -u
state=/run/agent-launcher-gateway
mkdir -p "$state"
metadata() {
  local token
  token=$(curl -sf --max-time 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token) || return 1
  curl -sf --max-time 2 -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"
}
tag() { aws ec2 create-tags --region '${region}' --resources "$(metadata instance-id)" --tags "Key=$1,Value=$2"; }
untag() { aws ec2 delete-tags --region '${region}' --resources "$(metadata instance-id)" --tags "Key=$1"; }
listens() { ${ports.map((one) => `[ -n "$(ss -Hltn 'sport = :${one}')" ]`).join(' && ')}; }
dead() {
  for look in {1..${DEAD_LOOKS.count}}; do
    if listens; then return 1; fi
    if [ "$look" -lt ${DEAD_LOOKS.count} ]; then sleep ${DEAD_LOOKS.secondsBetween}; fi
  done
}
reaches() { curl -sk --max-time 5 -o /dev/null --resolve '${host}:${port}:127.0.0.1' 'https://${host}:${port}/'; }
connections() { ss -Htn state established '( ${ports.map((one) => `sport = :${one}`).join(' or ')} )' '! dst 127.0.0.1' | wc -l; }
uptime_seconds() { cut -d. -f1 /proc/uptime; }

case "$1" in
ready)
  since=$(uptime_seconds)
  until listens && { reaches || [ $(($(uptime_seconds) - since)) -ge ${SILENT_HOST_SECONDS} ]; }; do sleep 0.5; done
  until tag '${GATEWAY_TAGS.ready}' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"; do sleep 1; done
  ;;
check)
  problem=
  if [ "$(df --output=pcent / | tail -n 1 | tr -dc 0-9)" -ge ${FULL_PERCENT} ]; then problem=disk-full; fi
  if dead; then problem=engine-dead; fi
  before=$(cat "$state/problem" 2>/dev/null)
  # After a start, the instance can still have the tag of its last run.
  if [ ! -e "$state/problem" ] || [ "$problem" != "$before" ]; then
    if [ -n "$problem" ]; then tag '${GATEWAY_TAGS.problem}' "$problem"; else untag '${GATEWAY_TAGS.problem}'; fi && echo "$problem" >"$state/problem"
  fi
  logrotate --state "$state/logrotate" /etc/agent-launcher/logrotate.conf
  ;;
unused)
  if [ ! -e "$state/used" ] || [ "$(connections)" -gt 0 ]; then touch "$state/used"; fi
  if [ $(($(date +%s) - $(stat -c %Y "$state/used"))) -ge $((${unusedMinutes} * 60)) ]; then systemctl poweroff; fi
  ;;
esac
`;
}
