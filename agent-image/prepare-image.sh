#!/bin/sh
# The last step as root of both Dockerfiles: checks what the image is made from, and takes away what no job needs.
set -eu
export LC_ALL=C

fail() { printf 'prepare-image: %s\n' "$*" >&2; exit 1; }

# -- One architecture a pool: HCP Terraform refuses the other one (Agent Requirements, Environment)
# AGENT_ARCHITECTURE is empty where somebody builds by hand: then it is that of the machine, or of --platform.
case ${AGENT_ARCHITECTURE:-$(uname -m)} in
  amd64 | x86_64) architecture=amd64 machine=3e00 ;;
  arm64 | aarch64) architecture=arm64 machine=b700 ;;
  *) fail "AGENT_ARCHITECTURE is '${AGENT_ARCHITECTURE:-$(uname -m)}'; give amd64 or arm64." ;;
esac
[ -x /home/tfc-agent/bin/tfc-agent ] || fail 'there is no program /home/tfc-agent/bin/tfc-agent in the base image.'
for program in /bin/sh /home/tfc-agent/bin/tfc-agent /home/tfc-agent/bin/tfc-agent-core; do
  [ -e "$program" ] || continue
  head=$(od -An -v -tx1 -N20 "$program" | tr -d ' \n')
  case $head in
    7f454c46????????????????????????????"$machine" | 2321*) ;; # ELF with that e_machine (elf(5)), or a script
    *) fail "$program is no program for $architecture, so the base image is of another architecture." ;;
  esac
done

# -- The user is found by name, since HashiCorp documents no uid
[ "$(id -u tfc-agent)" -ne 0 ] || fail 'tfc-agent is root in the base image.'

# -- The shell that runs the entrypoint may be executed but not read by the agent's user. Linux then hides its memory and its
# environment, in which the agent token is, from every process of that user: from Terraform's providers and provisioners.
# (proc(5), PR_SET_DUMPABLE in prctl(2))
cp /bin/sh /opt/agent-launcher/sh
chmod 0711 /opt/agent-launcher/sh
chmod 0755 /opt/agent-launcher /opt/agent-launcher/entrypoint.sh

# -- The folders that are written to; nothing is setuid or setgid
mkdir -p /home/tfc-agent/.tfc-agent
chown tfc-agent: /home/tfc-agent/.tfc-agent
chmod 1777 /tmp
find / -xdev -type f -perm /6000 -exec chmod a-s {} +
