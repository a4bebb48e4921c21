#!/usr/bin/env bash
# Starts the server in the background if none runs, with a first session; attaches when this is a terminal.
set -euo pipefail
roost="$1"
session="first"

if "$roost" status >/dev/null 2>&1; then
  echo "run: a server is running already"
else
  echo "run: starting a server"
fi
if ! "$roost" ls --names 2>/dev/null | grep -qx "$session"; then
  "$roost" new "$session" --detached >/dev/null
  echo "run: session '$session' is there"
fi

if [ -t 0 ] && [ -t 1 ]; then
  exec "$roost" attach "$session"
fi
socket=$("$roost" status --json | sed -n 's/.*"socket_path":"\([^"]*\)".*/\1/p')
cat <<TEXT
run: see it with
  $roost attach $session
  $roost screen $session
  $roost run $session -- uname -a
  curl --unix-socket $socket http://localhost/sessions/$session/screen?format=plain
stop it with
  $roost stop --kill-sessions
TEXT
