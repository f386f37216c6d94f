#!/usr/bin/env bash
# Explores every interleaving of the protocols with a kill before any step, with Spin, then proves
# that the models can see: each deliberate fault (MUTANT_… in a model) must be found.
# Needs Debian's `spin` and `gcc`.
#
#   tests/spin/run.sh            small sizes, under a minute on a quiet machine, 1 GiB of memory, as CI does
#   tests/spin/run.sh --large    two readers and more kills: an hour or more, up to 8 GiB of memory
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
passed=0 failed=0

# explore MODEL DEFINES…: the verifier's report in $work/report; fails if it does not build.
explore() {
  local model=$1
  shift
  # Spin calls gcc's preprocessor itself; the model's file must not be named after an option.
  spin -a "$@" "$here/$model.pml" >spin.log 2>&1 &&
    gcc -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=8192 -o pan pan.c &&
    ./pan -m1000000 >report 2>&1
}

states() { sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' report; }

holds() {
  local started=$SECONDS
  if explore "$@" && grep -q "errors: 0$" report && ! grep -qE "max search depth too small|out of memory|reached -DMEMLIM" report; then
    passed=$((passed + 1))
    echo "PASS $*: $(states) states, no error, $((SECONDS - started)) s"
  else
    failed=$((failed + 1))
    echo "FAIL $*"
    grep -hv '^Depth=' spin.log report | head -n 30 || true
  fi
}

catches() {
  if explore "$@" && grep -qE "^pan:1: (assertion violated|invalid end state)" report; then
    passed=$((passed + 1))
    echo "PASS $*: found after $(states) states: $(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' report)"
  else
    failed=$((failed + 1))
    echo "FAIL $*: not found"
  fi
}

mutants() { sed -n 's/^ \*   \(MUTANT_[A-Z_]*\) .*/\1/p' "$here/$1.pml"; }

if [ "${1:-}" = --large ]; then
  holds ring -DFRAMES_MORE=4 -DPUBLISHER_KILLS=2
  holds ring -DREADERS=2 -DTURNS=1 -DSUPERVISOR_KILLS=0
  holds predictions -DTURNS=4 -DKILLS=2
else
  holds ring
  holds predictions
fi
# As few kills, frames and readers as the fault needs to show.
for mutant in $(mutants ring); do
  size=(-DPUBLISHER_KILLS=0 -DREADER_KILLS=0 -DSUPERVISOR_KILLS=0)
  case $mutant in
    MUTANT_NO_RECOVER) size=(-DPUBLISHER_KILLS=1) ;;
    MUTANT_NO_RECLAIM | MUTANT_SMALL_RING) size=(-DREADER_KILLS=1) ;;
    MUTANT_TAKE_NO_CAS) size+=(-DREADERS=2) ;;
  esac
  catches ring "${size[@]}" -D"$mutant"
done
for mutant in $(mutants predictions); do
  size=(-DKILLS=0)
  case $mutant in MUTANT_COUNT_LAST | MUTANT_SHALLOW) size=(-DKILLS=1) ;; esac
  catches predictions "${size[@]}" -D"$mutant"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
