#!/bin/sh
# Installs what the egress lab needs on Debian 12 or 13, as root. Debian 12 has no Suricata 7: there it unpacks Debian 13's
# into a folder of its own, which takes about a minute and stays. Where no terraform is on the PATH, it fetches HashiCorp's
# release into /usr/local/bin, proved by its signature; where that cannot be had, the lab says that it was not tried.
set -eu

root=/var/tmp/agent-launcher-lab/trixie
packages='dnsmasq-base iproute2 iptables perl procps util-linux'

apt-get update -qq
# shellcheck disable=SC2086 # a list
apt-get install -y -qq --no-install-recommends $packages

fetch_terraform() {
  version=1.11.4
  architecture=$(dpkg --print-architecture)
  from=https://releases.hashicorp.com/terraform/$version
  name=terraform_$version
  apt-get install -y -qq --no-install-recommends ca-certificates curl gpg gpgv unzip &&
    for file in "${name}_linux_$architecture.zip" "${name}_SHA256SUMS" "${name}_SHA256SUMS.sig"; do
      curl -q --fail --silent --show-error --connect-timeout 20 --output "$1/$file" "$from/$file" || return 1
    done &&
    curl -q --fail --silent --show-error --output "$1/key" https://www.hashicorp.com/.well-known/pgp-key.txt &&
    gpg --batch --quiet --homedir "$1" --dearmor --output "$1/keyring" "$1/key" &&
    gpgv --status-fd 1 --keyring "$1/keyring" "$1/${name}_SHA256SUMS.sig" "$1/${name}_SHA256SUMS" 2>/dev/null |
    grep -q '^\[GNUPG:\] VALIDSIG .* C874011F0AB405110D02105534365D9472D7468F$' &&
    (cd "$1" && grep " ${name}_linux_$architecture.zip\$" "${name}_SHA256SUMS" | sha256sum --check --quiet --strict) &&
    unzip -q -o "$1/${name}_linux_$architecture.zip" terraform -d /usr/local/bin
}

if ! command -v terraform >/dev/null; then
  folder=$(mktemp -d)
  fetch_terraform "$folder" || echo 'egress lab: terraform could not be fetched' >&2
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
