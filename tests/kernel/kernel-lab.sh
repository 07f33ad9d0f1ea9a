#!/bin/bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# kernel-lab.sh: run a command as root on a REAL Debian kernel (kernel WireGuard, nf_tables, tun,
# netem, dm-flakey, Landlock) in QEMU under software emulation (TCG). No KVM, no network, no root needed.
#
#   kernel-lab.sh [options] -- COMMAND [ARG...]
#     -f SRC[:DST]   put a file or directory in the guest (default DST: /lab/<basename>; ELF files bring
#                    their shared libraries along); repeatable. Working directory there: /lab
#     -p PROG        a program of this machine, by name, with its libraries (wg ip nft ping are always there)
#     -k "M1 M2.."   further kernel modules (with what they depend on), e.g. "sch_netem dm-flakey xfs"
#     -o DIR         bring /out of the guest back into DIR (coverage data, logs, cores)
#     -d IMG[,OPTS]  attach a raw disk image as /dev/vda, vdb, ... (OPTS e.g. cache=none)
#     -e VAR=VALUE   set in the guest's environment
#     -m MB (512)  -s CPUS (1)  -t SECONDS (120)  -c CPU (qemu64: without AVX the emulation is 4x faster; "max" to test AVX paths)  -K DIR kernel tree (cache) to use
#     -v             kernel console to stderr          -n  only build the caches
#     -x SECONDS     power cut: kill the VM that long after the command started (returns 137)
# Prints the command's stdout on stdout, its stderr on stderr; returns its exit status
# (124 timed out, 125 the guest died or never answered, 137 power cut).
# Needs: qemu-system-x86 busybox-static cpio kmod wireguard-tools iproute2 nftables iputils-ping, dpkg, apt-get
set -eu
CACHE=${KERNEL_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kernel-lab}
FILES=() PROGS=() MODS="" OUT="" DISKS=() ENVS=() MEM=512 SMP=1 T=120 CPU=qemu64 V=0 ONLY=0 CUT=""
while [ $# -gt 0 ]; do case $1 in
  -f) FILES+=("$2"); shift 2;; -p) PROGS+=("$2"); shift 2;; -k) MODS="$MODS $2"; shift 2;;
  -o) OUT=$2; shift 2;; -d) DISKS+=("$2"); shift 2;; -e) ENVS+=("$2"); shift 2;;
  -m) MEM=$2; shift 2;; -s) SMP=$2; shift 2;; -t) T=$2; shift 2;; -c) CPU=$2; shift 2;; -K) CACHE=$2; shift 2;;
  -x) CUT=$2; shift 2;; -v) V=1; shift;; -n) ONLY=1; shift;; --) shift; break;; *) echo "kernel-lab: what is $1?" >&2; exit 2;;
esac; done
PATH=$PATH:/usr/sbin:/sbin
BASEMODS="virtio_pci virtio_console wireguard tun veth nf_tables nft_chain_nat nft_masq nft_ct nft_reject_inet nft_limit nft_counter nfnetlink nf_conntrack_netlink dummy"

# ---- 1. the kernel, once: download the package and unpack it; nothing is installed here
if [ ! -e "$CACHE/vmlinuz" ]; then
  mkdir -p "$CACHE/dl"; cd "$CACHE/dl"
  pkg=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: //p' | head -1)
  [ -n "$pkg" ] || { echo "kernel-lab: apt-get update first" >&2; exit 125; }
  apt-get download "$pkg" >/dev/null; dpkg -x "$pkg"*.deb "$CACHE/tree"; rm -rf "$CACHE/dl"; cd - >/dev/null
  kv=$(ls "$CACHE/tree/lib/modules"); depmod -b "$CACHE/tree" "$kv"; echo "$kv" > "$CACHE/version"
  cp "$CACHE"/tree/boot/vmlinuz-* "$CACHE/vmlinuz.new"; mv "$CACHE/vmlinuz.new" "$CACHE/vmlinuz"
