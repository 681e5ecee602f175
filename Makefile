# SPDX-License-Identifier: BSD-2-Clause
# The front door. Meson and ninja do the work; this file knows only their names.

BUILD ?= build
MESON_ARGS ?=
PREFIX ?= /usr/local

.PHONY: all help setup demo test test-quick bench install clean
all: $(BUILD)/build.ninja ## Build everything into build/
	@ninja -C $(BUILD) -n | grep -q 'no work to do' || ninja -C $(BUILD) $(if $(VERBOSE),-v,--quiet)

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: ## Install missing Debian packages (needs root once)
	@scripts/setup

$(BUILD)/build.ninja: scripts/packages.txt | setup
	@meson setup $(BUILD) --prefix=$(PREFIX) $(MESON_ARGS) $(if $(wildcard $(BUILD)/build.ninja),--reconfigure) >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@mv $(BUILD).log $(BUILD)/setup.log; touch $@

demo: all ## Run the example chain over recorded traffic
	@examples/demo.sh $(BUILD)

test: setup ## Run all tests: release build, then ASan+UBSan
	@scripts/test release asan

test-quick: setup ## Run the tests of the release build only
	@scripts/test release

bench: ## Measure against the anchors (one of them: make bench BENCH=name)
	@scripts/bench $(BENCH)

install: all ## Install under PREFIX (default /usr/local)
	@$(if $(filter file,$(origin PREFIX)),,meson configure $(BUILD) -Dprefix=$(abspath $(PREFIX)) && ninja -C $(BUILD) >$(BUILD)/setup.log || { cat $(BUILD)/setup.log; exit 1; })
	@meson install -C $(BUILD) --no-rebuild --quiet

clean: ## Remove all build directories
	rm -rf build build-*
