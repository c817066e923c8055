#!/usr/bin/env bash
# consumer/test.sh BUILD COMPILER GENERATOR: installs the libraries built in BUILD under a fresh prefix, and
# builds and runs the programs of README.md and docs/library.md against that installation, as a user would. Then
# does the same for a program with its own problems and methods, with every command, and for a program without
# a command line.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp "$here/CMakeLists.txt" "$here"/own_*.cpp "$work"
# block LANGUAGE FILE: the first block of code of a page.
block() { awk -v begin="\`\`\`$1" '$0 == begin { inside = 1; next } /^```$/ && inside { exit } inside' "$here/../../$2"; }
block cpp README.md >"$work/ten_lines.cpp"
block cpp docs/library.md >"$work/train.cpp"
for component in library experiments program needed; do
  cmake --install "$1" --component "$component" --prefix "$work/prefix" >"$work/log"
done
cmake -S "$work" -B "$work/build" -G "$3" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="$2" \
  -DCMAKE_PREFIX_PATH="$work/prefix"
cmake --build "$work/build"
"$work/build/ten_lines" | diff <(block text README.md) -
"$work/build/train" | tee "$work/output"

# The program finds its libraries, and the library pkg-config's flags, after the installation was moved.
mv "$work/prefix" "$work/moved"
env -i ldd "$work/moved/bin/twice" >"$work/libraries"
grep -q "libfmt.* => $work/moved/bin/../lib/twice/libfmt" "$work/libraries"
env -i "$work/moved/bin/twice" --version
PKG_CONFIG_PATH=$(dirname "$(find "$work/moved" -name twice.pc)")
export PKG_CONFIG_PATH
read -ra flags <<<"$(pkg-config --cflags --libs twice)"
"$2" "$work/train.cpp" -o "$work/by-pkg-config" "${flags[@]}"
"$work/by-pkg-config" | diff "$work/output" -

# The program must print the losses of ten steps, and the last loss must be smaller than the first.
awk '$1 == "loss" { last = $2; if (!n++) first = $2 } END { exit !(n == 10 && last < first) }' \
  "$work/output"

cd "$work"
program=own_program
twice() { "$work/build/$program" "$@" >"$work/log" || { echo "$program $*" && cat "$work/log" && exit 1; }; }
problem=(--problem poisson --batch 64 --threads 1)
twice compare "${problem[@]}" --epochs 2 --method sgd,exact,f-gr --optimizer adam --json compare.json
look=("${problem[@]}" --method look-sam --every 3 --schedule constant --lr 0.01)
twice train "${look[@]}" --epochs 2 --out look
twice train --resume --epochs 3 --out look
twice train "${look[@]}" --epochs 3 --out whole
twice train --method input-penalty --strength 0.2 --width 8 --epochs 1 --threads 1 --out penalty
# The products are the mean over one step of exact and three steps of sgd.
twice compare --method sgd,exact,gr-every --width 16 --batch 8 --epochs 1 --threads 1 --json every.json
python3 -c 'import json
p = {row["method"]: row["products"] for row in json.load(open("every.json"))["rows"]}
assert p["gr-every"] == (p["exact"] + 3 * p["sgd"]) / 4, p'
# The gradient errors are those of both programs. look-sam's program 1 reads a memory, which is empty at the start.
python3 -c 'import json
rows = {row["method"]: row for row in json.load(open("every.json"))["rows"]}
for when in "start", "end":
    errors = rows["gr-every"]["program_errors_" + when]
    mean = rows["gr-every"]["gradient_error_" + when]
    assert len(errors) == 2 and errors[0] < errors[1], errors
    assert abs(mean - (errors[0] + 3 * errors[1]) / 4) < 1e-9 * mean, (mean, errors)
    assert "program_errors_" + when not in rows["sgd"]'
twice compare "${look[@]}" --epochs 1 --json look.json
python3 -c 'import json
row = json.load(open("look.json"))["rows"][0]
assert row["program_errors_start"][1] is None and row["program_errors_end"][1] > 0
assert row["gradient_error_start"] == row["program_errors_start"][0]'
# `explain` shows each program, and `profile` shows one. Counts and times are means, and memory is that of the largest.
several=(--method sgd,exact,gr-every --width 128 --batch 256 --threads 1)
twice explain "${several[@]}" --brief --json programs.json
grep -q 'gr-every, program 1 of 0 to 1 (75 % of the steps): G = g' log
twice bench "${several[@]}" --seconds 0.2 --json bench.json
twice profile --method gr-every --methods gr-every --program 1 --width 128 --batch 256 --threads 1 --seconds 0.1 \
  --no-scaling --json profile.json
