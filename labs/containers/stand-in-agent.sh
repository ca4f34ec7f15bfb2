#!/bin/sh
# Emulates tfc-agent in the base image for arm64, where nothing is compiled. It takes no job, and exits on SIGTERM.
[ "${1:-}" != version ] || { echo 'Agent version: 1.33.0'; exit 0; }
trap 'echo "2026-08-24T10:00:09.000Z [INFO]  core: Shutting down"; exit 0' TERM
echo "2026-08-24T10:00:00.000Z [INFO]  agent: Starting: name=${TFC_AGENT_NAME:-} arguments=$*"
echo '2026-08-24T10:00:01.000Z [INFO]  core: Waiting for next job'
while :; do sleep 0.1; done
