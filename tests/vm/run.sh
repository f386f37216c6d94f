#!/bin/bash
# Checks the camera path of the real binaries against real kernel drivers, in a virtual machine.
# One command, no hardware, no KVM; README.md beside this file says what it proves and needs.
#
#   tests/vm/run.sh [--only WORD] [--without DRIVER] [--command 'SHELL COMMAND'] [--kernel PACKAGE]
#
# Neighbours: usb-camera/ (the webcam), guest/ (what runs inside). It must never pass by skipping:
# what is missing is a failure, by name.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
work=$here/work
out=$work/out
package=linux-image-amd64
time_limit_s=${WIGWAG_VM_TIME_LIMIT_S:-900}
bin_dir=${WIGWAG_BIN_DIR:-${CARGO_TARGET_DIR:-$checkout/target}/release}
only= without= command=
PATH=$PATH:/usr/sbin:/sbin

fail() { echo "FAIL vm: $1"; [ -z "${2:-}" ] || echo "hint: $2"; echo "0 passed, 1 failed"; exit 1; }
usage() { sed -n '5p' "$0" | sed 's/^# */usage: /'; exit 64; }
step_start=$SECONDS
step() { printf 'step %-44s %4d s\n' "$1" $((SECONDS - step_start)); step_start=$SECONDS; }

while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || usage
  case $1 in
    --only) only=$2 ;;
    --without) without=$2 ;;
    --command) command=$2 ;;
    --kernel) package=$2 ;;
    *) usage ;;
  esac
  shift 2
done

install_tools() {
  local missing=() tool
  for tool in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static cpio:cpio depmod:kmod \
    xz:xz-utils python3:python3; do
    type -P "${tool%%:*}" >/dev/null || missing+=("${tool#*:}")
  done
  # A dynamic busybox cannot be the first process of a machine without libraries.
  [ -x /bin/busybox ] && ! ldd /bin/busybox >/dev/null 2>&1 || missing+=(busybox-static)
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || fail "missing: ${missing[*]}" "run as root once, or: apt-get install ${missing[*]}"
  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -y install --no-install-recommends "${missing[@]}"; } >"$work/apt.log" 2>&1 ||
    fail "apt-get could not install ${missing[*]}: $(tail -1 "$work/apt.log")"
}

# Downloads the kernel package (apt checks its signature chain and hash) and unpacks what is
# needed; it is not installed, so the machine's own boot is left alone.
fetch_kernel() {
  local image
  image=$(apt-cache depends "$package" 2>/dev/null | awk '/Depends: linux-image-/{print $2; exit}')
  if [ -z "$image" ]; then
    # Offline, or before the first apt-get update: what was fetched last time still serves.
    [ -e "$work/kernel/$package" ] || apt-get -qq update >"$work/apt.log" 2>&1 || true
    image=$(apt-cache depends "$package" 2>/dev/null | awk '/Depends: linux-image-/{print $2; exit}')
    [ -n "$image" ] || image=$(cat "$work/kernel/$package" 2>/dev/null) ||
      fail "apt knows no package $package" "apt-get update"
  fi
  release=${image#linux-image-}
  kernel_dir=$work/kernel/$release
  [ -e "$kernel_dir/complete" ] || unpack_kernel "$image"
  echo "$image" >"$work/kernel/$package"
  kernel=$kernel_dir/vmlinux
  [ -e "$kernel" ] || kernel=$kernel_dir/boot/vmlinuz-$release
}

unpack_kernel() {
  local image=$1 part parts=()
  rm -rf "$kernel_dir"; mkdir -p "$kernel_dir" "$work/download"
  (cd "$work/download" && rm -f "${image}"_*.deb &&
    { apt-get -qq download "$image" || { apt-get -qq update && apt-get -qq download "$image"; }; }) \
    >"$work/apt.log" 2>&1 || fail "apt-get could not download $image: $(tail -1 "$work/apt.log")"
  for part in drivers/media drivers/usb drivers/virtio net/9p fs/9p fs/netfs fs/fscache fs/overlayfs; do
    parts+=("./lib/modules/*/kernel/$part/*")
  done
  dpkg-deb --fsys-tarfile "$work/download/${image}"_*.deb |
    tar -x -C "$kernel_dir" --wildcards './boot/vmlinuz*' './lib/modules/*/modules.*' "${parts[@]}"
  # depmod names symbols of modules that were left out; only those of our drivers matter, and
  # modprobe reports these below.
  depmod -b "$kernel_dir" "$release" 2>"$work/depmod.log"
  unpack_vmlinux "$kernel_dir/boot/vmlinuz-$release" "$kernel_dir/vmlinux"
  rm -rf "$work/download"; touch "$kernel_dir/complete"
}

# Takes the ELF image out of an xz-compressed bzImage, because unpacking it inside an emulated
# machine takes seconds at every boot. Other compressions boot as they are.
# Source: Linux Documentation/x86/boot.rst: setup_sects at 497, payload offset and length at 584.
unpack_vmlinux() {
  local image=$1 elf=$2 offset length
  number() { od -An -tu"$2" -j"$1" -N"$2" "$image" | tr -d ' '; }
  offset=$(( ($(number 497 1) + 1) * 512 + $(number 584 4) )); length=$(number 588 4)
  (set +o pipefail; tail -c +$((offset + 1)) "$image" | head -c "$length" | xz -dc --single-stream) \
    >"$elf" 2>/dev/null || true
  [ "$(head -c 4 "$elf" | tail -c 3)" = ELF ] || rm -f "$elf"
}

build_camera() {
  CARGO_TARGET_DIR=$work/target cargo build --quiet --release --locked \
    --manifest-path "$here/usb-camera/Cargo.toml" || fail "the emulated camera does not build"
}

# /mods/DRIVER.order lists a driver's modules in the order in which they load.
pack_driver() {
  local driver=$1 root=$2 file name listed
  listed=$(modprobe -d "$kernel_dir" -S "$release" --show-depends "$driver" 2>&1) ||
    fail "kernel $release has no driver $driver: $listed"
  awk '$1 == "insmod" {print $2}' <<<"$listed" | while read -r file; do
    name=$(basename "$file"); name=${name%%.ko*}; name=${name//-/_}
    echo "$name" >>"$root/mods/$driver.order"
    [ ! -e "$root/mods/$name.ko" ] || continue
    case $file in
      *.xz) xz -dc "$file" >"$root/mods/$name.ko" ;;
      *.zst) zstd -qdc "$file" >"$root/mods/$name.ko" ;;
      *) cp "$file" "$root/mods/$name.ko" ;;
    esac
  done
}

