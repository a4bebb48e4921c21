#!/bin/sh
# Measures the terminal engine against libvterm and prints Markdown tables.
#
#     Benchmarks/engine.sh [runs]
#
# Needs libvterm-dev and libzstd-dev. Builds in its own folder, so that an ordinary build stays as it is.
set -eu
cd "$(dirname "$0")/.."
scratch=.build/bench
Benchmarks/streams.py "$scratch/streams" >&2
ROOST_BENCH=1 swift build -c release --scratch-path "$scratch" --product engine-bench >&2
exec "$scratch/release/engine-bench" "$scratch/streams" "${1:-5}"
