#!/usr/bin/env bash
# Starts the binary given in a scratch home, runs one command in one session, and stops it.
set -euo pipefail
roost=$(realpath "$1")
home=$(mktemp -d)
export HOME="$home" XDG_RUNTIME_DIR="$home/run" XDG_STATE_HOME="$home/state" XDG_CONFIG_HOME="$home/config" SHELL=/bin/bash
mkdir -m 700 "$XDG_RUNTIME_DIR"
finish() { "$roost" stop --kill-sessions >/dev/null 2>&1 || true; rm -rf "$home"; }
trap finish EXIT

"$roost" new smoke --detached >/dev/null
output=$("$roost" run smoke -- 'echo smoke-$((6 * 7))')
[ "$output" = "smoke-42" ] || { echo "smoke: unexpected output: $output" >&2; exit 1; }
status=0
"$roost" run smoke -- 'exit 3 | false; (exit 5)' >/dev/null || status=$?
[ "$status" = 5 ] || { echo "smoke: unexpected status: $status" >&2; exit 1; }
curl -sf --unix-socket "$XDG_RUNTIME_DIR/roost/default.sock" http://localhost/health | grep -q '"ok"'
"$roost" stop --kill-sessions
echo "smoke: ok"
