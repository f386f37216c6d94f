#!/bin/bash
# First process of the namespaces that run.sh makes: takes from them whatever could change the
# machine, puts the files of the service in place, and becomes systemd with nothing to start but
# checks.sh.
#
# A systemd that boots empties /tmp, sets kernel parameters and much more. So everything of the
# machine is read-only here, which is checked before systemd starts; what must be writable is memory
# of its own; and its own units, with the targets through which they come, are masked.
set -euo pipefail
checkout=$1 bin_dir=$2 work=$3

mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/work /run/programs
mount --bind "$work" /run/work
cp "$bin_dir"/{supervisor,capture-worker,infer-worker,net-gateway} /run/programs
cp -r "$checkout/models" "$checkout"/supervisor/wigwag.{toml,service,socket} \
  "$checkout/tests/systemd/checks.sh" /run/programs
cp -a /etc /run/etc

umount -l /sys/fs/cgroup
awk '{print $2}' /proc/self/mounts | sort -u | while read -r place; do
  place=$(printf '%b' "$place")
  case $place in /run | /run/work | /proc) continue ;; esac
  # A place under another mount cannot be reached any more.
  mount -o remount,bind,ro "$place" 2>/dev/null || ! mountpoint -q "$place"
done
for place in /proc/sys /proc/sysrq-trigger; do
  [ -e "$place" ] || continue
  mount --bind "$place" "$place"
  mount -o remount,bind,ro "$place"
done
for place in /tmp /var /usr/local/lib /dev/shm; do
  mount -t tmpfs -o mode=755 tmpfs "$place"
done
chmod 1777 /tmp /dev/shm
mkdir -p /var/lib /var/log /var/tmp
mount --bind /run/etc /etc
mount -t cgroup2 cgroup2 /sys/fs/cgroup

# Of mounts on one place only the last can be reached.
writable=$(awk '{options[$2] = $4; kind[$2] = $3}
  END {for (place in options) if (options[place] ~ /^rw/ && kind[place] != "proc") print place}' \
  /proc/self/mounts | LC_ALL=C sort | tr '\n' ' ')
expected='/dev/shm /etc /run /run/work /sys/fs/cgroup /tmp /usr/local/lib /var '
[ "$writable" = "$expected" ] || { echo "writable here: $writable; expected: $expected"; exit 1; }
for place in / /usr /root /home /proc/sys/kernel; do
  ! touch "$place/.wigwag-probe" 2>/dev/null || { echo "$place is writable here"; exit 1; }
done
ip link set lo up 2>/dev/null || ifconfig lo up

# What README.md says, "As a service".
cd /run/programs
useradd --system --groups video --shell /usr/sbin/nologin wigwag
install -D -t /usr/local/lib/wigwag supervisor capture-worker infer-worker net-gateway
cp -r models /usr/local/lib/wigwag/
install -D -m 644 wigwag.toml /etc/wigwag/wigwag.toml
install -m 644 -t /etc/systemd/system wigwag.service wigwag.socket

units=/run/systemd/system
mkdir -p $units/wigwag.service.d $units/wigwag.socket.d
for unit in {sysinit,basic,default,multi-user,sockets,local-fs,network,timers}.target \
  systemd-{tmpfiles-setup,tmpfiles-setup-dev,tmpfiles-clean,sysctl,random-seed,modules-load}.service \
  systemd-{udevd,udev-trigger,journald,journal-flush,remount-fs,sysusers}.service; do
  ln -s /dev/null "$units/$unit"
done
printf '[Unit]\nDefaultDependencies=no\n' | tee $units/wigwag.{service,socket}.d/alone.conf >/dev/null
# No journal runs here.
printf '[Service]\nStandardError=append:/run/work/log\n' >$units/wigwag.service.d/log.conf
cat >$units/checks.service <<EOT
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/bash /run/programs/checks.sh /run/work
StandardOutput=file:/run/work/out
StandardError=inherit
EOT
export container=wigwag
exec setpriv --bounding-set -sys_boot,-sys_module,-sys_rawio,-sys_time,-syslog,-mknod \
  /lib/systemd/systemd --system --unit=checks.service --log-target=null --show-status=no
