#!/bin/sh
# Builds every fuzzer under Fuzz/ and runs each for a bounded time; fails when one finds something.
#
#     Tools/fuzz-smoke.sh [seconds for each, 20] [fuzzer…]
#
# What a fuzzer learned is kept in .build/fuzz/corpus and used again; the seeds are recordings of real terminal output
# and, when there is one, the folder Corpus beside the fuzzer's source. An input that fails is left in .build/fuzz/found.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-20}
[ $# -gt 0 ] && shift
scratch=.build/fuzz
mkdir -p "$scratch/found"
# The backtracer would take over the signals that libFuzzer wants; the runtime's own leaks are not ours to find.
export SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0

for name in ${*:-$(sed -n 's/.*fuzzer("\(fuzz-[a-z]*\)".*path: "\(Fuzz\/[A-Za-z]*\)".*/\1/p' Package.swift)}; do
  folder=$(sed -n "s/.*fuzzer(\"$name\".*path: \"\(Fuzz\/[A-Za-z]*\)\".*/\1/p" Package.swift)
  # A fuzzer may look inside the module it feeds (@testable), which an optimised build allows only when asked.
  ROOST_FUZZ=1 swift build -c release -Xswiftc -enable-testing --scratch-path "$scratch" --product "$name" \
    >"$scratch/$name.log" 2>&1 || {
    grep -v "Cannot export local symbol" "$scratch/$name.log" >&2
    exit 1
  }
  mkdir -p "$scratch/corpus/$name"
  seeds=
  [ -d "$folder/Corpus" ] && seeds="$folder/Corpus"
  [ "$name" = fuzz-terminal ] && seeds="$seeds Tests/Conformance/xterm Tests/Conformance/alacritty"
  echo "$name for $seconds s"
  # shellcheck disable=SC2086 # the seeds are several folders
  "$scratch/release/$name" -max_total_time="$seconds" -max_len=2048 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$scratch/found/$name-" "$scratch/corpus/$name" $seeds >"$scratch/$name.log" 2>&1 || {
    tail -60 "$scratch/$name.log" >&2
    exit 1
  }
  grep -E "stat::number_of_executed_units|stat::peak_rss_mb" "$scratch/$name.log"
done
