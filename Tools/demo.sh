#!/usr/bin/env bash
# A hub and two servers behind it on this machine, and an agent's work on both of them through the hub, in front of a person.
#
#     Tools/demo.sh [roost]        PACE=50 halves the pauses, which there are only on a terminal
#
# Everything is in a scratch folder with servers of its own; nothing of the user's is read, and nothing is left. Succeeds when the story
# went as told.
set -euo pipefail

if [ -z "${ROOST_DEMO_BINARY:-}" ]; then
  cd "$(dirname "$0")/.."
  # The one that was built last.
  binary=${1:-$(ls -t .build/release/roost .build/debug/roost 2>/dev/null | head -n 1 || true)}
  [ -x "$binary" ] || { echo "demo: no roost is built yet; 'make demo' builds one" >&2; exit 1; }
  # From here on with an environment that knows nothing of the user.
  exec env -i ROOST_DEMO_BINARY="$(realpath "$binary")" PATH="$PATH" TERM="${TERM:-dumb}" LANG=C.UTF-8 \
    PACE="${PACE:-}" ${NO_COLOR:+NO_COLOR=1} "${BASH:-bash}" "$(realpath Tools/demo.sh)"
fi

base=$(mktemp -d /tmp/roost-demo-XXXXXX)
mkdir -m 700 "$base"/{home,run,bin,ready}
ln -s "$ROOST_DEMO_BINARY" "$base/bin/roost"
export HOME="$base/home" XDG_RUNTIME_DIR="$base/run" SHELL=/bin/bash PATH="$base/bin:$PATH"
echo "PS1='\$ '" >"$HOME/.bashrc"
cd "$HOME"
umask 077

# How long people are given to read, in percent: at 100 less than 40 s in all.
if [ -t 1 ]; then pace=${PACE:-100}; else pace=0; fi
bold= dim= blue= green= red= plain=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "$TERM" != dumb ]; then
  bold=$'\e[1m' dim=$'\e[2m' blue=$'\e[1;34m' green=$'\e[1;32m' red=$'\e[1;31m' plain=$'\e[0m'
fi

keepers=()
finish() {
  status=$?
  trap '' INT TERM HUP
  for name in hub web1 web2; do roost -L "$name" stop --kill-sessions >/dev/null 2>&1 || true; done
  # A keeper whose server had died before it could be asked.
  for keeper in "${keepers[@]}"; do
    if grep -qs "$base" "/proc/$keeper/cmdline"; then kill -KILL "$keeper" 2>/dev/null || true; fi
  done
  rm -rf "$base"
  if [ "$status" = 0 ]; then
    printf '\n%sdemo: that was all of it, in %s s; nothing is left of it on this machine%s\n' "$green" "$SECONDS" "$plain"
  else
    printf '\n%sdemo: it did not go as told (status %s)%s\n' "$red" "$status" "$plain" >&2
  fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# rest TENTHS: so many tenths of a second.
rest() {
  local milliseconds=$((pace * $1))
  if [ "$pace" != 0 ]; then sleep "$((milliseconds / 1000)).$(printf %03d $((milliseconds % 1000)))"; fi
}
say() { printf '\n%s%s%s\n' "$blue" "$*" "$plain"; rest 15; }
show() { printf '%s$ %s%s\n' "$bold" "$1" "$plain"; rest 2; }

# Runs a command in front of the audience. It has to exit with the status given, 0 without one.
run() {
  local expected=0 status=0
  case $1 in [0-9]*) expected=$1; shift ;; esac
  show "$1"
  eval "$1" || status=$?
  if [ "$expected" != 0 ]; then printf '%s(exit status %s)%s\n' "$dim" "$status" "$plain"; fi
  [ "$status" = "$expected" ] || fail "'$1' gave $status, not $expected"
  rest 8
}
fail() { printf '%sdemo: %s%s\n' "$red" "$*" "$plain" >&2; exit 1; }

# The value of a member of a JSON document that is a string or a number.
member() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }

