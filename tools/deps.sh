#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# Installs what is missing of tools/packages.txt: deps.sh build|run|test...
# Says what it installs; quick when nothing is missing.
set -eu
cd "$(dirname "$0")/.."

missing=""
for group in "$@"; do
	for name in $(awk -v g="$group" '!/^#/ && NF { n = split($2, a, ","); for (i = 1; i <= n; i++) if (a[i] == g) print $1 }' tools/packages.txt); do
		dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed ||
			missing="$missing $name"
	done
done

# Node.js for the web UI: any of 18 or newer does, wherever it is from
if [ -f web/package.json ]; then
	major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
	if [ "${major:-0}" -lt 18 ] || ! command -v npm >/dev/null; then
		missing="$missing nodejs npm"
	fi
fi

as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo"
if [ -n "$missing" ]; then
	echo "deps: installing:$missing"
	export DEBIAN_FRONTEND=noninteractive
	$as_root apt-get -o DPkg::Lock::Timeout=300 -qq update
	# shellcheck disable=SC2086
	$as_root apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends $missing </dev/null
fi

# the web packages, when they are not those of the lock file
if [ -f web/package-lock.json ] && ! cmp -s web/package-lock.json web/node_modules/.installed-lock; then
	echo "deps: npm ci (web/package-lock.json)"
	(cd web && npm ci --ignore-scripts --no-audit --no-fund)
	cp web/package-lock.json web/node_modules/.installed-lock
fi
