"""Tests `twice bench`: its rows and laws, the memory it measures, and the comparison with PyTorch,
which must fail if the gradients do not agree."""

import math
import os
import pathlib
import re
import signal
import statistics
import time
import unittest

from program import PROGRAM, SANITIZED, CommandTest, main
from pytorch import needs_pytorch

TINY = ["--width", 16, "--batch", 8, "--threads", 1, "--seconds", 0.05]
NO_GRADIENT_OF_F_GR = {"ratio_to_gradient", "ratio_to_gradient_interval", "ratio_to_f_gr",
                       "ratio_to_f_gr_interval"}


def paired_ratio(times, others):
    """The median, over all rounds, of the ratio of a round's two times."""
    return statistics.median(a / b for a, b in zip(times, others, strict=True))


def documented_fields():
    """The fields of a row, and the fields that a row has only with a peer, from the two tables on bench
    in docs/records.md."""
    text = (pathlib.Path(__file__).parents[2] / "docs/records.md").read_text()
    part = text.split("\n## bench\n")[1].split("\n## ")[0].split("At the top level")[0]
    always, with_peer = part.split("With a peer")

    def names(table):
        cells = re.findall(r"(?m)^\| (`[^|]*) \|", table)
        return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}

    return names(always), names(with_peer)


def is_running(pid):
    try:
        return "zombie" not in pathlib.Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def children_of(parent):
    result = []
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            if f"\nPPid:\t{parent}\n" in status.read_text():
                result.append(status.parent.name)
        except OSError:  # the process has ended
            pass
    return result


class Bench(CommandTest):
    def environment(self, **changes):
        """Puts temporary files into the test's folder, where `files` finds any that are left behind."""
        return super().environment(**{"TMPDIR": str(self.folder), **changes})

    def bench(self, *arguments):
        """Runs `bench`. Returns its record and the rows by method. Checks that it leaves only the record."""
        self.output = self.succeed("bench", "--json", "record.json", *arguments)
        self.assertEqual(set(self.files()), {"record.json"})
        record = self.json("record.json")
        return record, {row["method"]: row for row in record["rows"]}

    def stand_in(self, script):
        """Writes a program that takes the place of Python."""
        python = self.folder / "python"
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
        return "./python"


