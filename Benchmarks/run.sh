#!/usr/bin/env bash
# Measures roost against its peers and the bare limits, in pairs, and prints Markdown tables.
#
#     Benchmarks/run.sh [PAIR…]        all of them without one: cat flood echo screen idle history attach viewers sizes start run agents events hub engine
#     QUICK=1 Benchmarks/run.sh        a smoke of less than a minute, whose figures mean nothing
#     RUNS=9 ROOST=path/to/roost …     more runs; another binary
#
# Needs what Tools/setup.sh bench installs, and .build/release/roost. Touches nothing of the user's: every server has a scratch
# home and is ended with what it started. All traffic is over Unix sockets and the loopback.
set -euo pipefail
cd "$(dirname "$0")/.."

probes=.build/bench/probes
mkdir -p "$probes" .build/bench/streams
for source in Benchmarks/Sessions/probes/*.c Benchmarks/Agents/probes/*.c Benchmarks/Events/probes/*.c Benchmarks/Hub/probes/*.c; do
  probe="$probes/$(basename "$source" .c)"
  libraries=
  [ "$(basename "$source")" = nats.c ] && libraries="-lnats -lpthread"
  if [ ! -e "$probe" ] || [ "$source" -nt "$probe" ] || [ Benchmarks/Sessions/probes/wire.h -nt "$probe" ]; then
    # shellcheck disable=SC2086 # several words
    gcc -O2 -Wall -Wextra -Werror -o "$probe" "$source" $libraries
  fi
done
export ROOST="${ROOST:-$PWD/.build/release/roost}"
[ -x "$ROOST" ] || { echo "run.sh: $ROOST is not there; run 'make release'" >&2; exit 1; }
[ -e .build/bench/streams/unicode ] || Benchmarks/streams.py .build/bench/streams >&2

pairs=("$@")
[ ${#pairs[@]} -gt 0 ] || pairs=(cat flood echo screen idle history attach viewers sizes start run)
# The engine alone is another build, and the tasks of agents take half an hour: they are measured where all is, or when they are named.
[ $# -gt 0 ] || [ -n "${QUICK:-}" ] || pairs+=(agents events hub attacks engine)

/usr/bin/python3 Benchmarks/Sessions/bench.py
echo
missed=0
for pair in "${pairs[@]}"; do
  case "$pair" in
    engine) Benchmarks/engine.sh || missed=1 ;;
    events) Benchmarks/events.sh || missed=1 ;;
    hub) Benchmarks/hub.sh || missed=1 ;;
    attacks) timeout --foreground 600 /usr/bin/python3 Benchmarks/Attacks/attacks.py || { echo "run.sh: the pair 'attacks' failed" >&2; missed=1; } ;;
    agents) /usr/bin/python3 Benchmarks/Agents/agents.py || missed=1 ;;
    run) timeout --foreground 300 /usr/bin/python3 Benchmarks/Agents/run.py || { echo "run.sh: the pair 'run' failed" >&2; missed=1; } ;;
    cat | flood | echo | screen | idle | history | attach | viewers | sizes | start)
      timeout --foreground 300 /usr/bin/python3 "Benchmarks/Sessions/$pair.py" || { echo "run.sh: the pair '$pair' failed" >&2; missed=1; } ;;
    *) echo "run.sh: unknown pair '$pair'" >&2; exit 2 ;;
  esac
done
exit "$missed"