fi
kv=$(cat "$CACHE/version"); MT=$CACHE/tree/lib/modules/$kv
# ---- helpers: copy a program with its libraries; the modules of a name in load order
addelf() { # ROOT SRC DST
  mkdir -p "$1$(dirname "$3")"; cp -L "$2" "$1$3"
  { ldd "$2" 2>/dev/null || :; } | grep -o '/[^ ]*\.so[^ ]*' | while read -r l; do [ -e "$1$l" ] || { mkdir -p "$1$(dirname "$l")"; cp -L "$l" "$1$l"; }; done; }
modlist() { for m in "$@"; do
    modprobe -d "$CACHE/tree" -S "$kv" --show-depends "$m" 2>/dev/null | sed -n 's#^insmod \([^ ]*\).*#\1#p' || echo "kernel-lab: no module $m" >&2
  done | awk '!s[$0]++'; }
pack() { (cd "$1" && find . -print0 | sort -z | cpio --null -o -H newc -R 0:0 --quiet); }
# ---- 2. the base initramfs, once: busybox, wg, ip, nft, ping, the base modules, /init
if [ ! -e "$CACHE/base.cpio" ] || [ "$0" -nt "$CACHE/base.cpio" ]; then
  R=$(mktemp -d); mkdir -p "$R"/{bin,sbin,proc,sys,dev,tmp,run,etc,lab,out,root,mod,usr/bin,usr/sbin,var}; ln -s ../run "$R/var/run"
  cp "$(command -v busybox)" "$R/bin/busybox"
  for b in $("$R/bin/busybox" --list); do [ $b = busybox ] || ln -s busybox "$R/bin/$b"; done
  for p in wg ip tc nft ping; do q=$(command -v $p) || continue; rm -f "$R/bin/$p"; addelf "$R" "$(readlink -f "$q")" "/sbin/$p"; done
  # a real shell: busybox-static's own prefers its applets (its small ip, ping) over what PATH says
  rm -f "$R/bin/ip" "$R/bin/ping" "$R/bin/tc" "$R/bin/sh" "$R/bin/bash"; addelf "$R" /bin/dash /bin/sh; addelf "$R" /bin/bash /bin/bash
  modlist $BASEMODS | while read -r f; do cp "$f" "$R/mod/"; basename "$f"; done > "$R/mod/order"
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' > "$R/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' > "$R/etc/group"; printf '127.0.0.1 localhost\n' > "$R/etc/hosts"
  cat > "$R/init" <<'INIT'
