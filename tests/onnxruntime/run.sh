#!/usr/bin/env bash
# The second backend beside the first: the same networks, answers and frames, on the real ONNX Runtime.
# Debian 12 has no package of it, so its library is taken from PyPI (a wheel of 24 MB, MIT licence) and
# kept under target/; nothing is installed.
#
#   tests/onnxruntime/run.sh                       the newest version that the project was tried with
#   ORT_DYLIB_PATH=/path/libonnxruntime.so tests/onnxruntime/run.sh    another one
set -euo pipefail
cd "$(dirname "$0")/../.."
version=1.31.1
target=${CARGO_TARGET_DIR:-target}
if [ -z "${ORT_DYLIB_PATH:-}" ]; then
  folder=$target/onnxruntime-$version
  if [ ! -e "$folder/done" ]; then
    rm -rf "$folder" "$folder-venv"
    python3 -m venv "$folder-venv"
    "$folder-venv/bin/pip" install -q --no-deps --target "$folder" "onnxruntime==$version"
    rm -rf "$folder-venv"
    touch "$folder/done"
  fi
  ORT_DYLIB_PATH=$(find "$folder" -name 'libonnxruntime.so.*' | head -n 1)
fi
[ -e "$ORT_DYLIB_PATH" ] || { echo "no library at \`$ORT_DYLIB_PATH\`" >&2; exit 1; }
ORT_DYLIB_PATH=$(realpath "$ORT_DYLIB_PATH")
export ORT_DYLIB_PATH
echo "with $ORT_DYLIB_PATH"
# One test at a time: one of them counts the threads of the process.
cargo test --release --workspace --locked --test onnxruntime -- --test-threads=1
cargo clippy --release --workspace --test onnxruntime --locked -- -D warnings
# Without the feature nothing else changes.
cargo clippy --release --workspace --lib --no-default-features --locked -- -D warnings
