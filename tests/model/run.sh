#!/usr/bin/env bash
# Explores every interleaving of the lock-free core with loom, then proves that the models can see:
# each deliberate fault (feature `mutant-…` of shm-layout) must make them fail.
#
#   tests/model/run.sh              2 preemptions a model, as CI does
#   LOOM_MAX_PREEMPTIONS=3 tests/model/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
export RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS="${LOOM_MAX_PREEMPTIONS:-2}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/loom"
loom() { cargo test --release --locked --package shm-layout --test loom "$@"; }

loom
passed=1 failed=0
for mutant in $(sed -n 's/^\(mutant-[a-z-]*\) = .*/\1/p' shm-layout/Cargo.toml); do
  if loom --features "$mutant" >"${TMPDIR:-/tmp}/wigwag-$mutant.log" 2>&1; then
    echo "FAIL $mutant: no model noticed it"
    failed=$((failed + 1))
  elif grep -q "^thread '.*' .*panicked at" "${TMPDIR:-/tmp}/wigwag-$mutant.log"; then
    models=$(sed -n "s/^thread '\([a-z_:]*\)'.*/\1/p" "${TMPDIR:-/tmp}/wigwag-$mutant.log" | sort -u | paste -s -d ' ')
    echo "PASS $mutant: caught by $models"
    passed=$((passed + 1))
  else
    echo "FAIL $mutant: did not build, see ${TMPDIR:-/tmp}/wigwag-$mutant.log"
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
