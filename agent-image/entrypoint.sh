#!/bin/sh
# Starts one single-mode HCP Terraform agent in an ECS task, and ends with it. README.md in this folder describes its guarantees.
# POSIX sh. A task definition can contain the script as text (sh -c), so it doesn't know its own path.
#
#   agent -- stdout --> tee --> container's stdout    ticks, one per idle window
#        \-- stderr --> tee --> container's stderr      |
#                        \-- a copy of every line --> watch -- "idle", USR1 --> this shell -- TERM, once --> agent
#
# A helper process ends when its input ends. If a helper other than tee is killed, the agent continues.
# A job runs as the same user and can signal all of these processes, so no decision depends on a signal. USR1 only makes this
# shell read a file to which only watch can write. README.md, "The exit code 75", says what a job can't forge.
set -u

say() { printf 'entrypoint: %s\n' "$*" >&2; }
fail() { code=$1; shift; say "$*"; exit "$code"; }

trap 'exit 143' TERM
trap 'exit 130' INT
trap 'exit 131' QUIT
trap 'exit 129' HUP

# -- The agent token: only the agent gets it. Remove what files often add: a newline at the end, or Windows's byte order mark.
secret=${AGENT_TOKEN_SECRET:-the secret of TFC_AGENT_TOKEN}
token=${TFC_AGENT_TOKEN:-}
unset TFC_AGENT_TOKEN
token=${token#"$(printf '\357\273\277')"}
token=${token#"${token%%[![:space:]]*}"}
token=${token%"${token##*[![:space:]]}"}
case $token in
  '' | *[[:space:]]*)
    [ -n "$token" ] && found='has whitespace inside' || found='is empty'
    case $secret in
      *:*) # The name, a colon and the key of the secret's JSON object.
        fail 78 "The agent token in ${secret%:*} under the key ${secret##*:} $found. Store a JSON object that has the agent token" \
          'of the pool under this key, and keep its other keys:' \
          'aws secretsmanager put-secret-value --secret-id ... --secret-string file://secret.json' ;;
    esac
    fail 78 "The agent token in $secret $found. Store the agent token of the pool there, and nothing else:" \
      'aws secretsmanager put-secret-value --secret-id ... --secret-string file://agent-token.txt' ;;
esac

# -- Settings
# ECS appends a task's command to the entry point. If it contained -address, the agent would send its token to that address.
pinned=
case ${1:-} in https://*) pinned=$1; shift ;; esac
[ "$#" -eq 0 ] || fail 78 "The container's command is '$*'; leave it out, and set TFC_AGENT_... variables instead."
if [ -n "$pinned" ]; then
  [ "${TFC_ADDRESS:-$pinned}" = "$pinned" ] ||
    fail 78 "TFC_ADDRESS is '$TFC_ADDRESS', but this task definition is for $pinned. The entrypoint sends the agent token to no other address."
  export "TFC_ADDRESS=$pinned"
fi
case ${GODEBUG:-} in
  *http2debug*)
    say 'GODEBUG contains http2debug, which logs the agent token, so it is not forwarded.'
    unset GODEBUG ;;
esac
unset LD_PRELOAD LD_AUDIT
idle=${AGENT_IDLE_SECONDS:-300}
case $idle in
  *[!0-9]* | 0* | ??????*)
    fail 78 "AGENT_IDLE_SECONDS is '$idle'; set an integer from 1 to 99999 seconds, or leave it out for 300." ;;
esac
[ "${TFC_AGENT_SINGLE:-true}" = true ] ||
  say "TFC_AGENT_SINGLE is '$TFC_AGENT_SINGLE'; an agent of this pool takes one job, so it is set to true."
case ${TFC_AGENT_LOG_LEVEL:-info} in
  [Ww][Aa][Rr][Nn] | [Ee][Rr][Rr][Oo][Rr])
    say "TFC_AGENT_LOG_LEVEL is '$TFC_AGENT_LOG_LEVEL', which hides jobs from the idle watchdog, so it is set to info."
    export TFC_AGENT_LOG_LEVEL=info ;;
esac
export TFC_AGENT_SINGLE=true "TFC_AGENT_AUTO_UPDATE=${TFC_AGENT_AUTO_UPDATE:-disabled}"

# -- Name: the ECS task's ID, by which the launcher matches tasks and agents
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html
# Try five times in at most 14 s, without a proxy and without a .curlrc.
task_id() {
  curl -q --noproxy '*' -fsS --max-time 2 "$ECS_CONTAINER_METADATA_URI_V4/task" |
    sed -n 's|.*"TaskARN" *: *"[^"]*/\([0-9A-Za-z-]*\)".*|\1|p' | head -n 1
}

