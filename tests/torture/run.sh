#!/usr/bin/env bash
# A real box under random kills of everything in it, and a bare ring under random kills of its
# processes, for as long as wanted. Prints deaths and times until service, unit by unit.
#
#   tests/torture/run.sh                   2 minutes, as CI does
#   tests/torture/run.sh --minutes 30      1,000 deaths and more
#   WIGWAG_TORTURE_SEED=7 tests/torture/run.sh     the same strikes again
set -euo pipefail
cd "$(dirname "$0")/../.."
minutes=2
case ${1:-} in
  --minutes) minutes=$2 ;;
  "") ;;
  *) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2 && exit 64 ;;
esac
export WIGWAG_TORTURE_MINUTES=$minutes
export WIGWAG_RING_KILLS=$((300 * minutes))
cargo test --release --locked --package wigwag-tests --test torture -- --nocapture
cargo test --release --locked --package wigwag-tests --test it -- --nocapture ring::kills ring::reclaim
