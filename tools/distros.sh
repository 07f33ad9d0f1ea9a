#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# Builds in other distributions, warnings being errors, and runs unit tests and the containment tests there:
# distros.sh [trixie] [noble]. Chroots are kept (WGKEEPER_DISTROS, default /var/cache/wgkeeper-distros); the
# sources are copied into them. As root. The last line is "N passed, N failed"; a distribution that its mirror
# does not give is a failure.
set -eu
cd "$(dirname "$0")/.."
cache=${WGKEEPER_DISTROS:-/var/cache/wgkeeper-distros}
passed=0 failed=0

mirror_of() {
	case $1 in
	trixie) echo http://deb.debian.org/debian ;;
	noble) echo http://archive.ubuntu.com/ubuntu ;;
	esac
}

packages() { awk '!/^#/ && NF && ($2 ~ /build/ || $2 ~ /distros/) { print $1 }' tools/packages.txt; }

# Ubuntu's key is not in Debian. It comes with the archive's own package and counts only when it is the key
# with this fingerprint (Ubuntu Archive Automatic Signing Key, 2018).
ubuntu_key=F6ECB3762474EDA9D21B7022871920D1991BC93C
keyring_of() {
	[ "$1" = noble ] || return 0
	keyring=$cache/ubuntu.gpg
	if [ ! -s "$keyring" ]; then
		folder=$(mktemp -d)
		path=$(curl -fsS -m 60 "$(mirror_of noble)/dists/noble/main/binary-amd64/Packages.gz" | zcat |
			awk '/^Package: ubuntu-keyring$/ { found = 1 } found && /^Filename:/ { print $2; exit }')
		curl -fsS -m 60 -o "$folder/keyring.deb" "$(mirror_of noble)/$path"
		dpkg-deb -x "$folder/keyring.deb" "$folder"
		gpg --homedir "$folder" -q --no-default-keyring --keyring "$folder/all.gpg" \
			--import "$folder/usr/share/keyrings/ubuntu-archive-keyring.gpg" 2>/dev/null
		gpg --homedir "$folder" -q --no-default-keyring --keyring "$folder/all.gpg" \
			--export "$ubuntu_key" >"$keyring"
		rm -rf "$folder"
	fi
	[ -s "$keyring" ] && echo "--keyring=$keyring"
}

make_base() {
	[ -e "$cache/$1.ready" ] && return
	mkdir -p "$cache"
	rm -rf "${cache:?}/$1"
	script=/usr/share/debootstrap/scripts/$1
	[ -e "$script" ] || script=/usr/share/debootstrap/scripts/gutsy # all of Ubuntu's are this one
	components=main
	[ "$1" = noble ] && components=main,universe
	# shellcheck disable=SC2046
	debootstrap --variant=minbase --components="$components" $(keyring_of "$1") "$1" "$cache/$1" "$(mirror_of "$1")" "$script"
	printf '#!/bin/sh\nexit 101\n' >"$cache/$1/usr/sbin/policy-rc.d"
	chmod +x "$cache/$1/usr/sbin/policy-rc.d"
	touch "$cache/$1.ready"
}

# inside: $1 the chroot, the rest the packages
inside='
set -eu
root=$1; shift
mount --bind "$root" "$root" # `ip netns` wants / to be a mount
mount --bind /dev "$root/dev"
mount --bind /dev/pts "$root/dev/pts" 2>/dev/null || true
mount -t proc proc "$root/proc"
mount -t sysfs sys "$root/sys"
mount -t tmpfs run "$root/run"
mount -t tmpfs shm "$root/dev/shm"
exec chroot "$root" sh -euc "
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 HOME=/root
missing=
for name in $*; do dpkg-query -W -f \"\\\${db:Status-Status}\" \$name 2>/dev/null | grep -qx installed || missing=\"\$missing \$name\"; done
[ -z \"\$missing\" ] || { apt-get -qq update; apt-get -qq install -y --no-install-recommends \$missing >/dev/null; }
cd /src
[ -e build/build.ninja ] || meson setup build --buildtype=release -Dwerror=true >/dev/null
ninja -k 0 -C build
meson test -C build --no-rebuild --print-errorlogs
WGKEEPER_BUILD=build python3 -m pytest -q -p no:cacheprovider tests/system/test_containment.py tests/system/test_limits.py
"'

for name in ${*:-trixie noble}; do
	if make_base "$name" >"$cache/$name.log" 2>&1; then
		# what is built stays; what was removed goes
		mkdir -p "$cache/$name/src"
		git ls-files -co --exclude-standard | tar -cf - -T - | tar -C "$cache/$name/src" -xf -
		# shellcheck disable=SC2046
		if unshare -m --propagation private sh -c "$inside" - "$cache/$name" $(packages); then
			echo "distros: $name: passed"
			passed=$((passed + 1))
			continue
		fi
	else
		tail -5 "$cache/$name.log"
	fi
	echo "distros: $name: failed"
	failed=$((failed + 1))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