if [ -z "${TFC_AGENT_NAME:-}" ]; then
  [ -n "${ECS_CONTAINER_METADATA_URI_V4:-}" ] ||
    fail 78 'ECS_CONTAINER_METADATA_URI_V4 is not set, so this is not an ECS task. Outside ECS, set TFC_AGENT_NAME.'
  for pause in 1 1 1 1 0; do
    TFC_AGENT_NAME=$(task_id)
    [ -z "$TFC_AGENT_NAME" ] || break
    sleep "$pause"
  done
  [ -n "$TFC_AGENT_NAME" ] ||
    fail 69 "The task metadata endpoint $ECS_CONTAINER_METADATA_URI_V4/task returned no TaskARN in 5 attempts." \
      'The agent was not started, because the launcher could not match it with its task.'
fi
export TFC_AGENT_NAME

# -- The agent's program
program=/home/tfc-agent/bin/tfc-agent
[ -x "$program" ] || program=$(command -v tfc-agent) ||
  fail 127 'There is no tfc-agent in /home/tfc-agent/bin or on PATH. Use an image that is built from hashicorp/tfc-agent.'
[ ! -x /opt/agent-launcher/tee ] || [ ! -r "$program" ] ||
  say "$program can be read, so a job may be able to read the agent token. The build log of the image shows the reason: look for HIDE_AGENT."
unset AGENT_IDLE_SECONDS AGENT_TOKEN_SECRET # neither the agent nor Terraform needs them

# -- Pipes: 3 the agent's stdout, 4 its stderr, 5 the watchdog's input, 6 held open by this shell, 7 held open by every helper
# Open them for reading and writing, so that no open waits. A file connects the watchdog to this shell: the watchdog writes to 8,
# and the shell reads from 9. Unlink all of them before the agent starts.
pipes=$(mktemp -d "${TMPDIR:-/tmp}/agent.XXXXXX") ||
  fail 78 "The directory ${TMPDIR:-/tmp} is not writable; mount a volume there, or set TMPDIR to a writable directory."
(cd "$pipes" && mkfifo 3 4 5 6 7 && : >found) || fail 78 "Could not make pipes in $pipes."
exec 3<>"$pipes/3" 4<>"$pipes/4" 5<>"$pipes/5" 6<>"$pipes/6" 7<>"$pipes/7"
exec 8>"$pipes/found"
exec 9<"$pipes/found"
rm -r "$pipes"

# In the image, this is a copy of tee that a job can neither trace nor read.
tee=/opt/agent-launcher/tee
[ -x "$tee" ] || tee="tee"

copy() { # $1: pipe to copy to stdout and to the watchdog, byte by byte
  exec <"/dev/fd/$1" 8>/dev/fd/5 3>&- 4>&- 5>&- 6>&- 9<&-
  exec "$tee" /dev/fd/8
}

ticks() { # pipe 6 closes when this shell ends, so no timer remains
  exec 8>/dev/fd/5 9</dev/fd/6 2>/dev/null 3>&- 4>&- 5>&- 6>&-
  while :; do
    timeout "$idle" cat <&9 >/dev/null 7>&- 8>&-
    case $? in
      124 | 143) printf '\n%s\n' "$tick" >&8 ;; # the window is over: GNU's code, BusyBox's code
      *) return ;;
    esac
  done
}

# -- Idle watchdog
# An agent is idle if the last message that it logged says that it waits. If it received a job, runs Terraform, or logged
# something unknown or nothing at all, don't stop it. (Even if the watchdog were wrong, a job would finish after one SIGTERM:
# https://developer.hashicorp.com/terraform/cloud-docs/agents/agents)
# The watchdog exits with 75 if the agent was idle and received no job afterwards.
watch() {
  exec </dev/fd/5 3>&- 4>&- 5>&- 6>&- 9<&-
  word=unknown
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      # This process's exit code matters, so a job must not be able to trace it. tee without a file works like cat.
      *'Job received'*) exec "$tee" >/dev/null 8>&- ;;
      *'Waiting for next job'*) [ "$word" = idle ] || word=waiting ;;
      "$tick") tock ;;
      *"$program"*'ermission denied'*)
        [ -r "$program" ] || say 'The agent cannot read its own program, which hides its token from jobs. If this version' \
          'must read it, build the image with HIDE_AGENT=false (the setting agentImage.hideAgent).'
        word=unknown ;;
      *) [ "$word" = idle ] || tells_nothing "$line" || word=unknown ;;
    esac
  done
  [ "$word" != idle ] || exit 75
  exit 0
}

