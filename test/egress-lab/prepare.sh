#!/bin/sh
# Installs what the egress lab needs on Debian 12 or 13, as root. Debian 12 has no Suricata 7: there it unpacks Debian 13's
# into a folder of its own, which takes about a minute and stays.
set -eu

root=/var/tmp/agent-launcher-lab/trixie
packages='dnsmasq-base iproute2 iptables perl procps util-linux'

apt-get update -qq
# shellcheck disable=SC2086 # a list
apt-get install -y -qq --no-install-recommends $packages

if apt-cache policy suricata | grep -q 'Candidate: 1:7\.'; then
  apt-get install -y -qq --no-install-recommends suricata
  exit 0
fi
if [ -d "$root" ] && chroot "$root" suricata -V >/dev/null 2>&1; then
  exit 0
fi
apt-get install -y -qq --no-install-recommends debootstrap debian-archive-keyring
rm -rf "$root"
mkdir -p "$root"
debootstrap --variant=minbase --include=suricata trixie "$root"