class Rows(Bench):
    def test_fields_and_laws(self):
        for depth in [1, 3]:
            with self.subTest(depth=depth):
                record, rows = self.bench(*TINY, "--depth", depth)
                self.assertEqual(list(rows), ["sgd", "f-gr", "exact"])
                self.assertEqual(record["command"], "bench")
                self.assertEqual(record["config"]["method"], ["sgd", "f-gr", "exact"])
                self.assertGreater(record["machine"]["peak_gflops"], 0)
                for row in rows.values():
                    self.check_row(row, f"mlp-16x{depth}-b8-relu-f32")
                    self.assertIn(row["method"], self.output)
                for method, law in [("sgd", 3 * depth - 1), ("f-gr", 6 * depth - 2)]:
                    self.assertEqual(rows[method]["products"], law)
                    self.assertEqual(rows[method]["products_law"], law)
                self.assertLessEqual(rows["exact"]["products"], 9 * depth - 5)

    def check_row(self, row, model):
        self.assertEqual(set(row), documented_fields()[0])
        self.assertEqual((row["model"], row["threads"]), (model, 1))
        for name, value in row.items():
            for number in value if isinstance(value, list) else [value]:
                if not isinstance(number, str):
                    self.assertTrue(math.isfinite(number) and (number >= 0 or name == "residual"), name)
        self.assertTrue(0 < row["ms_min"] <= row["ms"])
        self.assertAlmostEqual(row["residual"], row["ms"] / row["predicted_ms"] - 1, places=9)
        self.assertGreaterEqual(row["samples"], 5)
        self.assertEqual(len(row["rounds_ms"]), row["samples"])
        self.assertAlmostEqual(row["ms"], statistics.median(row["rounds_ms"]), places=9)
        shares = [row["gflop"] / ms * 1e3 / peak
                  for ms, peak in zip(row["rounds_ms"], row["rounds_peak_gflops"], strict=True)]
        self.assertAlmostEqual(row["peak_share"], statistics.median(shares), places=9)
        gradient = self.json("record.json")["rows"][0]
        self.assertAlmostEqual(row["ratio_to_gradient"],
                               paired_ratio(row["rounds_ms"], gradient["rounds_ms"]), places=9)
        ratios = sorted(a / b for a, b in zip(row["rounds_ms"], gradient["rounds_ms"], strict=True))
        low, high = row["ratio_to_gradient_interval"]
        self.assertTrue(ratios[0] <= low <= row["ratio_to_gradient"] <= high <= ratios[-1])

    def test_any_model_and_method(self):
        _, rows = self.bench("--model", "resnet", "--channels", 1, "--batch", 2, "--threads", 1,
                             "--seconds", 0.01, "--method", "pgn,exact-naive", "--no-memory")
        self.assertEqual([row["model"] for row in rows.values()], ["resnet-1x8-b2-relu-f32"] * 2)
        self.assertEqual(set(rows["pgn"]), documented_fields()[0] - NO_GRADIENT_OF_F_GR - {"measured_mib"})

    def test_rows_of_the_suite(self):
        record, rows = self.bench("--suite", "paper", "--rows", "mlp-64x3", "--seconds", 0.05,
                                  "--threads", 1, "--method", "sgd", "--no-memory", "--no-prediction")
        self.assertEqual({"predicted_ms", "residual"} & set(rows["sgd"]), set())
        self.assertIsNone(record["residuals"])
        self.assertEqual([row["model"] for row in record["rows"]], ["mlp-64x3-b32-relu-f32"])
        self.assertEqual(record["means"], [{"method": "sgd", "ratio_to_gradient": 1.0, "ratio_to_gradient_interval": [1.0, 1.0]}])

    def test_neighbours_work_beside_it_and_end_with_it(self):
        for kind in ["cpu", "memory", "bursts"]:
            with self.subTest(kind=kind):
                record, rows = self.bench("--width", 128, "--batch", 128, "--threads", 2, "--method", "sgd",
                                          "--no-memory", "--no-prediction", "--seconds", 0.3,
                                          "--neighbours", 2, "--neighbour-kind", kind)
                self.assertEqual((record["config"]["neighbours"], record["config"]["neighbour-kind"]), (2, kind))
                self.assertGreater(rows["sgd"]["shared_tiles"], 0)
                self.assertTrue(0 <= rows["sgd"]["helper_share"] <= 1)
                # The neighbours never sleep, so they take time from the threads on every core.
                if kind == "cpu" and record["noise"]["waited"] is not None:
                    self.assertGreater(record["noise"]["waited"], 0.05)
                    self.assertIn("noise: other work had the cores", self.output)
        self.assertEqual(children_of(os.getpid()), [])

    def test_neighbours_end_when_it_is_killed(self):
        process = self.start("bench", "--width", 16, "--seconds", 60, "--neighbours", 1)
        deadline = time.time() + 30
        while not children_of(process.pid) and time.time() < deadline:
            time.sleep(0.01)
        (child,) = children_of(process.pid)
        process.kill()
        process.communicate()
        while is_running(child) and time.time() < deadline:
            time.sleep(0.05)
        self.assertFalse(is_running(child))

    def test_threads_are_those_that_the_environment_allows(self):
        """Includes settings under which OpenBLAS would wait for threads that it does not get."""
        cases = [({"OMP_THREAD_LIMIT": "1"}, [], 1), ({"OMP_THREAD_LIMIT": "1"}, ["--threads", 4], 1),
                 ({"OMP_NUM_THREADS": "1"}, [], 1), ({"OMP_NUM_THREADS": "1"}, ["--threads", 3], 3),
                 ({"OMP_PROC_BIND": "true"}, ["--threads", 2], 2)]
        for environment, options, threads in cases:
            with self.subTest(environment=environment, options=options):
                self.succeed("bench", "--width", 16, "--batch", 8, "--seconds", 0.05, "--no-memory",
                             "--no-prediction", "--method", "sgd", "--json", "record.json", *options, environment=environment)
                self.assertEqual(self.json("record.json")["machine"]["threads"], threads)

    @unittest.skipIf(SANITIZED, "sanitizers use additional memory")
    def test_measured_memory_is_the_planned(self):
        """The measured memory is that of parameters, batch, gradients and intermediate values, up to a small
        remainder. It is measured in a separate process, so an earlier, larger run cannot increase it."""
        _, rows = self.bench("--width", 512, "--depth", 3, "--batch", 64, "--threads", 1,
                             "--seconds", 0.05, "--method", "exact,sgd", "--no-prediction")
        for row in rows.values():
            self.assertGreater(row["measured_mib"], 0.9 * row["peak_mib"])
            self.assertLess(row["measured_mib"], 1.1 * row["peak_mib"] + 1)

    def test_mistakes(self):
        for fragments, arguments in [
                (["--peer", "pytorch"], "--peer jax"), (["--suite", "paper"], "--suite other"),
                (["--model", "--suite"], "--suite paper --model cnn"),
                (["--batch", "--suite"], "--suite paper --batch 3"),
                (["--rows", "--suite"], "--rows mlp"),
                (["--rows", "'nope'", "cnn-8-b32-gelu-f32"], "--suite paper --rows nope"),
                (["--seconds"], "--seconds 0"), (["--seconds"], "--seconds nan"),
                (["--data"], "--data digits"), (["--peer-malloc"], "--peer-malloc none"),
                (["--model", "dln"], "--model dln"), (["cnn", "depth"], "--model cnn --depth 3")]:
            with self.subTest(arguments):
                self.refuse(2, fragments, "bench", *arguments.split())
                self.assertEqual(self.files(), {})

    def test_no_pytorch(self):
        python = self.stand_in('echo \'{"no_torch": "No module named torch"}\'')
        for command, fragment in [(python, "cannot import torch (No module"), ("./none", "./none")]:
            self.refuse(1, [fragment, "python3-torch"], "bench", "--peer", "pytorch", "--peer-python",
                        command, "--json", "x.json", *TINY)
            self.assertEqual(set(self.files()), {"python"})

    def test_stopped_by_ctrl_c(self):
        process = self.start("bench", "--json", "record.json", "--seconds", 60)
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
        self.assertEqual(process.returncode, 130)
        self.assertRegex(errors, r"^stopped[^\n]*\n$")
        self.assertEqual(self.files(), {})