tock() { # an idle window is over
  [ "$word" != idle ] || return
  if [ "$word" = waiting ] && ! terraform_runs 8>&-; then
    word=idle
    echo idle >&8
    kill -USR1 $$
  elif [ -z "${doubted:-}" ]; then
    doubted=yes
    say "no job seen in $idle s, but the agent may have one: its log does not end in" \
      '"Waiting for next job", or Terraform runs. It is left alone.'
  fi
}

tells_nothing() { # $1: line that an idle agent may also log, such as a failed poll; text or JSON
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

terraform_runs() { # whether a descendant of the agent is Terraform; a line of stat: pid (name) state parent ...
  cat /proc/[0-9]*/stat 2>/dev/null | awk -v agent="$agent" '
    { pid = $1; if (index($0, "(terraform")) runs[pid]; sub(/^.*\) . /, ""); parent[pid] = $1 }
    END { for (pid in runs) for (p = pid; p in parent; p = parent[p]) if (p == agent) found = 1; exit !found }'
}

# -- Start
# Functions that traps call must use `case` on values, and no exit statuses or `return`. A signal during such a function runs the
# trap again. dash and BusyBox then lose the exit status of the previous command and the `return` of the interrupted function.

# $1: number of requests so far, including this one (the caller increments it in the call itself, so that no signal comes between),
# $2: reason
ask() {
  woken=yes
  case $1 in
    1)
      kill -TERM "$agent" 2>/dev/null
      say "$2: asked the agent to leave (SIGTERM). If it has a job, it finishes that first." ;;
    *) say "$2: not forwarded, because the agent already got SIGTERM and a second signal would end its job." ;;
  esac
}

# shellcheck disable=SC2317 # a trap calls it
heed() { # the watchdog's result; reading a file never waits
  woken=yes
  IFS= read -r found <&9
  case $found in
    idle)
      found=
      ask "$((asked += 1))" "no job in $idle s"
      case $asked in 1) sent_away=yes ;; esac ;;
  esac
}

say "agent $TFC_AGENT_NAME starts; idle window $idle s"
early=
trap 'early=SIGTERM' TERM
trap 'early=SIGINT' INT
trap 'early=SIGQUIT' QUIT
trap 'early=SIGHUP' HUP
TFC_AGENT_TOKEN=$token "$program" -single >/dev/fd/3 2>/dev/fd/4 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9<&- &
agent=$!
asked=0
found=
trap 'ask "$((asked += 1))" SIGTERM' TERM
trap 'ask "$((asked += 1))" SIGINT' INT
trap 'ask "$((asked += 1))" SIGQUIT' QUIT
trap 'ask "$((asked += 1))" SIGHUP' HUP
trap heed USR1
[ -z "$early" ] || ask "$((asked += 1))" "$early"

unset token
tick="tick of $$"
(trap '' TERM INT QUIT HUP PIPE; copy 3) &
stdout=$!
(trap '' TERM INT QUIT HUP PIPE; copy 4 >&2) &
stderr=$!
(trap '' TERM INT QUIT HUP; watch) &
watch=$!
(trap - TERM HUP; ticks) &
exec 8</dev/fd/7 3>&- 4>&- 5>&- 7>&-

# -- Wait for the agent's end
# A signal ends wait early, with a code over 128. The shell may have reaped the agent by then, so wait again for its code. Ignore
# signals meanwhile, or processes that a job left behind could send signals forever.
while :; do
  woken=
  wait "$agent"
  code=$?
  [ -n "$woken" ] || break
  kill -0 "$agent" 2>/dev/null && continue
  trap '' TERM INT QUIT HUP USR1
  wait "$agent"
  code=$?
  break
done
trap '' TERM INT QUIT HUP USR1
exec 6>&-
# Wait until the helpers have forwarded the last lines. A stray child may keep them open. (BusyBox's timeout needs SIGTERM in cat.)
(trap - TERM; exec timeout 5 cat <&8 >/dev/null 2>&1) && drained=yes
# Exit code 75 (EX_TEMPFAIL in sysexits.h) tells the launcher that the agent had no job. Report it only if all of this is true: the
# watchdog found the agent idle, the agent left for this reason, and the watchdog read every line of the agent and found no job.
[ "$code" -ne 75 ] || { say 'the agent ended with exit code 75, which is reserved for agents without a job. The entrypoint exits with 1 instead.'; code=1; }
if [ "${sent_away:-no}${drained:-no}" = yesyes ]; then
  wait "$watch"; watched=$?
  wait "$stdout"; watched=$watched-$?
  wait "$stderr"; watched=$watched-$?
  case $code/$watched in 0/75-0-0 | 143/75-0-0) code=75 ;; esac
fi
exit "$code"
