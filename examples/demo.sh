#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The demo: runs examples/demo.yaml, then looks into the modules' maps. `make demo` calls it.
#
# usage: demo.sh [BUILD]     BUILD: where visor was built (default: build)
set -eu
PATH=$(realpath "${1:-build}"):$PATH
cd "$(dirname "$0")/.."
command -v visor >/dev/null || { echo "demo.sh: there is no visor in ${1:-build}; run make" >&2; exit 1; }

# Maps outlive the run by their pins; these live in a directory of their own.
VISOR_STATE=$(mktemp -d)
export PATH VISOR_STATE
trap 'rm -rf "$VISOR_STATE"' EXIT

bold= plain=
if [ -t 1 ]; then
	bold=$(printf '\033[1m') plain=$(printf '\033[0m')
fi
show() { # WHAT COMMAND...
	printf '%s\n%s$ ' "# $1" "$bold"
	shift
	printf '%s%s\n' "$*" "$plain"
	"$@"
	echo
}

show "Recorded traffic through three modules; the access list denies a port scan:" \
	visor run examples/demo.yaml --pin /demo
show "What decided in the access list, on each CPU:" visor map dump hits
show "What it denies:" visor map dump sources4
show "What passed, by protocol:" visor map dump traffic
show "What the sampler saw, and put into its ring buffer:" visor map dump progress