pack_initramfs() {
  local root=$work/initramfs driver job
  rm -rf "$root"; mkdir -p "$root"/{bin,dev,proc,sys,mods,lower,upper,host}
  cp -L /bin/busybox "$root/bin/busybox"
  install -m 755 "$here/guest/init" "$root/init"
  for driver in virtio_pci 9pnet_virtio 9p overlay vivid uvcvideo vhci-hcd; do
    [ "$driver" = "$without" ] || pack_driver "$driver" "$root"
  done
  # The interpreter itself: a version manager's wrapper takes seconds in an emulated machine.
  job=${command:-exec $(python3 -c 'import sys; print(sys.executable)') -B $here/guest/checks.py $only}
  {
    printf 'export PATH=%q HOME=/root XDG_RUNTIME_DIR=/run/user/0 PYTHONUNBUFFERED=1\n' "$PATH"
    printf 'export WIGWAG_BIN_DIR=%q USB_CAMERA=%q\n' "$bin_dir" "$work/target/release/usb-camera"
    printf 'mkdir -p /run/vm/tmp; cd /run/vm/tmp\n%s\n' "$job"
  } >"$root/job.sh"
  (cd "$root" && find . | cpio -o -H newc --quiet --owner 0:0) | gzip -1 >"$work/initramfs.gz"
}

boot() {
  rm -rf "$out"; mkdir -p "$out"
  # /dev/kvm may exist and yet hang; the processor's own flag is what tells.
  local cpu=(-accel tcg,thread=multi -cpu max)
  if [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then cpu=(-accel kvm -cpu host); fi
  set +e
  timeout --kill-after=5 "$time_limit_s" qemu-system-x86_64 -M q35 "${cpu[@]}" -m 1536 -smp 2 \
    -nodefaults -no-user-config -display none -no-reboot -serial stdio \
    -kernel "$kernel" -initrd "$work/initramfs.gz" \
    -fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap \
    -device virtio-9p-pci,fsdev=root,mount_tag=hostroot \
    -fsdev local,id=out,path="$out",security_model=none -device virtio-9p-pci,fsdev=out,mount_tag=out \
    -append "console=ttyS0 quiet loglevel=3 panic=-1 reboot=t mitigations=off audit=0 random.trust_cpu=on" \
    </dev/null 2>&1 | tr -d '\r' | tee "$work/console.txt"
  local codes=("${PIPESTATUS[@]}")
  set -e
  [ "${codes[0]}" != 124 ] || fail "no result within $time_limit_s s" "see $work/console.txt"
  grep -q '^GUEST_RC=' "$work/console.txt" ||
    fail "the machine did not finish (qemu exit ${codes[0]})" "see $work/console.txt"
}

mkdir -p "$work/kernel"
install_tools; step "tools"
fetch_kernel; step "kernel $release"
build_camera; step "emulated camera"
if [ -z "$command" ]; then
  for program in supervisor capture-worker infer-worker net-gateway; do
    [ -x "$bin_dir/$program" ] ||
      fail "$bin_dir/$program is missing" "cargo build --release --workspace, or set WIGWAG_BIN_DIR"
  done
fi
pack_initramfs; step "initramfs $(($(stat -c %s "$work/initramfs.gz") / 1024)) KiB"
boot; step "virtual machine"
printf 'step %-44s %4d s\n' total $SECONDS
# The guest's own last line, again as the last line here; its exit code decides.
[ -n "$command" ] || grep -E '^[0-9]+ passed, [0-9]+ failed$' "$work/console.txt" | tail -1 ||
  fail "the checks did not reach their last line" "see $work/console.txt"
grep -q '^GUEST_RC=0 ' "$work/console.txt"
