#!/bin/sh
# Measures how fast and how small Wigwag is, beside its neighbours, and writes RESULTS.md and
# results.json into this folder. README.md says what is measured and how long it takes.
#
#   tests/bench/run.sh                        everything
#   tests/bench/run.sh --quick                fewer and shorter rounds
#   tests/bench/run.sh --only ring            of ring, box, recovery, serving: those named, with commas
#
# WIGWAG_BIN_DIR=DIR   measure the binaries there instead of building them
# PYTHON=PROGRAM       the Python that plays multiprocessing.Manager; default python3
# CARGO_TARGET_DIR     respected
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

case " $* " in
*" --help "* | *" -h "*)
    sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac

if [ -z "${WIGWAG_BIN_DIR:-}" ]; then
    echo "building the product (release) ..." >&2
    (cd "$root" && cargo build --release --locked --bins \
        -p supervisor -p capture-worker -p infer-worker -p net-gateway)
    WIGWAG_BIN_DIR=${CARGO_TARGET_DIR:-$root/target}/release
fi

echo "building the benchmark (release) ..." >&2
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}/wigwag-bench
export CARGO_TARGET_DIR
(cd "$here" && cargo build --release --locked)

python=${PYTHON:-python3}
if "$python" -c 'import multiprocessing' 2>/dev/null; then
    if ! "$python" -c 'import numpy' 2>/dev/null; then
        venv=$CARGO_TARGET_DIR/python
        echo "no numpy for $python: installing it into $venv ..." >&2
        if [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"; then
            "$venv/bin/python" -c 'import numpy' 2>/dev/null ||
                "$venv/bin/python" -m pip install --quiet numpy ||
                echo "that failed: only plain bytes go through multiprocessing.Manager" >&2
            python=$venv/bin/python
        fi
    fi
    set -- "$@" --python "$python"
else
    echo "no $python here: multiprocessing.Manager is left out" >&2
fi

if command -v ustreamer >/dev/null && command -v runsv >/dev/null; then
    cc -shared -fPIC -O2 -o "$CARGO_TARGET_DIR/stand_in.so" "$here/camera/stand_in.c"
    set -- "$@" --camera "$CARGO_TARGET_DIR/stand_in.so"
else
    echo "no ustreamer or no runsv here (packages ustreamer, runit): left out" >&2
fi

exec "$CARGO_TARGET_DIR/release/wigwag-bench" run \
    --folder "$here" --bin-dir "$WIGWAG_BIN_DIR" "$@"
