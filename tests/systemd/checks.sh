#!/bin/bash
# What must hold of the box as a service; runs under the systemd that first.sh started. The box is
# looked at as its clients and `systemctl` see it.
set -uo pipefail
work=$1 passed=0 failed=0
page=http://127.0.0.1:8080

ok() { echo "ok   $1"; passed=$((passed + 1)); }
bad() { echo "FAIL $1"; failed=$((failed + 1)); }
check() { local what=$1; shift; if "$@"; then ok "$what"; else bad "$what"; fi; }
# Waits for a state, not for a time.
await() { for _ in $(seq 400); do "$@" && return; sleep 0.1; done; return 1; }
show() { systemctl show -P "$1" wigwag.service; }
is() { [ "$(show "$1")" = "$2" ]; }
main() { show MainPID; }
worker() { pgrep -u wigwag -x "$1" | head -1; }
newest() { curl -s -m 20 $page/api/v1/status | grep -o '"sequence":[0-9]*' | head -1 | cut -d: -f2; }
is_new_main() { is ActiveState active && [ "$(main)" != "$1" ] && [ "$(main)" != 0 ]; }
is_gone() { ! kill -0 "$1" 2>/dev/null; }
is_ready() { [[ $(show StatusText) == ready* ]]; }
is_back() { is_new_main "$1" && is_ready; }

check "the unit files are what systemd understands" \
  systemd-analyze verify /etc/systemd/system/wigwag.{service,socket}
echo "     $(systemd-analyze security --no-pager wigwag.service | tail -1)"

systemctl start wigwag.socket
check "who connects starts the box, and is answered" curl -sf -m 60 -o /dev/null $page/healthz
await is ActiveState active
check "it is active, as the box says so itself: $(show StatusText)" await is_ready
check "it is told which sockets to use" \
  grep -q 'http: 127.0.0.1:8080 was passed by systemd' "$work/log"

old=$(main)
sed -i 's/^jpeg_quality = .*/jpeg_quality = 70/' /etc/wigwag/wigwag.toml
check "a reload is carried out" systemctl reload wigwag.service
check "… as its log says" grep -q 'reload: gateway.jpeg_quality changed' "$work/log"
sed -i 's/^jpeg_quality = .*/jpeg_quality = 700/' /etc/wigwag/wigwag.toml
reload_fails() { ! systemctl reload wigwag.service; }
check "a reload of a wrong configuration fails" reload_fails
check "… and the box goes on" test "$(main) $(show ActiveState)" = "$old active"
sed -i 's/^jpeg_quality = .*/jpeg_quality = 70/' /etc/wigwag/wigwag.toml
await is_ready

before=$(newest) old=$(main) infer=$(worker infer-worker)
curl -sN -m 120 $page/stream/demo -o "$work/stream" & viewer=$!
await test -s "$work/stream"
systemctl kill --kill-whom=main -s KILL wigwag.service
await is_gone "$old"
size=$(stat -c %s "$work/stream")
grows() { [ "$(stat -c %s "$work/stream")" -gt $((size + 200000)) ]; }
check "SIGKILL of the supervisor: systemd left the workers alone" kill -0 "$infer"
check "… the viewer's stream goes on" await grows
check "… systemd started the next one" await is_back "$old"
check "… which took the workers over" \
  grep -q 'the segment of a killed supervisor is taken over, with 3 workers' "$work/log"
check "… and the sequence goes on" test "$(newest)" -gt "$before"
kill "$viewer" 2>/dev/null

# The first successor replaces the workers one by one; the next death is of a settled box.
await is_gone "$infer"; await is_ready
old=$(main)
kill -STOP "$old"
check "a supervisor that hangs is replaced by systemd's watchdog" await is_back "$old"

systemctl stop wigwag.socket wigwag.service
check "a stop ends cleanly" is Result success
check "… leaves no process" test -z "$(pgrep -u wigwag)"
check "… no shared memory" test -z "$(ls -A /dev/shm)"
check "… and no file" test ! -e /run/wigwag

[ "$failed" = 0 ] || { echo "--- log"; tail -60 "$work/log"; }
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]; echo $? >"$work/done.new"; mv "$work/done.new" "$work/done"
