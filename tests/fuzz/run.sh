#!/bin/bash
# Tries what comes from outside, in every broken form, on the product's own code. README.md says what.
#
#   tests/fuzz/run.sh --smoke                  a fixed number of inputs for each target: stable Rust
#   tests/fuzz/run.sh [--minutes N] [TARGET…]  N minutes of processor time (default 60) for each target
#                                              (default all), one after the other: a nightly toolchain,
#                                              cargo-fuzz, clang
#   tests/fuzz/run.sh --built …                the same with what was built before
#   tests/fuzz/run.sh --counts                 what the long runs came to so far
#
# WIGWAG_FUZZ_DIR=DIR  where corpus, logs and counts of long runs are kept; default target/fuzz/work
# CARGO_TARGET_DIR     respected
set -euo pipefail
# As every Rust program has it; a fuzzer's main is C++, and writing to a client that is gone would end it.
trap '' PIPE

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
target_dir=${CARGO_TARGET_DIR:-$root/target}
build_dir=$target_dir/fuzz
work=${WIGWAG_FUZZ_DIR:-$build_dir/work}
host=x86_64-unknown-linux-gnu
[ "$(uname -m)" = x86_64 ] || host=$(uname -m)-unknown-linux-gnu

usage() { sed -n '2,/^set -/s/^# \{0,1\}//p' "$0" | sed '$d'; }

# Most libFuzzer knows of a process: its whole memory, and one allocation.
limits=(-rss_limit_mb=1024 -malloc_limit_mb=64)

smoke() {
  (cd "$here" && CARGO_TARGET_DIR=$target_dir cargo build --release --locked --bin smoke)
  local pid rc=0 left
  "$target_dir/release/smoke" "$@" &
  pid=$!
  wait "$pid" || rc=$?
  for left in "${TMPDIR:-/tmp}"/wigwag-fuzz-*-"$pid"; do
    [ ! -e "$left" ] || echo "the input that broke it is in $left" >&2
  done
  exit "$rc"
}

# libjpeg-turbo is compiled with the sanitizer and with coverage too: that is where bytes are read.
build() {
  (cd "$here" &&
    CC=clang CXX=clang++ CFLAGS="-O2 -g -fsanitize=address,fuzzer-no-link" \
      cargo +nightly fuzz build --fuzz-dir . --features libfuzzer --target-dir "$build_dir")
}

# Processor time of a process in seconds: utime and stime of all its threads.
cpu_s() {
  awk -v hz="$(getconf CLK_TCK)" '{ sub(/^.*\) /, ""); print int(($12 + $13) / hz) }' "/proc/$1/stat"
}

# One target for so many seconds of processor time; corpus and count are kept.
long_run() {
  local target=$1 want_s=$2 corpus=$work/corpus/$1 program=$work/bin/$1.$$ log pid used=0 last=0 rc=0
  mkdir -p "$corpus" "$work/crashes" "$work/bin"
  # Of its own, so that another build does not change what runs.
  cp "$build_dir/$host/release/$target" "$program"
  log=$work/$target.$(date +%Y%m%dT%H%M%S).log
  local places=("$corpus" "$work/seeds/$target")
  [ ! -d "$here/corpus/$target" ] || places+=("$here/corpus/$target")
  # The time limit of one input is one of the wall clock, which on a busy machine says little.
  "$program" "${places[@]}" "${limits[@]}" -timeout=1200 -report_slow_units=1200 -max_len=65536 \
    -print_final_stats=1 "-artifact_prefix=$work/crashes/$target-" >"$log" 2>&1 &
  pid=$!
  echo "$target: process $pid, log $log"
  while used=$(cpu_s "$pid" 2>/dev/null) && [ -n "$used" ]; do
    last=$used
    if [ "$used" -ge "$want_s" ]; then
      kill -INT "$pid" 2>/dev/null || true
      break
    fi
    sleep 5
  done
  wait "$pid" || rc=$?
  rm -f "$program"
  local inputs
  inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
  inputs=${inputs:-$(sed -n 's/^#\([0-9]*\)\t.*/\1/p' "$log" | tail -n 1)}
  local covered
  covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
  local end="nothing found"
  ls "$work/crashes/$target-"* >/dev/null 2>&1 && end="SOMETHING FOUND, see $work/crashes"
  grep -q "^==.*ERROR\|panicked at" "$log" && end="SOMETHING FOUND, see $log"
  # 72: it was told to end.
  case $rc in 0 | 72) ;; *) end="SOMETHING FOUND (it ended with $rc), see $log" ;; esac
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$(date -u +%FT%TZ)" "$target" "$last" "${inputs:-0}" \
    "${covered:-0}" "$end" >>"$work/counts.tsv"
  tail -n 1 "$work/counts.tsv"
  [ "$end" = "nothing found" ]
}

counts() {
  [ -f "$work/counts.tsv" ] || { echo "no long run has ended yet"; return; }
  awk -F'\t' '{ s[$2] += $3; n[$2] += $4; c[$2] = $5; if ($6 != "nothing found") f[$2] = 1 }
    END { for (t in s) printf "%s: %.2f hours of processor time, %d inputs, %d places covered%s\n",
      t, s[t] / 3600, n[t], c[t], f[t] ? ", SOMETHING FOUND" : "" }' "$work/counts.tsv" | sort
}

minutes=60 targets=() is_built=
while [ $# -gt 0 ]; do
  case $1 in
    --smoke) shift; smoke "$@" ;;
    --counts) counts; exit ;;
    --minutes) minutes=$2; shift 2 ;;
    --built) is_built=1; shift ;;
    -h | --help) usage; exit ;;
    -*) usage >&2; exit 2 ;;
    *) targets+=("$1"); shift ;;
  esac
done
[ ${#targets[@]} -gt 0 ] || for file in "$here"/fuzz_targets/*.rs; do
  targets+=("$(basename "$file" .rs)")
done
mkdir -p "$work"
[ -n "$is_built" ] || build
[ -n "$is_built" ] || (cd "$here" && CARGO_TARGET_DIR=$target_dir cargo build --release --locked --bin smoke)
[ -n "$is_built" ] || "$target_dir/release/smoke" --seeds "$work/seeds"
failed=0
for target in "${targets[@]}"; do long_run "$target" $((minutes * 60)) || failed=1; done
exit $failed
