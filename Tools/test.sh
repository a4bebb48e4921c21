#!/usr/bin/env bash
# Runs the tests that were built, and says once more at the end which failed: among thousands of lines nobody finds them.
#
#     Tools/test.sh [argument of swift test…]
#
# With CI set, the suites of up to three files whose tests failed are run once more by themselves. What passes then met a race of the whole
# run on a busy machine: that is said at the end and has to be mended, but does not hold up everything else.
set -uo pipefail
cd "$(dirname "$0")/.."

log=.build/test.log

# A test that ignores its time limit hangs the whole run: it is ended, and what had not ended is named.
run() {
  timeout -k 10 "${TEST_SECONDS:-900}" "${SWIFT:-swift}" test --skip-build "$@" 2>&1 | tee "$log"
  return "${PIPESTATUS[0]}"
}

unfinished() {
  sed -nE 's/^◇ Test ("[^"]*"|[A-Za-z0-9_]+\(\)) started\.$/\1/p' "$log" | sort -u >"$log.started"
  sed -nE 's/^(✔|✘|━) Test ("[^"]*"|[A-Za-z0-9_]+\(\)) (with|passed|failed).*/\2/p' "$log" | sort -u >"$log.ended"
  comm -23 "$log.started" "$log.ended"
}

failures() {
  grep -aE '(^✘|recorded an issue|error: |Fatal error|Crash:)' "$log" | grep -av 'known issue' | cut -c 1-600 | tail -n 60
}

# Suites are in files of their names.
failed_suites() {
  grep -a 'recorded an issue' "$log" | grep -av 'known issue' |
    sed -nE 's/.* recorded an issue.* at ([A-Za-z0-9]+)\.swift:[0-9]+:[0-9]+: .*/\1/p' | sort -u
}

run "$@" && exit 0
code=$?
if [ "$code" -eq 124 ] || [ "$code" -eq 137 ]; then
  printf '\n== hung: these had not ended after %s seconds\n%s\n' "${TEST_SECONDS:-900}" "$(unfinished)"
  [ -n "${CI:-}" ] || exit "$code"
  printf '\n== once more, all of it\n'
  run "$@" && exit 0
  code=$?
fi
first=$(failures)
suites=$(failed_suites)
if [ -n "${CI:-}" ] && [ -n "$suites" ] && [ "$(wc -l <<<"$suites")" -le 3 ] && grep -aq '✘ Test run with' "$log"; then
  printf '\n== once more, by themselves: %s\n' "$(tr '\n' ' ' <<<"$suites")"
  if run --filter "\\.($(paste -sd '|' <<<"$suites"))/" && grep -aqE 'Test run with [1-9][0-9]* tests' "$log"; then
    printf '\n== flaky, to be mended: failed in the whole run, passed by themselves\n%s\n' "$first"
    exit 0
  fi
fi
printf '\n== failed (all of it is in %s)\n%s\n' "$log" "$first"
exit "$code"
