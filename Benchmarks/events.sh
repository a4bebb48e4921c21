#!/bin/sh
# Measures the event log against SQLite, NATS and grep, and prints Markdown tables. Called by run.sh, which builds the probes.
#
#     Benchmarks/events.sh [appends] [following] [followers] [finding]
#
# Builds in its own folder, so that an ordinary build stays as it is.
set -eu
cd "$(dirname "$0")/.."
scratch=.build/bench
ROOST_BENCH=1 swift build -c release --scratch-path "$scratch" --product events-bench >&2
exec timeout --foreground 900 /usr/bin/python3 Benchmarks/Events/events.py "$@"
