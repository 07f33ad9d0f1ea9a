# SPDX-License-Identifier: AGPL-3.0-or-later
# A menu; Meson and the scripts in tools/ do the work.

NINJA = ninja
TREES = build build-san

.DEFAULT_GOAL = all
.PHONY: help deps all demo test test-unit test-system lint format clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

deps: ## install what is missing (Debian packages, web packages)
	tools/deps.sh build run test

all: build/build.ninja ## build the programs into build/bin
	$(NINJA) -C build

build/build.ninja:
	@command -v meson >/dev/null || tools/deps.sh build
	meson setup build --buildtype=release -Db_lto=false

build-san/build.ninja:
	@command -v meson >/dev/null || tools/deps.sh build
	meson setup build-san -Db_sanitize=address,undefined -Dwerror=true

test: ## every test; ends with "N passed, N failed"
	tools/deps.sh build run test
	tools/run-tests.py unit system

test-unit: ## unit tests, both compilers, lint
	tools/deps.sh build test
	tools/run-tests.py unit

test-system: ## real processes and real WireGuard
	tools/deps.sh build run test
	tools/run-tests.py system

lint: ## layers, headers, formatting, lengths
	tools/lint.py

format: ## clang-format everything of ours
	git ls-files '*.c' '*.h' | xargs clang-format -i

clean: ## remove what was built
	rm -rf build build-san build-clang
