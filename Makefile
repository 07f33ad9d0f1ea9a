# SPDX-License-Identifier: AGPL-3.0-or-later
# A menu; Meson and the scripts in tools/ do the work.

NINJA = ninja
TREES = build build-san

.DEFAULT_GOAL = all
.PHONY: help deps all web demo bench test test-unit test-system test-faults test-browser test-kernel test-distros test-long lint format clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

deps: ## install what is missing (Debian packages, web packages)
	tools/deps.sh build run test

all: web build/build.ninja ## build the programs into build/bin
	$(NINJA) -C build

web: web/dist/index.html ## build the web UI into web/dist

web/dist/index.html: web/package-lock.json web/build.mjs $(shell find web/src -type f)
	tools/deps.sh build
	cd web && npm run build

build/build.ninja:
	@command -v meson >/dev/null || tools/deps.sh build
	meson setup build --buildtype=release -Db_lto=false

build-san/build.ninja:
	@command -v meson >/dev/null || tools/deps.sh build
	meson setup build-san -Db_sanitize=address,undefined -Dwerror=true

demo: ## a Console and two nodes on this machine; Ctrl-C removes them (CHECK=1: use it once and end)
	tools/deps.sh build run
	$(MAKE) all
	tools/demo.py $(if $(CHECK),--check)

bench: ## figures beside what the machine could do (WHAT=node); also build/bench.json
	tools/deps.sh build run test
	$(MAKE) all
	$(NINJA) -C build bench-tools
	bench/bench.py $(WHAT)

test: ## every test; ends with "N passed, N failed"
	tools/deps.sh build run test
	$(MAKE) all
	tools/run-tests.py unit system faults browser kernel

test-unit: ## unit tests, both compilers, lint
	tools/deps.sh build test
	tools/run-tests.py unit

test-system: ## real processes and real WireGuard
	tools/deps.sh build run test
	$(MAKE) all
	tools/run-tests.py system

test-faults: ## kill -9, and what must hold after it
	tools/deps.sh build run test
	$(MAKE) all
	tools/run-tests.py faults

test-distros: ## builds, unit tests and containment in Debian 13 and Ubuntu 24.04 (chroots; as root)
	tools/deps.sh test
	tools/distros.sh

test-browser: ## the UI in a real browser
	tools/deps.sh build run test
	$(MAKE) web
	tools/run-tests.py browser

test-kernel: ## the kernel's WireGuard, under QEMU
	tools/deps.sh build run test
	$(MAKE) all
	tools/run-tests.py kernel

test-long: ## what takes longer than CI has time for; the same last line
	tools/deps.sh build run test
	$(MAKE) all
	tools/run-tests.py long

lint: ## layers, headers, formatting, lengths
	tools/lint.py

format: ## clang-format everything of ours
	git ls-files '*.c' '*.h' | xargs clang-format -i

clean: ## remove what was built
	rm -rf build build-san build-clang