class Against(Bench):
    """Tests `--against`, which compares two programs that take turns. The script tests/against_rates.py
    measures how often its verdicts are wrong, and takes hours."""

    MODEL = ["--width", 16, "--batch", 8, "--threads", 1]

    def stand_in_for_twice(self, name, script=""):
        """Writes a program that runs `script` and then PROGRAM."""
        program = self.folder / name
        program.write_text(f'#!/bin/sh\n{script}\nexec "{PROGRAM}" "$@"\n')
        program.chmod(0o755)
        return f"./{name}"

    def against(self, other, *arguments, status=0):
        """Compares with `other` and returns the record. `status` None accepts any exit status."""
        self.status, self.output, errors = self.run_twice("bench", "--against", other, "--json", "record.json",
                                                          *self.MODEL, *arguments)
        self.assertEqual((self.status if status is not None else None, errors), (status, ""))
        return self.json("record.json")

    def test_a_step_that_takes_four_times_as_long(self):
        """On a busy machine the first verdict may be "inconclusive", but it must never be wrong."""
        for seconds in [2, 4, 8, 16]:
            record = self.against("--handicap 3", "--seconds", seconds, "--method", "sgd,exact")
            self.assertIn(record["overall"]["verdict"], ["faster", "inconclusive"])
            if record["overall"]["verdict"] == "faster":
                break
        self.assertEqual(record["overall"]["verdict"], "faster")
        self.assertEqual([row["method"] for row in record["rows"]], ["sgd", "exact"])
        for row in record["rows"]:
            self.assertEqual(row["model"], "mlp-16x4-b8-relu-f32")
            low, high = row["interval"]
            self.assertTrue(low < row["ratio"] < high)
            self.assertTrue(0.1 < row["ratio"] < 0.6, row)
            self.assertEqual(len(row["repetitions_ms"]), row["repetitions"])
            self.assertTrue(all(len(four) == 4 and min(four) > 0 for four in row["repetitions_ms"]))
        self.assertEqual(set(self.files()), {"record.json"})

    def test_fields_are_documented(self):
        text = (pathlib.Path(__file__).parents[2] / "docs/records.md").read_text()
        part = text.split("\n### bench --against\n")[1].split("\n## ")[0]
        record = self.against("--method sgd", "--seconds", 0.5, "--method", "exact")
        (row,) = record["rows"]
        self.assertEqual(row["method"], "exact / sgd")
        self.assertIsNone(record["overall"])
        documented = set(re.findall("`([a-z_]+)`", part))
        self.assertEqual((set(row) | set(record)) - documented, {"command", "version", "origin", "machine"} - documented)

    def test_fails_if_slower(self):
        slower = ["--method sgd", "--method", "exact-naive", "--fail-if-slower"]
        for seconds in [2, 4, 8, 16]:  # on a busy machine the first verdict may be "inconclusive", status 0
            record = self.against(*slower, "3%", "--seconds", seconds, status=None)
            if record["rows"][0]["verdict"] == "slower":
                break
        self.assertEqual((self.status, record["rows"][0]["verdict"]), (3, "slower"))
        self.against(*slower, "900%", "--seconds", seconds)

    def test_a_program_that_cannot_take_turns_in_blocks(self):
        """An older program has no option `--serve`, so whole commands take turns."""
        old = self.stand_in_for_twice("old", 'for word; do [ "$word" != --serve ] || { '
                                      'echo "The following argument was not expected: --serve" >&2; exit 2; }; done')
        record = self.against(old, "--seconds", 1, "--method", "sgd")
        self.assertIn("whole commands", self.output)
        self.assertGreater(record["rows"][0]["ms"], 0)
        self.assertEqual(set(self.files()), {"old", "record.json"})

    def test_a_revision_is_built_once(self):
        """Uses stand-ins for git, tar and cmake. The stand-in build is a link to PROGRAM."""
        tools, top = self.folder / "tools", self.folder / "top"
        tools.mkdir()
        (top / "autodiff").mkdir(parents=True)
        (top / "autodiff/autodiff.h").touch()
        scripts = {
            "git": 'case "$*" in *show-toplevel*) echo "$TOP";; *verify*nope*) exit 1;; '
                   "*verify*) echo 0123456789abcdef0123;; *archive*) touch \"$5\";; esac",
            "tar": "true",
            "cmake": 'case "$1" in --build) mkdir -p "$2/bin"; echo built >>"$TOP/builds"; '
                     '[ -z "$BROKEN" ] || { echo "error: broken"; exit 1; }; '
                     f'ln -sf "{PROGRAM}" "$2/bin/twice";; esac'}
        for name, script in scripts.items():
            (tools / name).write_text(f"#!/bin/sh\n{script}\n")
            (tools / name).chmod(0o755)
        changes = {"PATH": f"{tools}:{os.environ['PATH']}", "TOP": str(top)}
        arguments = ["bench", "--against", "HEAD~1", "--seconds", 0.2, "--method", "sgd", *self.MODEL]
        status, _, errors = self.run_twice(*arguments, environment={**changes, "BROKEN": "1"})
        self.assertEqual(status, 1)
        self.assertIn("error: broken", errors)
        for _ in range(2):
            status, output, errors = self.run_twice(*arguments, environment=changes)
            self.assertEqual(status, 0, errors)
            self.assertIn("HEAD~1 (0123456789ab)", output)
        self.assertEqual((top / "builds").read_text().split(), ["built"] * 2)
        self.refuse(2, ["'nope'", "revision"], "bench", "--against", "nope", *self.MODEL, environment=changes)

    def test_mistakes(self):
        for fragments, arguments in [
                (["--against", "no-such", "revision"], ["--against", "no-such"]),
                (["--against", "not a program"], ["--against", "."]),
                (["--seconds", "whole comparison"], ["--against", "--seconds 3"]),
                (["--widht"], ["--against", "--widht 3"]),
                (["1 methods", "2"], ["--against", "--method sgd,exact", "--method", "sgd"]),
                (["--fail-if-slower", "3%"], ["--against", PROGRAM, "--fail-if-slower", "3"]),
                (["--same-within", "'x'"], ["--against", PROGRAM, "--same-within", "x"]),
                (["--fail-if-slower", "--against"], ["--fail-if-slower", "3%"]),
                (["--against", "--peer"], ["--against", PROGRAM, "--peer", "pytorch"])]:
            with self.subTest(arguments):
                self.refuse(2, fragments, "bench", *arguments)
        self.refuse(2, ["'HEAD'", "no git"], "bench", "--against", "HEAD", environment={"PATH": "/none"})
        self.refuse(1, ["is it twice?"], "bench", "--against", "/bin/true", *self.MODEL)
        self.assertEqual(self.files(), {})

    def test_ctrl_c_ends_all_processes(self):
        process = self.start("bench", "--against", PROGRAM, "--seconds", 60, *self.MODEL)
        time.sleep(1.5)
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(signal.SIGINT)
        process.communicate()
        self.assertEqual(process.returncode, 130)
        self.assertTrue(children)
        for child in children:
            self.assertFalse(os.path.exists(f"/proc/{child}"))


