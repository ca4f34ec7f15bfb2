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

# -- The shell that runs the entrypoint, and the tee that copies the agent's log, can be executed but not read by the agent's
# user. Linux then refuses other processes of that user, such as Terraform's providers and provisioners, what is in their memory,
# their environment (the agent token) and their pipes (the log by which the watchdog recognizes a job).
# (proc(5), PR_SET_DUMPABLE in prctl(2))
shell=/bin/sh
[ ! -x /bin/dash ] || shell=/bin/dash
cp -L "$shell" /opt/agent-launcher/sh
cp -L "$(command -v tee)" /opt/agent-launcher/tee
chmod 0711 /opt/agent-launcher/sh /opt/agent-launcher/tee
chmod 0755 /opt/agent-launcher /opt/agent-launcher/entrypoint.sh
# bash runs functions that come from the environment, also as sh: a RunTask with such variables could print the token.
! env 'BASH_FUNC_probe%%=() { :; }' /opt/agent-launcher/sh -c 'command -v probe' >/dev/null ||
  fail "/bin/sh takes functions from environment variables, as bash does; install dash in the base image."

# -- The agent's own programs, for the same reason. Whether they must read themselves is tried, since HashiCorp documents
# neither: "version" runs both. Off with HIDE_AGENT=false, if a version needs that after all.
as_agent() { # $@: command; no PAM, no login shell
  setpriv --reuid tfc-agent --regid "$(id -g tfc-agent)" --clear-groups env HOME=/tmp timeout 30 "$@" 2>&1 </dev/null
}
outcome() { # of the agent's version command: its exit code and what it says
  said=$(set +e; as_agent /home/tfc-agent/bin/tfc-agent version; echo "exit code $?")
  printf '%s\n' "$said"
}
set_mode() {
  for program in /home/tfc-agent/bin/tfc-agent /home/tfc-agent/bin/tfc-agent-core; do
    [ -e "$program" ] || continue
    # A change of owner or mode stores the whole file in another layer of the image, so only where it is needed.
    [ "$(stat -Lc '%u %a' "$program")" = "0 $1" ] || { chown root:root "$program"; chmod "0$1" "$program"; }
  done
}
case ${HIDE_AGENT:-true} in
  false) set_mode 755 ;;
  true)
    set_mode 711
    hidden=$(outcome)
    control=$(set +e; as_agent /opt/agent-launcher/sh -c :; echo "exit code $?")
    case $hidden/$control in
      *'exit code 0/'*) ;;
      */'exit code 0')
        set_mode 755
        open=$(outcome)
        if [ "$open" = "$hidden" ]; then
          set_mode 711
        else
          printf 'prepare-image: %s\n' \
            'WARNING: this agent does not run if it may not read its own program. Jobs may be able to read the agent token.' \
            "With mode 0711: $hidden" "With mode 0755: $open" >&2
        fi ;;
      # An emulator of another processor reads what it runs. The processor that the image is for does not.
      *) echo 'prepare-image: this machine runs no program that it may not read, so the agent was not tried.' >&2 ;;
    esac ;;
  *) fail "HIDE_AGENT is '$HIDE_AGENT'; give true or false." ;;
esac

# -- The folders that are written to; nothing is setuid or setgid
mkdir -p /home/tfc-agent/.tfc-agent
chown tfc-agent: /home/tfc-agent/.tfc-agent
chmod 1777 /tmp
find / -xdev -type f -perm /6000 -exec chmod a-s {} +
