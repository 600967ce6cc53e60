#!/bin/bash
# fuzz.sh - run a libFuzzer program for a while.
# SPDX-License-Identifier: MIT
#
# usage: scripts/dev/fuzz.sh PROGRAM
#
# Starts from the seeds that the program writes and from what earlier runs
# found (kept beside it). A crash leaves its input there, too. The last line is
# "N passed, N failed". FUZZ_SECONDS: how long (20).
set -u

program=$1
found=$program.corpus
seeds=$(mktemp -d)
trap 'rm -rf "$seeds"' EXIT
mkdir -p "$found"

export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1
if "$program" -seeds "$seeds" &&
  "$program" -max_total_time="${FUZZ_SECONDS:-20}" -rss_limit_mb=4096 \
    -timeout=10 -print_final_stats=1 -artifact_prefix="$program." \
    "$found" "$seeds" 2>"$seeds/log"
then
  grep -E '^stat::number_of_executed_units|^Done' "$seeds/log"
  echo "1 passed, 0 failed"
else
  tail -n 60 "$seeds/log"
  echo "0 passed, 1 failed"
  exit 1
fi
