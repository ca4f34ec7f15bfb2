#!/bin/sh
# Starts one single-mode HCP Terraform agent in an ECS task and sees it out; README.md in this folder says what it promises.
# POSIX sh. It may be given as text (sh -c), so it knows no path of its own.
#
#   agent -- stdout --> tee --> container's stdout    ticks, one each idle window
#        \-- stderr --> tee --> container's stderr      |
#                        \-- a copy of every line --> watch -- USR1 --> this shell -- TERM, once --> agent
#
# A helper ends when its input does. Were one killed but tee, the agent would go on.
set -u

say() { printf 'entrypoint: %s\n' "$*" >&2; }
fail() { code=$1; shift; say "$*"; exit "$code"; }

trap 'exit 143' TERM
trap 'exit 130' INT
trap 'exit 131' QUIT
trap 'exit 129' HUP

# -- Settings
idle=${AGENT_IDLE_SECONDS:-300}
case $idle in
  *[!0-9]* | 0* | ??????*)
    fail 78 "AGENT_IDLE_SECONDS is '$idle'; give a whole number of seconds from 1 to 99999, or leave it out for 300." ;;
esac
[ "${TFC_AGENT_SINGLE:-true}" = true ] ||
  say "TFC_AGENT_SINGLE is '$TFC_AGENT_SINGLE'; an agent of this pool takes one job, so it is set to true."
case ${TFC_AGENT_LOG_LEVEL:-info} in
  [Ww][Aa][Rr][Nn] | [Ee][Rr][Rr][Oo][Rr])
    say "TFC_AGENT_LOG_LEVEL is '$TFC_AGENT_LOG_LEVEL', which hides jobs from the idle watchdog, so it is set to info."
    export TFC_AGENT_LOG_LEVEL=info ;;
esac
export TFC_AGENT_SINGLE=true "TFC_AGENT_AUTO_UPDATE=${TFC_AGENT_AUTO_UPDATE:-disabled}"

# -- Name: the ECS task's id, by which the launcher joins tasks and agents
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html
# Five attempts in at most 14 s; never through a proxy or with a .curlrc.
task_id() {
  curl -q --noproxy '*' -fsS --max-time 2 "$ECS_CONTAINER_METADATA_URI_V4/task" |
    sed -n 's|.*"TaskARN" *: *"[^"]*/\([0-9A-Za-z-]*\)".*|\1|p' | head -n 1
}

if [ -z "${TFC_AGENT_NAME:-}" ]; then
  [ -n "${ECS_CONTAINER_METADATA_URI_V4:-}" ] ||
    fail 78 'ECS_CONTAINER_METADATA_URI_V4 is not set, so this is no ECS task; outside of ECS set TFC_AGENT_NAME.'
  for pause in 1 1 1 1 0; do
    TFC_AGENT_NAME=$(task_id)
    [ -z "$TFC_AGENT_NAME" ] || break
    sleep "$pause"
  done
  [ -n "$TFC_AGENT_NAME" ] ||
    fail 69 "The task metadata endpoint $ECS_CONTAINER_METADATA_URI_V4/task gave no TaskARN in 5 attempts." \
      'The agent is not started, since the launcher could not tell which task it is in.'
fi
export TFC_AGENT_NAME

# -- The agent's command
if [ -n "${AGENT_COMMAND:-}" ]; then
  set -- sh -c "exec $AGENT_COMMAND \"\$@\"" agent -single "$@"
elif command -v tfc-agent >/dev/null; then
  set -- tfc-agent -single "$@"
elif [ -x /home/tfc-agent/bin/tfc-agent ]; then
  set -- /home/tfc-agent/bin/tfc-agent -single "$@"
else
  fail 127 'There is no tfc-agent on PATH nor in /home/tfc-agent/bin; use an image made from hashicorp/tfc-agent.'
fi
unset AGENT_COMMAND AGENT_IDLE_SECONDS # ours: neither the agent nor Terraform need see them

# -- Pipes: 3 the agent's stdout, 4 its stderr, 5 what the watchdog reads, 6 held by this shell, 7 held by every helper
# Opened both ways, so that no open waits, and unlinked at once; a user of one opens the end he needs by /dev/fd.
pipes=$(mktemp -d "${TMPDIR:-/tmp}/agent.XXXXXX") ||
  fail 78 "The directory ${TMPDIR:-/tmp} is not writable; mount a volume there, or set TMPDIR to one that is."
(cd "$pipes" && mkfifo 3 4 5 6 7) || fail 78 "Could not make pipes in $pipes."
exec 3<>"$pipes/3" 4<>"$pipes/4" 5<>"$pipes/5" 6<>"$pipes/6" 7<>"$pipes/7"
rm -r "$pipes"

copy() { # $1: pipe to copy to stdout and to the watchdog, byte by byte
  exec <"/dev/fd/$1" 8>/dev/fd/5 3>&- 4>&- 5>&- 6>&-
  exec tee /dev/fd/8
}

