#!/usr/bin/env bash
# consumer/test.sh BUILD COMPILER GENERATOR: installs the library built in BUILD under a fresh prefix, takes
# the program out of the README, and builds and runs it against that installation, as a user would.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp "$here/CMakeLists.txt" "$work"
awk '/^```cpp$/ { inside = 1; next } /^```$/ && inside { exit } inside' "$here/../../README.md" \
  >"$work/main.cpp"
cmake --install "$1" --component library --prefix "$work/prefix" >"$work/log"
cmake -S "$work" -B "$work/build" -G "$3" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="$2" \
  -DCMAKE_PREFIX_PATH="$work/prefix"
cmake --build "$work/build"
"$work/build/consumer" | tee "$work/output"

# Ten steps were taken, and they made the loss smaller.
awk '$1 == "loss" { last = $2; if (!n++) first = $2 } END { exit !(n == 10 && last < first) }' \
  "$work/output"
