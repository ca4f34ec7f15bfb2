#!/bin/sh
# Installs what the egress lab needs on Debian 12 or 13, as root. Debian 12 has no Suricata 7, so the script unpacks Debian
# 13's into a separate folder, which takes about a minute and stays. If there is no terraform on the PATH, it installs
# HashiCorp's signed release in /usr/local/bin. If the release can't be fetched, the lab reports that it skipped terraform.
set -eu

root=/var/tmp/agent-launcher-lab/trixie
packages='dnsmasq-base iproute2 iptables perl procps util-linux'

apt-get update -qq
# shellcheck disable=SC2086 # several packages
apt-get install -y -qq --no-install-recommends $packages

if ! command -v terraform >/dev/null; then
  apt-get install -y -qq --no-install-recommends ca-certificates curl gpg gpgv unzip
  folder=$(mktemp -d)
  if RELEASE_PRODUCT=terraform TERRAFORM_VERSION=1.11.4 AGENT_ARCHITECTURE=$(dpkg --print-architecture) \
    "$(dirname -- "$0")/../../agent-image/fetch-release.sh" "$folder"; then
    install -m 0755 "$folder/terraform" /usr/local/bin/terraform
  fi
  rm -rf "$folder"
fi

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
