#!/bin/sh
# Runs a command with its own Docker daemon, on machines (such as CI's) without a container engine or access to a registry:
#
#   labs/containers/with-docker.sh npx vitest run --config vitest.labs.config.ts labs/containers/container.lab.ts
#
# The daemon runs in a temporary directory and in a network namespace without any network. Both are removed at the end. The
# command runs in that namespace, too, so that containers on the host's network reach its servers on loopback.
#
# The command gets these variables:
#   CONTAINER_ENGINE, DOCKER_HOST   the engine
#   RELEASE_BASE_IMAGE              Debian, under the name of the base in agent-image/Dockerfile.release
#   BASE_IMAGE                      the same under the name in agent-image/Dockerfile, with the user tfc-agent and tfc-agent.c,
#                                   compiled, as that user's bin/tfc-agent and bin/tfc-agent-core
#   READING_AGENT                   tfc-agent.c compiled with READS_ITSELF
#
# Needs root and Debian's packages docker.io (on Debian 13 docker-cli, too), gcc, libc6-dev, mmdebstrap, iproute2, skopeo,
# util-linux. If something is missing, it prints what, and exits with 0, or with 1 if REQUIRE_CONTAINERS is set.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
dockerfile=$here/../../agent-image/Dockerfile
docker=/usr/bin/docker # Debian's, like the daemon. Another client may come first on PATH.

skip() {
  echo "with-docker: skipped: $*" >&2
  [ -z "${REQUIRE_CONTAINERS:-}" ] || exit 1
  exit 0
}
[ $# -gt 0 ] || { echo "usage: $0 COMMAND [ARGUMENT...]" >&2; exit 64; }
[ "$(id -u)" -eq 0 ] || skip 'needs root'
for tool in dockerd gcc mmdebstrap ip nsenter skopeo "$docker"; do
  command -v "$tool" >/dev/null || skip "needs $tool (apt-get install docker.io gcc libc6-dev mmdebstrap iproute2 skopeo util-linux)"
done

work=$(mktemp -d /tmp/with-docker.XXXXXX)
network=with-docker-$$
dockerd=
clean_up() {
  trap '' INT TERM
  if [ -n "$dockerd" ]; then
    kill "$dockerd" 2>/dev/null || true
    wait "$dockerd" 2>/dev/null || true
  fi
  # Containers on the host's network leave this mount behind.
  umount "$work/exec/netns/default" 2>/dev/null || true
  ip netns del "$network" 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# -- Base image: cached, because it takes half a minute
codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
version=$(sed -n 's/^ARG TFC_AGENT_VERSION=//p' "$dockerfile" | head -n 1)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/agent-launcher
base=$cache/agent-base-$codename-3.tar
if [ ! -s "$base" ]; then
  mkdir -p "$cache"
  echo 'with-docker: making the base image' >&2
  sources=$(find /etc/apt -maxdepth 2 \( -name 'sources.list' -o -path '*/sources.list.d/*.list' -o -name '*.sources' \) | sort)
  # shellcheck disable=SC2086 # one word per file
  mmdebstrap --quiet --variant=minbase --include=ca-certificates,curl,gpg,gpgv,unzip "$codename" "$work/base.tar" \
    $sources >"$work/mmdebstrap.log" 2>&1 || { cat "$work/mmdebstrap.log" >&2; exit 1; }
  mv "$work/base.tar" "$base"
fi

# -- Daemon
ip netns add "$network"
nsenter --net="/run/netns/$network" ip link set lo up
nsenter --net="/run/netns/$network" dockerd --host "unix://$work/docker.sock" --data-root "$work/data" \
  --exec-root "$work/exec" --pidfile "$work/dockerd.pid" --bridge none --iptables=false --ip6tables=false \
  --default-ulimit nofile=4096:4096 >"$work/dockerd.log" 2>&1 &
dockerd=$!
export DOCKER_HOST="unix://$work/docker.sock" CONTAINER_ENGINE="$docker"
export BASE_IMAGE="hashicorp/tfc-agent:$version" RELEASE_BASE_IMAGE=ubuntu:24.04
attempt=0
until "$docker" info >/dev/null 2>&1; do
  attempt=$((attempt + 1))
  if [ "$attempt" -gt 60 ] || ! kill -0 "$dockerd" 2>/dev/null; then
    cat "$work/dockerd.log" >&2
    exit 1
  fi
  sleep 0.5
done
"$docker" import "$base" "$RELEASE_BASE_IMAGE" >/dev/null
mkdir "$work/context"
gcc -static -s -O1 -o "$work/context/tfc-agent" "$here/tfc-agent.c"
cp "$work/context/tfc-agent" "$work/context/tfc-agent-core"
export READING_AGENT="$work/context/reading-agent"
gcc -static -s -O1 -DREADS_ITSELF -o "$READING_AGENT" "$here/tfc-agent.c"
cat >"$work/context/Dockerfile" <<END
FROM $RELEASE_BASE_IMAGE
RUN useradd --create-home --shell /bin/sh tfc-agent && mkdir /home/tfc-agent/bin
COPY tfc-agent tfc-agent-core /home/tfc-agent/bin/
RUN chmod 0755 /home/tfc-agent/bin/*
USER tfc-agent
ENTRYPOINT ["/home/tfc-agent/bin/tfc-agent"]
END
DOCKER_BUILDKIT=0 "$docker" build --quiet --network none --tag "$BASE_IMAGE" "$work/context" >/dev/null

nsenter --net="/run/netns/$network" "$@"