#!/bin/busybox sh
export PATH=/sbin:/bin:/usr/sbin:/usr/bin HOME=/root TERM=linux LC_ALL=C
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev; mkdir -p /dev/pts /dev/shm
mount -t devpts p /dev/pts; mount -t tmpfs t /tmp; mount -t tmpfs t /run; mount -t tmpfs t /dev/shm; mount -t tmpfs t /out
mount -t securityfs s /sys/kernel/security; mount -t cgroup2 c /sys/fs/cgroup; mount -t debugfs d /sys/kernel/debug
ln -s /proc/self/fd /dev/fd; ln -s fd/0 /dev/stdin; ln -s fd/1 /dev/stdout; ln -s fd/2 /dev/stderr
for l in /mod/order /mod2/order; do [ -f $l ] && while read m; do insmod ${l%/order}/$m 2>/dev/null || grep -q "^$(echo ${m%.ko} | tr - _) " /proc/modules || echo "kernel-lab: insmod $m failed" >/dev/console; done < $l; done
mkdir -p /dev/net; [ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
for p in /sys/class/virtio-ports/*; do [ -f $p/name ] && ln -s /dev/$(basename $p) /dev/lab.$(cat $p/name); done
ip link set lo up; mkdir -p /run/netns; cd /lab
exec 3>/dev/lab.rc; echo "start $(cut -d' ' -f1 /proc/uptime)" >&3
setsid /bin/sh /lab.cmd </dev/null >/dev/lab.out 2>/dev/lab.err; rc=$?
[ -e /dev/lab.tar ] && tar -C /out -cf /dev/lab.tar . 2>/dev/null
sync; echo "rc $rc" >&3; exec 3>&-
poweroff -f
INIT
  chmod 755 "$R/init"; pack "$R" > "$CACHE/base.cpio.$$"; mv "$CACHE/base.cpio.$$" "$CACHE/base.cpio"; rm -rf "$R"
fi
[ $ONLY = 1 ] && exit 0
[ $# -gt 0 ] || { echo "kernel-lab: which command?" >&2; exit 2; }
# ---- 3. this run's own layer, appended to the base (the kernel unpacks them one after the other)
W=$(mktemp -d); trap 'rm -rf "$W"' EXIT; R=$W/r; mkdir -p "$R/lab" "$R/mod2"
for f in "${FILES[@]}"; do s=${f%%:*}; d=/lab/$(basename "$s"); [ "$s" = "$f" ] || d=${f#*:}
  if [ -d "$s" ]; then mkdir -p "$R$d"; cp -a "$s/." "$R$d/"; else addelf "$R" "$s" "$d"; fi; done
for p in "${PROGS[@]}"; do q=$(command -v "$p"); addelf "$R" "$(readlink -f "$q")" "/usr/bin/$p"; done
[ ${#DISKS[@]} -gt 0 ] || [ -n "${QEMU_EXTRA:-}" ] && MODS="virtio_blk $MODS"
if [ -n "$MODS" ]; then modlist $MODS | while read -r f; do cp "$f" "$R/mod2/"; basename "$f"; done > "$R/mod2/order"; fi
{ for e in "${ENVS[@]}"; do printf 'export %s=%q\n' "${e%%=*}" "${e#*=}"; done; printf '%q ' "$@"; echo; } > "$R/lab.cmd"
{ cat "$CACHE/base.cpio"; pack "$R"; } > "$W/initrd"
# ---- 4. boot
Q=(qemu-system-x86_64 -M pc,usb=off,vmport=off -accel tcg,thread=multi -cpu "$CPU" -smp "$SMP" -m "$MEM" -nodefaults -no-user-config
  -display none -no-reboot -kernel "$CACHE/vmlinuz" -initrd "$W/initrd"
  -append "console=ttyS0 panic=-1 ${QUIET-quiet} mitigations=off nokaslr no_timer_check tsc=reliable random.trust_cpu=on ${RCU-rcupdate.rcu_expedited=1} ${APPEND:-}"
  -chardev file,id=con,path="$W/con" -serial chardev:con -device virtio-serial-pci -device virtio-rng-pci
  -chardev file,id=rc,path="$W/rc" -device virtserialport,chardev=rc,name=rc
  -chardev file,id=out,path="$W/out" -device virtserialport,chardev=out,name=out
  -chardev file,id=err,path="$W/err" -device virtserialport,chardev=err,name=err)
[ -n "$OUT" ] && Q+=(-chardev file,id=tar,path="$W/tar" -device virtserialport,chardev=tar,name=tar)
i=0; for d in "${DISKS[@]}"; do o=""; case $d in *,*) o=,${d#*,}; d=${d%%,*};; esac
  Q+=(-drive "file=$d,format=raw,if=none,id=d$i$o" -device "virtio-blk-pci,drive=d$i"); i=$((i+1)); done
Q+=(${QEMU_EXTRA:-})   # e.g. -rtc base=2030-01-01 ; -blockdev ... -device virtio-blk-pci,drive=...
touch "$W/rc" "$W/out" "$W/err" "$W/con"
"${Q[@]}" & qp=$!
rc=125; end=$((SECONDS+T)); cutat=""
while kill -0 $qp 2>/dev/null; do
  if [ -n "$CUT" ] && [ -z "$cutat" ] && grep -q ^start "$W/rc"; then sleep "$CUT"; kill -9 $qp; cutat=1; rc=137; fi
  if [ $SECONDS -ge $end ]; then kill -9 $qp; rc=124; break; fi; sleep 0.05
done; wait $qp 2>/dev/null || :
[ $rc = 125 ] && r=$(sed -n 's/^rc //p' "$W/rc") && [ -n "$r" ] && rc=$r
cat "$W/out"; cat "$W/err" >&2; [ $V = 1 -o $rc = 125 ] && cat "$W/con" >&2
[ -n "$OUT" ] && { mkdir -p "$OUT"; [ -s "$W/tar" ] && tar -C "$OUT" -xf "$W/tar"; }
[ -n "${LAB_TIMES:-}" ] && echo "kernel-lab: guest was up $(sed -n 's/^start //p' "$W/rc") s when the command started; whole run $SECONDS s" >&2
exit $rc
