#!/bin/bash
# Runs the box as the service that supervisor/wigwag.service and wigwag.socket make of it, under a
# real systemd: socket activation, readiness, SIGKILL of the supervisor, a hung supervisor, a stop.
#
#   tests/systemd/run.sh        needs root, and Debian's systemd, curl and procps; about a minute
#
# systemd is the first process of namespaces of its own, in which everything of the machine is
# read-only: see first.sh, which refuses to start it otherwise. Canaries in the real /tmp, /var/tmp
# and checkout prove afterwards that nothing outside was touched. It must never pass by skipping:
# what is missing is a failure, by name.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
bin_dir=${WIGWAG_BIN_DIR:-$checkout/target/release}
fail() { echo "FAIL systemd: $1"; [ -z "${2:-}" ] || echo "hint: $2"; echo "0 passed, 1 failed"; exit 1; }

[ "$(id -u)" = 0 ] || fail "needs root for its namespaces" "sudo $0"
for tool in /lib/systemd/systemd systemd-analyze unshare setpriv curl pgrep; do
  type -P "$tool" >/dev/null || fail "$tool is missing" "apt-get install systemd util-linux curl procps"
done
for program in supervisor capture-worker infer-worker net-gateway; do
  [ -x "$bin_dir/$program" ] ||
    fail "$bin_dir/$program is missing" "cargo build --release --workspace, or set WIGWAG_BIN_DIR"
done

# Only what comes out lies here; what goes in is copied into memory.
work=$(mktemp -d /tmp/wigwag-systemd.XXXXXX)
canaries=()
for folder in /tmp /var/tmp "$checkout"; do
  canary=$(mktemp "$folder/.wigwag-canary.XXXXXX")
  echo "$canary" >"$canary"
  canaries+=("$canary")
done
# A control group of its own: systemd takes the one that it finds itself in for the whole machine.
groups=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/self/mounts)
[ -n "$groups" ] || fail "no cgroup2 is mounted" "mount -t cgroup2 cgroup2 /sys/fs/cgroup"
group=$groups/$(basename "$work")
mkdir "$group" || fail "no control group can be made below $groups"
finish() {
  [ ! -e "$group/cgroup.kill" ] || echo 1 >"$group/cgroup.kill"
  # Groups vanish once nobody is in them, which the kernel does on its own time.
  for _ in $(seq 50); do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
    sleep 0.1
  done
  rm -rf "$work"
  rm -f "${canaries[@]}"
}
trap finish EXIT

(
  echo "$BASHPID" >"$group/cgroup.procs"
  exec unshare --pid --mount --cgroup --ipc --uts --net --fork \
    "$here/first.sh" "$checkout" "$bin_dir" "$work" >"$work/console" 2>&1
) &
machine=$!
disown "$machine"
for _ in $(seq 1800); do
  [ ! -e "$work/done" ] || break
  kill -0 "$machine" 2>/dev/null || break
  sleep 0.1
done
cat "$work/out" 2>/dev/null || true
for canary in "${canaries[@]}"; do
  [ "$(cat "$canary")" = "$canary" ] || fail "something outside of the namespaces was changed: $canary"
done
if [ ! -e "$work/done" ]; then
  tail -20 "$work/console" "$work/log" || true
  fail "systemd did not come to the end of the checks"
fi
exit "$(cat "$work/done")"
