#!/bin/sh
# Usage: labs/gateway-boot/prepare.sh FOLDER
# Makes the root folder of a virtual machine that stands for a new instance: Debian with systemd, cloud-init, and the packages that a gateway
# installs. Programs that only AWS has are replaced: dnf finds its packages installed, `aws` reports its arguments to the world, and the CloudWatch
# agent does nothing. Needs root and mmdebstrap. The packages are cached, because downloading them takes a minute.
set -eu
root=$1
codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/agent-launcher
base=$cache/gateway-boot-$codename-1.tar
packages=systemd,systemd-sysv,udev,dbus,linux-image-cloud-amd64,cloud-init,nginx-light,libnginx-mod-stream,nftables,logrotate,curl,iproute2,procps,kmod
if [ ! -s "$base" ]; then
  mkdir -p "$cache"
  sources=$(find /etc/apt -maxdepth 2 \( -name 'sources.list' -o -path '*/sources.list.d/*.list' -o -name '*.sources' \) | sort)
  # shellcheck disable=SC2086 # one word per file
  mmdebstrap --quiet --variant=minbase --include="$packages" "$codename" "$base.new" $sources
  mv "$base.new" "$base"
fi
mkdir -p "$root"
tar -xf "$base" -C "$root" --exclude './dev/*'

# As on Amazon Linux, nothing of the filter runs before the user data, and its user is nginx.
for service in nginx nftables; do
  rm -f "$root/etc/systemd/system/multi-user.target.wants/$service.service" "$root/etc/systemd/system/sysinit.target.wants/$service.service"
done
chroot "$root" useradd --system --shell /usr/sbin/nologin nginx
echo gateway >"$root/etc/hostname"

program() { cat >"$root$1" && chmod 755 "$root$1"; }
mkdir -p "$root/opt/aws/amazon-cloudwatch-agent/bin"
for name in /usr/local/bin/dnf /opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl; do
  echo '#!/bin/sh' | program "$name"
done
program /usr/local/bin/aws <<'END'
#!/bin/sh
exec curl -sf --max-time 20 --data "$*" http://169.254.169.254/aws
END

unit() { cat >"$root/etc/systemd/system/$1"; }
wanted() { mkdir -p "$root/etc/systemd/system/$2.wants" && ln -s "$3" "$root/etc/systemd/system/$2.wants/$1"; }
unit amazon-cloudwatch-agent.service <<'END'
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
[Install]
WantedBy=multi-user.target
END
# The lab gives its commands to this shell, on the second serial port.
unit lab-shell.service <<'END'
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/bin/sh
StandardInput=tty
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS1
Restart=always
END
wanted lab-shell.service sysinit.target /etc/systemd/system/lab-shell.service

# The network, as Amazon Linux configures it: systemd-networkd. Its address is fixed, because the lab has no DHCP server.
cat >"$root/etc/systemd/network/10-instance.network" <<'END'
[Match]
Name=en* eth*
[Network]
Address=10.90.16.10/20
Gateway=10.90.16.1
END
chroot "$root" systemctl enable systemd-networkd.service systemd-networkd-wait-online.service 2>/dev/null

# cloud-init finds the user data on the disk instead of in the instance's metadata, and runs it once per instance in the same way.
mkdir -p "$root/var/lib/cloud/seed/nocloud"
echo '{"instance-id": "i-0123456789abcdef0"}' >"$root/var/lib/cloud/seed/nocloud/meta-data"
cat >"$root/etc/cloud/cloud.cfg.d/99-lab.cfg" <<'END'
datasource_list: [NoCloud]
network: {config: disabled}
locale: false
END
