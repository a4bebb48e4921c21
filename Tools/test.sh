#!/usr/bin/env bash
# Runs the tests that were built, and says once more at the end which failed: among thousands of lines nobody finds them.
#
#     Tools/test.sh [argument of swift test…]
set -uo pipefail
cd "$(dirname "$0")/.."

log=.build/test.log
"${SWIFT:-swift}" test --skip-build "$@" 2>&1 | tee "$log"
code=${PIPESTATUS[0]}
if [ "$code" -ne 0 ]; then
  printf '\n== failed (all of it is in %s)\n' "$log"
  grep -aE '(^✘|recorded an issue|^↳|error: |Fatal error|Crash:)' "$log" | grep -av 'recorded a known issue' | cut -c 1-600 | tail -n 60
fi
exit "$code"
