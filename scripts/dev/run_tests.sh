#!/bin/bash
# run_tests.sh - run test programs and specs one by one and count the tests.
# SPDX-License-Identifier: MIT
#
# usage: scripts/dev/run_tests.sh FILE...
#
# A *_spec.lua file runs in busted under $GORT (default build/gort); a program
# whose path has /stress/ in it is one test, told by its exit status; any other
# program is a cmocka one. Each runs in a process of its own and under a time
# limit; one that crashes, hangs, ends early or exits non-zero although its
# tests passed adds one failed test. The last line is "N passed, N failed".
#
# Environment:
#   GORT            the program that runs the specs
#   GORT_CONFIG     the name of the build: release, debug, asan, tsan
#   TEST_TIMEOUT    seconds for one program or spec file (120)
#   V=1             show the output of those that passed, too
set -u

gort=${GORT:-build/gort}
limit=${TEST_TIMEOUT:-120}
passed=0 failed=0 skipped=0
bad=()
busted=
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Every sanitizer report ends the process and so fails the test. cmocka must
# not take SIGSEGV from the sanitizers: they say more about it.
asan=detect_leaks=1:halt_on_error=1:strict_string_checks=1
asan+=:allocator_may_return_null=1
asan+=:handle_segv=2:handle_sigbus=2:handle_sigfpe=2:handle_sigill=2
tsan=halt_on_error=1:second_deadlock_stack=1
# The program ends at once, as Go's do: its workers are not joined.
tsan+=:report_thread_leaks=0:allocator_may_return_null=1
# It would sleep a second at the end of each process.
tsan+=:atexit_sleep_ms=10
tsan+=:suppressions=$PWD/scripts/dev/tsan.supp
tsan+=:handle_segv=2:handle_sigbus=2:handle_sigfpe=2:handle_sigill=2
export ASAN_OPTIONS=$asan${ASAN_OPTIONS:+:$ASAN_OPTIONS}
export TSAN_OPTIONS=$tsan${TSAN_OPTIONS:+:$TSAN_OPTIONS}
export UBSAN_OPTIONS=print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}
ulimit -c 0

# GCC 12's ThreadSanitizer cannot start where the kernel spreads addresses wide.
wrap=()
if [ "${GORT_CONFIG:-}" = tsan ] && setarch -R true 2>/dev/null; then
  wrap=(setarch -R)
fi

# sum_of PATTERN: the sum of the first numbers in the log's lines that match
# the extended regular expression.
sum_of() {
  grep -aE "$1" "$log" |
    awk '{ match($0, /[0-9]+/); n += substr($0, RSTART, RLENGTH) }
         END { print n + 0 }'
}

# count_of PATTERN: how many lines match.
count_of() {
  grep -acE "$1" "$log"
}

# Each count_* sets p, f and s (passed, failed, skipped) from the log, and why
# when the output is not that of a run that came to its end.
count_cmocka() {
  if grep -aqE '^\[  PASSED  \] [0-9]+ test' "$log"; then
    p=$(sum_of '^\[  PASSED  \] [0-9]+ test')
    f=$(sum_of '^\[  FAILED  \] [0-9]+ test')
    s=$(sum_of '^\[  SKIPPED \] [0-9]+ test')
    # A group set-up or tear-down that fails is in no other count.
    [ "$f" -gt 0 ] || f=$(count_of '^\[  (FAILED|ERROR )  *\] GROUP')
    local groups ends
    groups=$(count_of '^\[={10}\] Running [0-9]+ test')
    ends=$(count_of '^\[  PASSED  \] [0-9]+ test')
    [ "$groups" -eq "$ends" ] || why="ended early"
    [ $((p + f + s)) -gt 0 ] || why="ran no test"
  else
    p=$(count_of '^\[       OK \]')
    f=$(count_of '^\[  FAILED  \]')
    why="ended early"
  fi
}

count_busted() {
  local line
  line=$(grep -aE '^[0-9]+ success(es)? / [0-9]+ failures? / ' "$log" |
    tail -n 1)
  if [[ $line =~ ^([0-9]+)\ [a-z]+\ /\ ([0-9]+)\ [a-z]+\ /\ ([0-9]+)\ [a-z]+ ]]
  then
    p=${BASH_REMATCH[1]}
    f=$((BASH_REMATCH[2] + BASH_REMATCH[3]))
    [[ $line =~ ([0-9]+)\ pending ]] && s=${BASH_REMATCH[1]}
    [ $((p + f + s)) -gt 0 ] || why="ran no test"
  else
    why="ended early"
  fi
}

count_model() {
  local line
  line=$(tail -n 1 "$log")
  if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    p=${BASH_REMATCH[1]}
    f=${BASH_REMATCH[2]}
  else
    why="ended early"
  fi
}

# run_one FILE: run it, add its counts, print one line (and its output when it
# did not pass).
run_one() {
  local file=$1 kind=cmocka p=0 f=0 s=0 why='' status=0
  local -a command=("$file")
  case $file in
    *_spec.lua)
      kind=busted
      command=("$gort" "$busted" -o plainTerminal "$file")
      ;;
    */stress/*) kind=stress ;;
    */model/*) kind=model ;;
  esac

  # SIGQUIT first: gort then prints what every task waits for. The braces keep
  # the shell's own word on a crash out of the output.
  {
    timeout -s QUIT -k 10 "$limit" "${wrap[@]}" "${command[@]}" \
      </dev/null >"$log" 2>&1
  } 2>/dev/null
  status=$?

  case $kind in
    cmocka) count_cmocka ;;
    busted) count_busted ;;
    model) count_model ;;
    stress) [ "$status" -eq 0 ] && p=1 || why="failed" ;;
  esac
  if [ "$status" -eq 124 ]; then
    why="no end after $limit s"
  elif [ "$status" -eq 137 ]; then
    why="killed (no end after $limit s?)"
  elif [ "$status" -gt 128 ] && [ "$status" -lt 160 ]; then
    why="killed by SIG$(kill -l $((status - 128)))"
  elif [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
    why=${why:-its tests passed, but it failed}", exit status $status"
  fi
  [ -z "$why" ] || f=$((f + 1))

  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  if [ "$f" -gt 0 ]; then
    bad+=("$file${why:+: $why}")
    printf 'FAIL %-44s %d passed, %d failed%s\n' "$file" "$p" "$f" \
      "${why:+: $why}"
    # Indented, so that no runner's closing line in it is taken for ours.
    sed 's/^/     | /' "$log"
  else
    printf 'ok   %-44s %d passed%s\n' "$file" "$p" \
      "$([ "$s" -eq 0 ] || echo ", $s skipped")"
    [ "${V:-0}" = 0 ] || sed 's/^/     | /' "$log"
  fi
}

for file in "$@"; do
  case $file in
    *_spec.lua)
      if ! busted=$(command -v busted); then
        echo "run_tests.sh: busted is missing (Debian: lua-busted)" >&2
        bad+=("$file: no busted")
        failed=$((failed + 1))
        continue
      fi
      ;;
  esac
  run_one "$file"
done

if [ "${#bad[@]}" -gt 0 ]; then
  echo
  echo "Failed:"
  printf '  %s\n' "${bad[@]}"
fi
[ "$skipped" -eq 0 ] || echo "($skipped skipped)"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