@needs_pytorch
class PyTorch(Bench):
    def race(self, *arguments):
        return self.bench("--peer", "pytorch", "--threads", 1, "--seconds", 0.05, *arguments)

    def test_rows(self):
        record, rows = self.race("--width", 24, "--depth", 3, "--batch", 16)
        peer = record["peer"]
        self.assertRegex(peer["name"], r"^pytorch \d+\.\d+")
        self.assertTrue(peer["same_blas"], peer)
        self.assertEqual((peer["threads"], peer["malloc"]), (1, "keep"))
        always, with_peer = documented_fields()
        for method, row in rows.items():
            self.assertEqual(set(row), always | with_peer, method)
            self.assertAlmostEqual(row["ratio"],
                                   paired_ratio(row["peer_rounds_ms"], row["rounds_ms"]), places=9)
            self.assertEqual(row["peer"], peer["name"])
            self.assertTrue(0 < row["peer_ms_min"] <= row["peer_ms"])
            self.assertTrue(0 < row["peer_error"] < 3e-3)
            self.assertGreater(row["peer_mib"], 0)
        self.assertIn(rows["exact"]["peer_variant"], ["hvp", "joint", "penalty"])
        self.assertEqual(rows["sgd"]["peer_variant"], "plain")
        means = {mean["method"]: mean for mean in record["means"]}
        for method, row in rows.items():
            self.assertAlmostEqual(means[method]["ratio"], row["ratio"], places=6)

    def test_every_variant_agrees(self):
        """Compares methods, activations, layouts and the order of flattening in float64, up to rounding."""
        everything = ["--no-memory", "--no-prediction", "--dtype", "f64", "--method", "sgd,f-gr,b-gr,c-gr,exact,exact-naive"]
        for model in [["--width", 9, "--batch", 5, "--depth", 4, "--activation", "gelu_tanh"],
                      ["--model", "resnet", "--channels", 3, "--batch", 4, "--depth", 14],
                      ["--model", "resnet", "--channels", 8, "--batch", 3, "--activation", "tanh"],
                      ["--model", "cnn", "--channels", 2, "--batch", 3, "--activation", "softplus"]]:
            _, rows = self.race(*everything, *model)
            for row in rows.values():
                self.assertLess(row["peer_error"], 1e-12, row["method"])
        self.assertRegex(rows["exact"]["peer_variant"], "^(hvp|joint|penalty), channels (first|last)$")

    def changed(self, file, old, new):
        """A Python that runs the peer with `old` replaced by `new` in `file`."""
        (self.folder / "change.py").write_text(
            f"import pathlib, sys\np = pathlib.Path(sys.argv[1]).parent / {file!r}\n"
            f"t = p.read_text()\nassert {old!r} in t\np.write_text(t.replace({old!r}, {new!r}))\n")
        return self.stand_in('/usr/bin/python3 change.py "$@" && exec /usr/bin/python3 "$@"')

    def refuse_race(self, fragments, python, *model):
        self.refuse(1, fragments, "bench", "--peer", "pytorch", "--peer-python", python, "--json",
                    "record.json", "--threads", 1, "--seconds", 0.05, *model)
        self.assertEqual(set(self.files()), {"python", "change.py"})

    def test_gradients_that_do_not_agree_are_an_error(self):
        mlp = ["--width", 16, "--batch", 8, "--depth", 2]
        self.refuse_race(["mlp-16x2-b8-relu-f64, exact", "differ by"],
                         self.changed("pytorch_methods.py", "alpha=s.gamma)", "alpha=1.5 * s.gamma)"), *mlp)
        self.refuse_race(["cnn-2-b3-relu-f64, sgd", "channels first", "differ by"],
                         self.changed("pytorch_methods.py", "(2, 0, 1, 3)", "(2, 1, 0, 3)"),
                         "--model", "cnn", "--channels", 2, "--batch", 3)

    def test_the_blas_is_that_of_pytorch(self):
        """NumPy's copy of OpenBLAS must not be reported if PyTorch uses MKL, built in or from a file."""
        numpy = "/venv/numpy.libs/libscipy_openblas64_-abc.so"
        for files, blas in [([numpy], "MKL within PyTorch"), ([numpy, "/venv/lib/libmkl_core.so.2"],
                                                              "/venv/lib/libmkl_core.so.2")]:
            (self.folder / "maps").write_text("".join(f"7f00-7f01 r-xp 0 fe:00 12  {file}\n" for file in files))
            python = self.changed("pytorch_peer.py", "torch.backends.mkl.is_available()", "True")
            with open(self.folder / "change.py", "a") as change:
                change.write('t = p.read_text()\np.write_text(t.replace("/proc/self/maps", "maps"))\n')
            self.succeed("bench", "--peer", "pytorch", "--peer-python", python, "--json", "record.json", "--no-memory",
                         "--no-prediction", *TINY)
            peer = self.json("record.json")["peer"]
            self.assertEqual((peer["blas"], peer["same_blas"]), (blas, False))

    def test_a_peer_that_dies_is_an_error(self):
        for new, fragments in [("raise MemoryError('no more of it')", ["MemoryError: no more of it"]),
                               ("os.kill(os.getpid(), 9)", ["signal 9"])]:
            python = self.changed("pytorch_peer.py", 'clock, times = time.perf_counter, []', new)
            self.refuse_race(["mlp-16x4-b8-relu-f32: pytorch", *fragments], python, *TINY[:4])

    def test_ctrl_c_ends_the_peer(self):
        process = self.start("bench", "--peer", "pytorch", "--seconds", 60, *TINY[:4])
        deadline = time.monotonic() + 60
        while not (peers := self.children(process.pid)) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        process.communicate()
        self.assertEqual(process.returncode, 130)
        self.assertTrue(peers)
        for peer in peers:
            self.assertFalse(os.path.exists(f"/proc/{peer}"))
        self.assertEqual(self.files(), {})

    def children(self, pid):
        return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


if __name__ == "__main__":
    main()