# serve NAME ARGUMENTS…: starts a server and returns once it is ready.
serve() {
  local name=$1 line=
  shift
  mkfifo "$base/ready/$name"
  # A session of its own: ctrl+c is for the demo, which then ends its servers in order.
  setsid roost -L "$name" serve --hostname "$name" --ready-fd 9 "$@" 9>"$base/ready/$name" 2>"$base/$name.log" &
  disown
  read -r line <"$base/ready/$name" || true
  rm "$base/ready/$name"
  [ "$line" = ready ] || { cat "$base/$name.log" >&2; fail "the server $name did not start"; }
  keepers+=("$(roost -L "$name" status --json | member keeper_pid)")
}

project() {
  mkdir "$1"
  cat >"$1/Makefile" <<'EOF'
site.tar: serve.sh
	@echo "checking serve.sh"; sh -n serve.sh
	@sleep 1; tar -cf $@ serve.sh; echo "made $@"
EOF
  printf '%s\n' 'if [ -n "$PORT" ]; then' '  echo "serving on $PORT"' 'else' '  echo "no port"' 'fi' >"$1/serve.sh"
}
project web1
project web2
sed -i '$d' web2/serve.sh # somebody forgot the last line

say "Three servers, as if they were on three machines. web1 and web2 listen on TCP."
show "roost serve --hostname web1 --bind …    # on web1; the same on web2"
serve web1 --bind 127.0.0.1:0
serve web2 --bind 127.0.0.1:0
show "roost serve                             # on the hub"
serve hub
web1=$(roost -L web1 status --json | member tcp_addr)
web2=$(roost -L web2 status --json | member tcp_addr)
roost -L web1 token create hub --scope admin >web1.token 2>/dev/null
roost -L web2 token create hub --scope admin >web2.token 2>/dev/null
export ROOST_SERVER_NAME=hub

say "The hub is given a token of each. From here on nobody but the hub is asked."
run "roost servers add http://$web1 --token-file web1.token"
run "roost servers add http://$web2 --token-file web2.token --role member"

say "To be on the list is not to be given work. Whoever is refused is told what would change it."
run 5 "roost new web1:build -d --cwd $HOME/web1"
run "roost servers promote web1"
run "roost new web1:build -d --cwd $HOME/web1"
run "roost new web2:build -d --cwd $HOME/web2"
run "roost servers ls"

say "An agent starts a build on both, and waits for each: for the prompt after it, not for silence."
for name in web1 web2; do roost wait "$name:build" --prompt >/dev/null; done
show "roost send web1:build make --enter; roost send web2:build make --enter"
since1=$(roost send web1:build make --enter --json | member generation)
since2=$(roost send web2:build make --enter --json | member generation)
run "roost ls"
run "roost wait web1:build --prompt --since $since1"
run "roost wait web2:build --prompt --since $since2"
run "roost commands web1:build"
run "roost commands web2:build"
roost commands web1:build | grep -q ' 0 .*make' || fail "the build on web1 did not succeed"
roost commands web2:build | grep -q ' 2 .*make' || fail "the build on web2 did not fail"

say "web2 has failed. What is on its screen?"
run "roost screen web2:build"
roost screen web2:build | grep -q 'serve.sh:.*yntax error' || fail "the screen does not say what is wrong"

say "An 'fi' is missing. The agent adds it and builds again; 'run' gives the output and the exit status of that very command."
run "roost run web2:build -- 'echo fi >>serve.sh'"
id=$(cat /proc/sys/kernel/random/uuid)
run "roost run --correlation-id $id web2:build -- make"
run "roost commands web2:build"

say "Who did that? One id leads through the records of every server on the way."
run "roost events trace $id"
run "roost events trace $id -s web2"

say "And if a server dies? Its programs live on, the hub says so, and goes on when it is back."
run "roost run web2:build -- answer=42"
pid=$(roost -L web2 status --json | member pid)
show "kill -KILL $pid                        # the server of web2"
kill -KILL "$pid"
# What the hub has noticed, not what it will.
for _ in {1..100}; do
  if roost ls 2>/dev/null | grep -q 'web2 (stale)'; then break; fi
  sleep 0.1
done
run "roost ls"
run 7 "roost run web2:build -- true"
show "roost serve --hostname web2 --bind …    # on web2, again"
serve web2 --bind "$web2"
for _ in {1..200}; do
  if [ "$(roost servers info web2 --json | member health)" = healthy ]; then break; fi
  sleep 0.1
done
run "roost run web2:build -- 'echo the same shell still knows \$answer'"
