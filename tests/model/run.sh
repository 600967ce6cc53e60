#!/bin/sh
# run.sh - check the SPIN models of the lock-free protocols.
# SPDX-License-Identifier: MIT
#
# usage: tests/model/run.sh [MODEL...]
#
# Each model is checked as it is and with its faults put in (-DBROKEN and
# others; the model says which): then spin must find an error, which shows that
# the model can fail. One line for each check; the last line is "N passed, N
# failed". Without spin or a C compiler nothing is checked.
#
# Environment:
#   CC        the C compiler (cc)
#   MODEL_MB  megabytes one check may take (1500)
#   V=1       show what spin says
#   FULL=1    the two largest configurations, too
# It takes about 30 seconds (FULL: 45) and up to 500 MB (FULL: 600).
set -u

cc=${CC:-cc}
mb=${MODEL_MB:-1500}
here=$(cd "$(dirname "$0")" && pwd) || exit 1
passed=0 failed=0

for tool in spin "$cc"; do
  if ! command -v "$tool" >/dev/null 2>&1; then
    echo "models skipped: $tool is not installed"
    echo "0 passed, 0 failed"
    exit 0
  fi
done

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# verify MODEL FLAGS EXPECTED KIND: what happened is in $work/log. KIND "cycles"
# looks for runs without end, too. Fails when there is no verdict.
verify() {
  model=$1 flags=$2 kind=$4
  safety="-DSAFETY -O2" options=
  if [ "$kind" = cycles ]; then
    safety="-DNP -O2" options=-l
  fi
  # What is to fail fails at once: there the compiler is what takes time.
  [ "$3" = error ] && safety="-DSAFETY -O0"
  rm -f "$work"/pan* "$work"/*.trail
  # shellcheck disable=SC2086 # flags, safety and options are lists
  (cd "$work" &&
    spin -a $flags "$here/$model.pml" &&
    "$cc" -w $safety -DNOFAIR -DMEMLIM="$mb" -o pan pan.c &&
    nice ./pan -n -m100000 $options) >"$work/log" 2>&1
}

# check MODEL FLAGS EXPECTED [KIND]
check() {
  name=$1${2:+ $2}
  verify "$1" "$2" "$3" "${4:-states}"
  states=$(sed -n 's/^ *\([0-9][0-9]*\) states, stored.*/\1/p' "$work/log")
  if grep -Eq 'errors: [1-9]' "$work/log" &&
    grep -Eq 'assertion violated|invalid end state|progress cycle' \
      "$work/log"; then
    got=error
  elif grep -q 'errors: 0' "$work/log" &&
    ! grep -Eq 'reached -DMEMLIM|max search depth too small|not completed' \
      "$work/log"; then
    got=none
  else
    got=unknown
  fi
  if [ "$got" = "$3" ]; then
    passed=$((passed + 1))
    verdict=ok
  else
    failed=$((failed + 1))
    verdict=FAILED
  fi
  case $3$got in
  nonenone) what="no error" ;;
  errorerror) what="the fault is found" ;;
  noneerror) what=$(grep -m1 '^pan:' "$work/log") ;;
  errornone) what="the fault is not found" ;;
  *) what="no verdict" ;;
  esac
  printf '%-6s %-50s %9s states  %s\n' "$verdict" "$name" "${states:-0}" "$what"
  if [ -n "${V:-}" ] || [ "$got" = unknown ]; then cat "$work/log"; fi
}

ring() {
  check ring "" none
  check ring -DBROKEN error
  check ring -DNO_ROOM error
}

vm() {
  check vm "" none cycles
  check vm -DBROKEN error
}

sleep_model() {
  check sleep "" none
  check sleep "-DSUBMITTERS=1 -DSPAWNS=2" none
  check sleep "-DMAXPROCS=1 -DSPAWNS=1" none
  [ -n "${FULL:-}" ] && check sleep "-DWORKERS=3 -DSUBMITTERS=1" none
  check sleep -DBROKEN error
  check sleep "-DNO_RETRY -DALL_END -DMAXPROCS=1 -DSPAWNS=1" error
  check sleep -DNO_SPINNER error
  check sleep -DSHARED_FLAG error
}

ticket() {
  check ticket "" none
  check ticket -DBROKEN error
  check ticket -DBROKEN_FINISH error
}

bond() {
  check bond "" none
  check bond -DBROKEN error
  check bond -DNO_IDLE error
}

deadlock() {
  check deadlock "" none
  [ -n "${FULL:-}" ] && check deadlock "-DSTEPS=2 -DFIXED_PROCS" none
  check deadlock -DBROKEN error
  check deadlock -DNO_RECHECK error
  check deadlock -DNO_RINGS error
}

[ $# -gt 0 ] || set -- ring vm sleep ticket bond deadlock
for model; do
  case $model in
  ring | vm | ticket | bond | deadlock) "$model" ;;
  sleep) sleep_model ;;
  *)
    echo "run.sh: no model $model" >&2
    exit 2
    ;;
  esac
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
