#!/bin/sh
# Runs a command with the variables ARM64_BASE, the archive of a Debian for arm64, and ARM64_QEMU, the program that runs arm64
# programs. The archive is made once, which takes some minutes. It must be made before with-docker.sh cuts off the network. If
# something is missing, the script prints what, and runs the command without the variables, or ends with 1 if
# REQUIRE_CONTAINERS is set.
#
# Needs root, Linux 6.7, and Debian's packages buildah, mmdebstrap, python3, qemu-user-static.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

skip() {
  reason=$1
  shift
  echo "with-arm64: skipping arm64: $reason" >&2
  [ -z "${REQUIRE_CONTAINERS:-}" ] || exit 1
  exec "$@"
}
[ "$(id -u)" -eq 0 ] || skip 'needs root' "$@"
for tool in buildah mmdebstrap python3; do
  command -v "$tool" >/dev/null || skip "needs $tool (apt-get install buildah mmdebstrap python3 qemu-user-static)" "$@"
done
# Since Debian 13, the static program may have the other name.
qemu=
for name in qemu-aarch64-static qemu-aarch64; do
  path=$(command -v "$name") || continue
  ldd "$path" 2>&1 | grep -Eq 'not a dynamic|statically linked' || continue
  qemu=$path
  break
done
[ -n "$qemu" ] || skip 'needs a static qemu-aarch64 (apt-get install qemu-user-static)' "$@"
# An older kernel isn't an error of the machine's setup, so REQUIRE_CONTAINERS doesn't apply. The table shows skipped rows.
python3 "$here/arm64-namespace.py" "$qemu" true || {
  echo 'with-arm64: skipping arm64: this kernel has no binfmt_misc for user namespaces (Linux 6.7)' >&2
  exec "$@"
}

codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/agent-launcher
base=$cache/agent-base-arm64-$codename-1.tar
if [ ! -s "$base" ]; then
  mkdir -p "$cache"
  echo 'with-arm64: making the base image for arm64' >&2
  work=$(mktemp -d /tmp/with-arm64.XXXXXX)
  trap 'rm -rf "$work"' EXIT
  sources=$(find /etc/apt -maxdepth 2 \( -name 'sources.list' -o -path '*/sources.list.d/debian*.list' -o -name 'debian*.sources' \) | sort)
  # shellcheck disable=SC2086 # one word per file
  python3 "$here/arm64-namespace.py" "$qemu" mmdebstrap --quiet --mode=root --skip=check/qemu --architectures=arm64 --variant=minbase \
    --include=ca-certificates,curl,gpg,gpgv,unzip "$codename" "$work/base.tar" $sources >"$work/mmdebstrap.log" 2>&1 || {
    cat "$work/mmdebstrap.log" >&2
    exit 1
  }
  mv "$work/base.tar" "$base"
  rm -rf "$work"
  trap - EXIT
fi
export ARM64_BASE="$base" ARM64_QEMU="$qemu"
exec "$@"
