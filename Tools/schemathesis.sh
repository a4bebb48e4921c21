#!/usr/bin/env bash
# Attacks the server by its own document: Schemathesis makes requests from /openapi.json, right ones and wrong ones, with a token that
# may do everything and one that may only read. Fails when an answer is not what the document says, or the server fails.
#
#     Tools/schemathesis.sh .build/release/roost [cases for each operation, 25]
#
# The server has a home of its own and no programs to run: whatever a made-up session asks for, nothing is done to this machine. Left
# out: the end of the server, streams, and right requests of what waits (they would) and of the end of tokens (of its own). Two checks are left out: that every wrong
# token is 401 (it is 403 here), and that whatever fits the schema is taken, since a schema does not say all that an input must be
# (names by the kinds of their characters, fields that exclude each other). The seed is fixed.
set -euo pipefail
roost=$(realpath "$1")
cases=${2:-25}
cd "$(dirname "$0")/.."
schemathesis=$PWD/.build/schemathesis/bin/st
configuration=$PWD/Tools/schemathesis.toml
[ -x "$schemathesis" ] || { echo "schemathesis: not installed; 'Tools/setup.sh attack' installs it from PyPI" >&2; exit 1; }

home=$(mktemp -d)
export HOME="$home" XDG_RUNTIME_DIR="$home/run" XDG_STATE_HOME="$home/state" XDG_CONFIG_HOME="$home/config"
unset ROOST_SOCKET ROOST_SERVER ROOST_TOKEN ROOST_SERVER_NAME
mkdir -m 700 "$XDG_RUNTIME_DIR"
mkdir "$home/bin"
# Schemathesis leaves what it remembers where it is run.
cd "$home"
server=
finish() {
  "$roost" stop --kill-sessions >/dev/null 2>&1 || true
  [ -z "$server" ] || wait "$server" 2>/dev/null || true
  rm -rf "$home"
}
trap finish EXIT

mkfifo "$home/said"
PATH="$home/bin" "$roost" serve --bind 127.0.0.1:0 --shell /bin/true 2>"$home/said" &
server=$!
url=
exec 4<"$home/said"
while [ -z "$url" ] && read -r -t 30 -u 4 line; do
  case "$line" in *"listening at http://"*) url=${line#*listening at } ;; esac
done
[ -n "$url" ] || { echo "schemathesis: the server did not start" >&2; exit 1; }
cat <&4 >"$home/log" &
wide=$("$roost" token create --scope admin --json | sed 's/.*"token":"\([^"]*\)".*/\1/')
narrow=$("$roost" token create --scope sessions:read --json | sed 's/.*"token":"\([^"]*\)".*/\1/')

# Wrong tokens are tried from this address too, and many of them would shut out one that has not been seen to be good.
known() {
  for token in "$wide" "$narrow"; do
    curl -sf -o /dev/null -H "Authorization: Bearer $token" "$url/sessions" && continue
    echo "schemathesis: a token of the attack is not taken $1 it: what was answered says nothing" >&2
    exit 1
  done
}
known before

# Filters of several kinds would have to hold together, so all of them are of one.
apart='^/server/(stop|shutdown)$|^/events/stream$|^/link$|/ws(/json|/raw)?$'
# What waits, and what would take the attack's own tokens away.
careful='/(idle|wait|interact|run)$|^/tokens/\{id\}$'
attack() { # name, token, cases, and what else Schemathesis is to know
  echo "schemathesis: $1"
  local token=$2 count=$3
  shift 3
  timeout 150 "$schemathesis" --config-file "$configuration" run "$url/openapi.json" \
    --header "Authorization: Bearer $token" --phases coverage,fuzzing --max-examples "$count" --seed 1 --no-shrink \
    --continue-on-failure --workers 1 --request-timeout 20 --warnings off \
    --exclude-checks ignored_auth,positive_data_acceptance "$@" >"$home/report" 2>&1 && return
  cut -c1-300 "$home/report" >&2
  return 1
}
status=0
attack "everything, with every right" "$wide" "$cases" --exclude-path-regex "$apart|$careful" || status=1
attack "what waits, and tokens, asked wrongly" "$wide" "$cases" --include-path-regex "$careful" --mode negative || status=1
attack "everything, with the right to read" "$narrow" $((cases / 3 + 1)) --exclude-path-regex "$apart|$careful" || status=1

known after
kill -0 "$server" 2>/dev/null || { echo "schemathesis: the server has ended" >&2; cat "$home/log" >&2; exit 1; }
"$roost" call server.health >/dev/null
"$roost" stop --kill-sessions
wait "$server" || true
server=
if [ "$status" = 0 ]; then echo "schemathesis: ok"; fi
exit "$status"
