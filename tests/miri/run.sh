#!/usr/bin/env bash
# Runs the tests of the segment and of its guards under Miri: undefined behaviour, aliasing, data
# races with weak memory, several schedules; then proves that Miri can see, with a release of the
# lease that orders nothing. Needs a nightly toolchain with the components `miri` and `rust-src`:
#
#   rustup toolchain install nightly --component miri,rust-src
#   tests/miri/run.sh                 4 schedules of each test
#   tests/miri/run.sh --seeds 32
#   tests/miri/run.sh --threads       ThreadSanitizer on the compiled code instead
#
# Miri has no shared mappings, processes or ptrace: the parts that need them are left out here.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
miri() { cargo +nightly miri test --locked --package shm-layout "$@"; }

if [ "${1:-}" = --threads ]; then
  export CARGO_TARGET_DIR=$target/threads RUSTFLAGS="-Zsanitizer=thread" TSAN_OPTIONS=halt_on_error=1
  cargo +nightly test -Zbuild-std --target x86_64-unknown-linux-gnu --release --locked --package shm-layout --test guards
  if cargo +nightly test -Zbuild-std --target x86_64-unknown-linux-gnu --release --locked --package shm-layout --test guards \
    --features mutant-release-relaxed leased >"$target/threads/mutant.log" 2>&1; then
    echo "FAIL mutant-release-relaxed: not seen"
    exit 1
  fi
  grep -q "WARNING: ThreadSanitizer: data race" "$target/threads/mutant.log"
  echo "PASS mutant-release-relaxed: a data race is reported"
  exit 0
fi

seeds=4
[ "${1:-}" = --seeds ] && seeds=$2
export CARGO_TARGET_DIR=$target/miri
# The segment's random id comes from /proc.
export MIRIFLAGS="-Zmiri-disable-isolation"
miri --test segment
export MIRIFLAGS="$MIRIFLAGS -Zmiri-many-seeds=0..$seeds"
miri --test guards
if miri --test guards --features mutant-release-relaxed leased >"$CARGO_TARGET_DIR/mutant.log" 2>&1; then
  echo "FAIL mutant-release-relaxed: not seen"
  exit 1
fi
grep -q "Undefined Behavior: Data race" "$CARGO_TARGET_DIR/mutant.log"
echo "PASS mutant-release-relaxed: reported as undefined behaviour"
