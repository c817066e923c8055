#!/usr/bin/env bash
# consumer/test.sh BUILD COMPILER: installs the library built in BUILD under a fresh prefix, then
# configures, builds and runs the project beside this file against it.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$1" --component library --prefix "$work/prefix" >"$work/log"
cmake -S "$here" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="$2" \
  -DCMAKE_PREFIX_PATH="$work/prefix"
cmake --build "$work/build"
"$work/build/consumer"