grep -q 'a step of gr-every, program 1 of 0 to 1 (75 % of the steps): G = g' log
python3 -c 'import json
read = lambda name: json.load(open(name))
exact, sgd = (read("programs.json")["rows"][i]["products"] for i in (1, 0))
shown = [(r["products"], r["program"], r["program_share"]) for r in read("programs.json")["rows"] if "programs" in r]
assert shown == [(exact, 0, 0.25), (sgd, 1, 0.75)], shown
bench = {row["method"]: row for row in read("bench.json")["rows"]}
assert bench["gr-every"]["products"] == (exact + 3 * sgd) / 4
mib = {method: row["measured_mib"] for method, row in bench.items()}
assert abs(mib["gr-every"] - mib["exact"]) < 0.1 * mib["exact"] and mib["exact"] > 1.2 * mib["sgd"], mib
profile = read("profile.json")
assert (profile["program"], profile["programs"], profile["program_share"]) == (1, 2, 0.75)
assert sum(step["products"] for step in profile["steps"]) == sgd
row = next(r for r in profile["rows"] if r["name"] == "step of gr-every")
assert row["products"] == (exact + 3 * sgd) / 4 and row["measured_mib"] > 1.2 * mib["sgd"], (row, mib)
assert len(profile["noise"]["same_step_ms"]) == 1'
"$work/build/own_program" profile --method gr-every --program 2 2>error && exit 1
grep -q 'gr-every has 2 programs, numbered from 0; it has no program 2' error
twice train --method gr-every --width 128 --batch 256 --epochs 1 --threads 1 --out every
# The record counts the mean over the programs, as compare does.
python3 -c 'import json
exact, sgd = (json.load(open("programs.json"))["rows"][i]["products"] for i in (1, 0))
assert json.load(open("every/train.json"))["rows"][0]["products"] == (exact + 3 * sgd) / 4'
twice sweep "${problem[@]}" --epochs 2 --method exact --points 128,256 --seeds 2 --out grid
twice profile "${problem[@]}" --method exact --methods sgd,exact --seconds 0.1 --no-memory --json profile.json
twice bench "${problem[@]}" --method sgd,exact --seconds 0.1
twice check "${problem[@]}" --method exact,f-gr,b-gr,c-gr
twice explain "${problem[@]}" --method exact --json explain.json
twice export "${problem[@]}" --method exact
# The record has only the options of entries that the run uses.
grep -q '"strength"' penalty/train.json
grep '"points"' penalty/train.json && exit 1
grep -q largest_error compare.json && grep -q '"points": 256' compare.json && grep -q '"products_law": null' explain.json
# A program without a command line writes the same files as the commands. The page must not mention
# quantities that a plan alone does not have.
"$work/build/own_report" >"$work/log" || { cat "$work/log" && exit 1; }
for file in cubes/ops.csv cubes/trace.json cubes/roofline.svg line/report.html methods/compare.json; do test -s $file; done
grep -q '"name": "cube"' cubes/report.json && grep -q encoder cubes/stacks.txt && grep -q 'cube .*encoder' "$work/log"
grep -E 'H v|the optimiser keeps|\(loss\)|gamma|learning' cubes/report.html && exit 1
grep -lw digits line/report.html methods/report.html && exit 1
# A run that is made longer has the same numbers as an uninterrupted run, because the checkpoint
# holds the memory of the method.
numbers() { grep -vE '"(seconds|ms|date|command_line)"' "$1"; }
diff <(numbers look/train.json) <(numbers whole/train.json)

program=own_parts
parts=(--model loop --data spirals --threads 1)
lion=("${parts[@]}" --optimizer lion --schedule one-cycle --warmup 3)
twice compare "${parts[@]}" --epochs 2 --method sgd,exact --json parts.json
twice train "${lion[@]}" --lion-beta1 0.8 --epochs 4 --out lion
twice train --resume --epochs 6 --out lion
# An option varies only in runs that read it: sgd runs once for both values of lion's option.
twice sweep "${parts[@]}" --optimizer sgd,lion --lion-beta1 0.8,0.9 --epochs 1 --out parts-grid
[[ $(ls -d parts-grid/*/ | wc -l) == 3 ]]
# Every model of the grid is checked before any file is created, including models that differ only in
# an option of the program.
"$work/build/own_parts" sweep "${parts[@]}" --times 2,99 --width 64 --out refused 2>error && exit 1
grep -q '99 times 64 units are too many' error && [[ ! -e refused ]]
twice check "${parts[@]}" --times 2 --width 4 --batch 4 --method exact
twice profile "${parts[@]}" --method exact --methods exact --seconds 0.1 --no-memory
twice explain "${parts[@]}" --method exact --json explain.json
grep -q '"pass": "look"' explain.json
twice explain "${parts[@]}" --method exact --without look --json explain.json
grep -q '"pass": "look"' explain.json && exit 1
"$work/build/own_parts" explain "${parts[@]}" --most-nodes 5 2>error && exit 1
grep -q 'the plan has .* nodes; expected at most 5' error
grep -q '"optimizer": "lion"' lion/train.json && grep -q '"lion-beta1": 0.8' lion/train.json