ticks() { # 6 reaches its end when this shell does, so that no sleep is left behind
  exec 8>/dev/fd/5 9</dev/fd/6 2>/dev/null 3>&- 4>&- 5>&- 6>&-
  while :; do
    timeout "$idle" cat <&9 >/dev/null 7>&- 8>&-
    case $? in
      124 | 143) printf '\n%s\n' "$tick" >&8 ;; # time is up: GNU's code, BusyBox's code
      *) return ;;
    esac
  done
}

# -- Idle watchdog
# Idle is an agent whose last word is that it waits. Received a job, runs Terraform, said anything that is not known here, or
# nothing at all: left alone. (Were that wrong, one SIGTERM would still let a job finish first:
# https://developer.hashicorp.com/terraform/cloud-docs/agents/agents)
watch() {
  exec </dev/fd/5 3>&- 4>&- 5>&- 6>&-
  word=unknown
  while IFS= read -r line; do
    case $line in
      *'Job received'*) exec cat >/dev/null ;;
      *'Waiting for next job'*) word=waiting ;;
      "$tick")
        if [ "$word" = waiting ] && ! terraform_runs; then
          kill -USR1 $$
          exec cat >/dev/null
        fi
        [ -n "${doubted:-}" ] || say "no job seen in $idle s, but the agent may have one: its log does not end in" \
          '"Waiting for next job", or Terraform runs. It is left alone.'
        doubted=yes ;;
      *) tells_nothing "$line" || word=unknown ;;
    esac
  done
}

tells_nothing() { # $1: line that an idle agent may log as well, such as a failed poll; text or JSON
  case $1 in
    '' | '  '* | *'Core version is up to date'*) ;;
    *'[DEBUG]'* | *'[TRACE]'* | *'"@level":"debug"'* | *'"@level":"trace"'*) ;;
    *'[WARN]'* | *'[ERROR]'* | *'"@level":"warn"'* | *'"@level":"error"'*)
      case $1 in
        *'] '*core:' '* | *'] '*agent:' '* | *'] '*notice:' '*) ;;
        *'"@module":"core"'* | *'"@module":"agent"'* | *'"@module":"notice"'*) ;;
        *) return 1 ;;
      esac ;;
    *) return 1 ;;
  esac
}

terraform_runs() { # among the agent's descendants; a line of stat: pid (name) state parent ...
  cat /proc/[0-9]*/stat 2>/dev/null | awk -v agent="$agent" '
    { pid = $1; if (index($0, "(terraform")) runs[pid]; sub(/^.*\) . /, ""); parent[pid] = $1 }
    END { for (pid in runs) for (p = pid; p in parent; p = parent[p]) if (p == agent) found = 1; exit !found }'
}

# -- Start
tell() { # $1: how many times it was asked for, counted in one step so that no signal comes between, $2: why
  [ "$1" -eq 1 ] || { say "$2: not passed on, the agent was told already and a second signal would end its job."; return; }
  kill -TERM "$agent" 2>/dev/null
  say "$2: told the agent to leave (SIGTERM). If it has a job, it finishes that first."
}

say "agent $TFC_AGENT_NAME starts; idle window $idle s"
early=
trap 'early=SIGTERM' TERM
trap 'early=SIGINT' INT
trap 'early=SIGQUIT' QUIT
trap 'early=SIGHUP' HUP
"$@" >/dev/fd/3 2>/dev/fd/4 3>&- 4>&- 5>&- 6>&- 7>&- &
agent=$!
told=0
trap 'tell "$((told += 1))" SIGTERM' TERM
trap 'tell "$((told += 1))" SIGINT' INT
trap 'tell "$((told += 1))" SIGQUIT' QUIT
trap 'tell "$((told += 1))" SIGHUP' HUP
trap 'tell "$((told += 1))" "no job in $idle s"; [ "$told" -gt 1 ] || sent_away=yes' USR1
[ -z "$early" ] || tell "$((told += 1))" "$early"

unset TFC_AGENT_TOKEN # the helpers need it not
tick="tick of $$"
(trap '' TERM INT QUIT HUP PIPE; copy 3) &
(trap '' TERM INT QUIT HUP PIPE; copy 4 >&2) &
(trap '' TERM INT QUIT HUP; watch) &
(trap - TERM HUP; ticks) &
exec 8</dev/fd/7 3>&- 4>&- 5>&- 7>&-

# -- See it out
# A signal ends wait early, with a code over 128; once the agent was waited for, its pid is no more.
while :; do
  wait "$agent"
  code=$?
  kill -0 "$agent" 2>/dev/null || break
done
trap '' TERM INT QUIT HUP USR1
exec 6>&-
timeout 5 cat <&8 >/dev/null 2>&1 # until the helpers have passed the last lines on; a stray child may keep them open
# An agent that was sent away without a job has an exit code of its own, by which the launcher tells it from one that had
# a job (EX_TEMPFAIL in sysexits.h).
case ${sent_away:-no}$code in yes0 | yes143) code=75 ;; esac
exit "$code"
