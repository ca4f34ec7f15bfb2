#!/bin/sh
# The last step as root of both Dockerfiles. It checks the base image, hides the agent's programs and the token from jobs, and
# removes privileges that no job needs.
set -eu
export LC_ALL=C

fail() { printf 'prepare-image: %s\n' "$*" >&2; exit 1; }

# -- Check the architecture, because HCP Terraform refuses agents of two architectures in one pool (Agent Requirements, Environment).
# In a manual build, AGENT_ARCHITECTURE is empty: the build is for this machine or for --platform.
case ${AGENT_ARCHITECTURE:-$(uname -m)} in
  amd64 | x86_64) architecture=amd64 machine=3e00 ;;
  arm64 | aarch64) architecture=arm64 machine=b700 ;;
  *) fail "AGENT_ARCHITECTURE is '${AGENT_ARCHITECTURE:-$(uname -m)}'; set amd64 or arm64." ;;
esac
[ -x /home/tfc-agent/bin/tfc-agent ] || fail 'there is no program /home/tfc-agent/bin/tfc-agent in the base image.'
for program in /bin/sh /home/tfc-agent/bin/tfc-agent /home/tfc-agent/bin/tfc-agent-core; do
  [ -e "$program" ] || continue
  head=$(od -An -v -tx1 -N20 "$program" | tr -d ' \n')
  case $head in
    7f454c46????????????????????????????"$machine" | 2321*) ;; # ELF with that e_machine (elf(5)), or a script
    *) fail "$program is not a program for $architecture, so the base image has another architecture." ;;
  esac
done

# -- Find the user by name, because HashiCorp doesn't document its uid
[ "$(id -u tfc-agent)" -ne 0 ] || fail 'tfc-agent is root in the base image.'

# -- The agent's user can execute but not read the shell that runs the entrypoint, and the tee that copies the agent's log. Linux
# then hides their memory, their environment (the agent token) and their pipes (the log by which the watchdog recognizes a job)
# from other processes of that user, such as Terraform's providers and provisioners (proc(5), PR_SET_DUMPABLE in prctl(2)).
shell=/bin/sh
[ ! -x /bin/dash ] || shell=/bin/dash
cp -L "$shell" /opt/agent-launcher/sh
cp -L "$(command -v tee)" /opt/agent-launcher/tee
chmod 0711 /opt/agent-launcher/sh /opt/agent-launcher/tee
chmod 0755 /opt/agent-launcher /opt/agent-launcher/entrypoint.sh
# bash imports functions from environment variables, even if it is started as sh. With such variables, a caller of RunTask could
# print the token.
! env 'BASH_FUNC_probe%%=() { :; }' /opt/agent-launcher/sh -c 'command -v probe' >/dev/null ||
  fail "/bin/sh reads functions from environment variables, as bash does; install dash in the base image."

# -- Hide the agent's own programs, for the same reason. HashiCorp doesn't document whether they must read themselves. So the build
# runs "version", which runs both programs. If an agent fails only later, HIDE_AGENT=false turns this off.
as_agent() { # $@: command, run without PAM and without a login shell
  setpriv --reuid tfc-agent --regid "$(id -g tfc-agent)" --clear-groups env HOME=/tmp timeout 30 "$@" 2>&1 </dev/null
}
outcome() { # the output and the exit code of the agent's version command
  said=$(set +e; as_agent /home/tfc-agent/bin/tfc-agent version; echo "exit code $?")
  printf '%s\n' "$said"
}
set_mode() {
  for program in /home/tfc-agent/bin/tfc-agent /home/tfc-agent/bin/tfc-agent-core; do
    [ -e "$program" ] || continue
    # A change of owner or mode stores the whole file in another layer of the image, so avoid it if possible.
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
            'WARNING: this agent does not run if it cannot read its own program. Jobs may be able to read the agent token.' \
            "With mode 0711: $hidden" "With mode 0755: $open" >&2
        fi ;;
      # An emulator of a different processor must read the program that it runs. The real processor doesn't need to.
      *) echo 'prepare-image: this machine cannot run unreadable programs, so the build did not test the agent.' >&2 ;;
    esac ;;
  *) fail "HIDE_AGENT is '$HIDE_AGENT'; set true or false." ;;
esac

# -- Trust private certificate authorities. update-ca-certificates reads one certificate per file, so each gets a file. Go programs, such as the
# agent and Terraform, read the list that it writes (https://pkg.go.dev/crypto/x509#SystemCertPool); so do git and curl.
if [ -n "${CA_CERTIFICATES:-}" ]; then
  command -v update-ca-certificates >/dev/null || fail 'the base image has no update-ca-certificates; install ca-certificates in it.'
  mkdir -p /usr/local/share/ca-certificates/agent-launcher
  printf %s "$CA_CERTIFICATES" | base64 -d | awk '
    /^-----BEGIN CERTIFICATE-----/ { file = sprintf("/usr/local/share/ca-certificates/agent-launcher/%02d.crt", ++count) }
    file != "" { print > file }
    /^-----END CERTIFICATE-----/ { close(file); file = "" }'
  ls /usr/local/share/ca-certificates/agent-launcher/*.crt >/dev/null 2>&1 || fail 'CA_CERTIFICATES contains no certificate in Base64.'
  update-ca-certificates
fi

# -- Writable folders, and no setuid or setgid file
mkdir -p /home/tfc-agent/.tfc-agent
chown tfc-agent: /home/tfc-agent/.tfc-agent
chmod 1777 /tmp
find / -xdev -type f -perm /6000 -exec chmod a-s {} +
