"""Tests `twice sweep`: grids, names, bad input, shards, two sweeps at once, and sweeps that are killed, stopped or fail.

An interrupted sweep that is started again must end with the same bits as an uninterrupted one. The
interruptions come at random moments. A failure prints the seed that reproduces them (SEED=...).
"""

import csv
import math
import os
import pathlib
import random
import re
import shutil
import signal
import statistics
import subprocess
import time

from program import SANITIZED, CommandTest, main, read_safetensors

SEED = int(os.environ.get("SEED", random.randrange(10**6)))

TINY = ["--data", "synthetic", "--width", 8, "--epochs", 2, "--jobs", 2]
GRID = [*TINY, "--method", "f-gr,exact", "--gamma", "0.01,0.1", "--epsilon", "0.05,0.1"]
NAMES = [f"{setting}-seed{seed}"
         for setting in [f"f-gr-gamma{gamma}-epsilon{epsilon}" for gamma in ["0.01", "0.1"]
                         for epsilon in ["0.05", "0.1"]] + ["exact-gamma0.01", "exact-gamma0.1"]
         for seed in [1, 2]]
RESULTS = ["train_loss", "loss", "test_accuracy", "gradient_norm"]


def documented_fields():
    """The fields of the record, its runs, its rows and its comparisons, from the tables in docs/records.md."""
    text = (pathlib.Path(__file__).parents[2] / "docs/records.md").read_text()
    part = text.split("\n## sweep\n")[1].split("\n## ")[0]
    tables = part.split("\nEach of `")
    assert len(tables) == 4

    def names(table):
        cells = re.findall(r"(?m)^\| (`[^|]*) \|", table)
        return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}

    return [names(table) for table in tables]


def children(process):
    """The ids of a process's children that are still running."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == process and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def alive(process):
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Sweep(CommandTest):
    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)

    def listed(self, *arguments):
        """The names of the runs that a dry run lists."""
        lines = self.succeed("sweep", "--dry-run", *arguments).splitlines()
        self.assertEqual(lines[-1].split()[0], str(len(lines) - 3))
        return [line.split()[0] for line in lines[1:-2]]

    def record(self, folder):
        return self.json(f"{folder}/sweep.json")

    def states(self, folder):
        return {run["name"]: run["state"] for run in self.record(folder)["runs"]}

    def assert_same_result(self, folder, reference):
        """Checks that both sweeps have the same runs, with the same bits in all arrays and numbers except times."""
        found, expected = self.record(folder), self.record(reference)

        def timeless(value):
            if isinstance(value, dict):
                return {k: timeless(v) for k, v in value.items()
                        if k not in ["seconds", "seconds_std", "machine", "origin", "layout"]}
            return [timeless(v) for v in value] if isinstance(value, list) else value

        self.assertEqual(timeless(found), timeless(expected), f"SEED={SEED}")
        for run in expected["runs"]:
            name = run["name"]
            files = [sorted(p.name for p in (self.folder / f / name).glob("[!.]*"))
                     for f in [folder, reference]]
            self.assertEqual(*files, f"SEED={SEED}")
            a, b = (read_safetensors(self.folder / f / name / "checkpoint.safetensors")
                    for f in [folder, reference])
            self.assertEqual(a[0].keys(), b[0].keys())
            different = [key for key in a[0] if a[0][key] != b[0][key]]
            self.assertEqual((name, different, a[1]["step"]), (name, [], b[1]["step"]), f"SEED={SEED}")
            a, b = (self.json(f"{f}/{name}/train.json") for f in [folder, reference])
            self.assertEqual(timeless(a["rows"][0]["curve"]), timeless(b["rows"][0]["curve"]))


class Grids(Sweep):
    def test_names_and_options_that_do_not_multiply(self):
        self.assertEqual(self.listed(*GRID, "--seeds", 2), NAMES)
        self.assertEqual(self.listed("--method", "sgd,flooding", "--gamma", "0,1", "--epsilon", "1,2"),
                         ["sgd-seed1", "flooding-seed1"])
        self.assertEqual(self.listed("--method", "exact", "--epsilon", "0.1,0.2"), ["exact-seed1"])
        self.assertEqual(self.listed("--method", "asam", "--rho", ".1,1", "--asam-eta", "0,0.01"),
                         [f"asam-rho{rho}-asam-eta{eta}-seed1" for rho in ["0.1", "1"]
                          for eta in ["0", "0.01"]])
        # Equal values make one run, however they are written. Switches and words may vary too.
        self.assertEqual(self.listed("--method", "exact", "--lr", "0.1,0.10,1e-1", "--seed", "7,3"),
                         ["exact-lr0.1-seed7", "exact-lr0.1-seed3"])
        self.assertEqual(self.listed("--optimizer", "sgd,adam", "--nesterov", "true,false"),
                         ["exact-sgd-nesterov-seed1", "exact-sgd-no-nesterov-seed1",
                          "exact-adam-seed1"])
        self.assertEqual(self.listed("--model", "mlp,cnn", "--width", "4,8", "--channels", "2"),
                         ["exact-mlp-width4-seed1", "exact-mlp-width8-seed1", "exact-cnn-seed1"])
        self.assertEqual(self.listed("--without", "fuse,in-place"), ["exact-seed1"])
        self.assertEqual(self.files(), {})

    def test_ranges_and_random_search(self):
        self.assertEqual(self.listed(*TINY, "--gamma", "1e-4..1e-1:log:4", "--seed", "1..2"),
                         [f"exact-gamma{gamma}-seed{seed}" for gamma in ["0.0001", "0.001", "0.01", "0.1"]
                          for seed in [1, 2]])
        search = [*TINY, "--gamma", "1e-4..1:log", "--lr", "0.01..0.1", "--out", "search"]
        names = self.listed(*search, "--samples", 3)
        self.assertEqual(self.listed(*search, "--samples", 5)[:3], names)
        output = self.succeed("sweep", *search, "--samples", 3, "--minutes", 1e-6)
        self.assertIn("the time limit was reached with 0 of 3 runs done; the same command continues", output)
        output = self.succeed("sweep", *search, "--samples", 3)
        self.assertEqual(self.states("search"), {name: "done" for name in names})
        self.assertIn("Results by option", (self.folder / "search/report.html").read_text())
        self.assertRegex(output.splitlines()[-1], r"^wrote search/.*report.html.*sweep.json")
        self.refuse(2, ["--gamma: '0.1..1' needs a number of values"], "sweep", *TINY, "--gamma", "0.1..1")

    def test_a_file_is_the_same_as_flags(self):
        (self.folder / "grid.toml").write_text(
            'data = "synthetic"\nwidth = 8\nepochs = 2\njobs = 2\nmethod = ["f-gr", "exact"]\n'
            'gamma = [0.01, 0.1]\nepsilon = [0.05, 0.1]\nseeds = 2\nnesterov = [true, false]\n')
        flags = self.listed(*GRID, "--seeds", 2, "--nesterov", "true,false")
        self.assertEqual(self.listed("--config", "grid.toml"), flags)
        # Options on the command line override those of the file.
        self.assertEqual(self.listed("--config", "grid.toml", "--method", "sgd", "--nesterov"),
                         ["sgd-seed1", "sgd-seed2"])
        self.succeed("sweep", "--config", "grid.toml", "--out", "a", "--gamma", 0.1, "--epsilon", 0.1)
        self.succeed("sweep", *TINY, "--out", "b", "--method", "f-gr,exact", "--gamma", 0.1,
                     "--epsilon", 0.1, "--seeds", 2, "--nesterov", "true,false")
        self.assert_same_result("a", "b")

    def test_record_and_table(self):
        output = self.succeed("sweep", *GRID, "--seeds", 2, "--out", "runs", "--json", "copy.json")
        record = self.record("runs")
        self.assertEqual(self.json("copy.json"), record)
        of_record, of_run, of_row, _ = documented_fields()
        self.assertEqual(record["comparisons"], [])  # two seeds are too few
        of_record = of_record - {"shard"} | {"command", "version", "origin", "machine", "config", "rows"}
        self.assertEqual(set(record), of_record)
        self.assertEqual(set().union(*record["runs"]) | {"error", "best_epoch", "selected_loss",
                                                         "selected_test_accuracy"}, of_run)
        self.assertEqual(set().union(*record["rows"]), of_row)
        self.assertEqual(set(self.states("runs").items()), {(name, "done") for name in NAMES})
        self.assertEqual([axis["option"] for axis in record["axes"]],
                         ["method", "gamma", "epsilon", "seed"])

        for row in record["rows"]:
            runs = [run for run in record["runs"] if run["name"].startswith(row["setting"] + "-seed")]
            self.assertEqual((row["n"], row["failed"], row["to_do"]), (2, 0, 0))
            for field in [*RESULTS, "seconds"]:
                values = [run[field] for run in runs]
                self.assertTrue(math.isclose(row[field], statistics.mean(values)))
                self.assertTrue(math.isclose(row[field + "_std"], statistics.stdev(values),
                                             rel_tol=1e-6, abs_tol=1e-12))
        ranks = [(["exact", "f-gr"].index(row["method"]), -row["test_accuracy"], row["loss"])
                 for row in record["rows"]]
        self.assertEqual(ranks, sorted(ranks))
        for run in record["runs"]:
            train = self.json(f"runs/{run['name']}/train.json")
            self.assertEqual({field: train["rows"][0][field] for field in RESULTS},
                             {field: run[field] for field in RESULTS})
            whole = {**record["config"], **run["config"], "threads": train["config"]["threads"]}
            self.assertEqual(train["config"], whole)
        # The output has one line for each run, then one row for each setting.
        for name in NAMES:
            self.assertEqual(output.count(name), 1)
        self.assertEqual(len(re.findall(r"(?m)^(f-gr|exact) ", output)), 6)
        # A run equals the run of `train` with the same options, and `report` accepts the folder.
        self.succeed("train", "--data", "synthetic", "--width", 8, "--epochs", 2, "--method", "f-gr",
                     "--gamma", 0.1, "--epsilon", 0.05, "--seed", 2, "--out", "alone")
        a, b = (read_safetensors(self.folder / f / "checkpoint.safetensors")[0]
                for f in ["alone", "runs/f-gr-gamma0.1-epsilon0.05-seed2"])
        self.assertEqual(a, b)
        self.succeed("report", "runs")

    def test_differences_follow_from_the_record(self):
        output = self.succeed("sweep", "--data", "synthetic", "--width", "8,16", "--epochs", 2, "--jobs", 2,
                              "--method", "sgd,exact", "--gamma", "0.01,0.5", "--seeds", 4,
                              "--validation-share", 0.2, "--out", "runs")
        record = self.record("runs")
        *_, of_comparison = documented_fields()
        t = 3.182446305284263  # the 97.5 % quantile of Student's t with 3 degrees of freedom
        rows = record["comparisons"]
        self.assertEqual([(row["group"], row["metric"]) for row in rows],
                         [(f"width {width}", metric) for width in [8, 16]
                          for metric in ["test_accuracy", "selected_test_accuracy"]])
        for row in rows:
            self.assertEqual(set(row), of_comparison)
            width = int(row["group"].split()[1])

            def chosen(method):
                """The setting with the best mean on the validation examples, computed from the runs."""
                by_setting = {}
                for run in record["runs"]:
                    if run["config"]["method"] == [method] and run["config"]["width"] == width:
                        by_setting.setdefault(run["setting"], []).append(run)
                return max(by_setting.values(), key=lambda runs: statistics.mean(
                    run["metrics"]["validation_accuracy"] for run in runs))

            values = [[run[row["metric"]] for run in chosen(row[who])] for who in ["method", "baseline"]]
            self.assertEqual((row["method"], row["baseline"]), ("exact", "sgd"))
            self.assertEqual([row["values"], row["baseline_values"]], values)
            differences = [a - b for a, b in zip(*values)]
            mean, half = statistics.mean(differences), t * statistics.stdev(differences) / 2
            low, high = mean - half, mean + half
            for found, expected in zip([*row["differences"], row["mean"], *row["interval"]],
                                       [*differences, mean, low, high]):
                self.assertTrue(math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12))
            self.assertEqual(row["verdict"], "better" if low > 0 else "worse" if high < 0 else "inconclusive")
        self.assertEqual(len(re.findall(r"(?m)^exact .* against sgd: test accuracy .* 4 seeds\): ", output)), 4)
        self.assertNotIn("optimistic", output)
        for run in record["runs"]:
            curve = self.json(f"runs/{run['name']}/train.json")["rows"][0]["curve"]
            best = curve[run["best_epoch"] - 1]
            self.assertEqual((run["selected_loss"], run["selected_test_accuracy"]),
                             (best["loss"], best["test_accuracy"]))
        self.assertIn("The first row of a method for each --width is its best setting by validation accuracy\n", output)
        # Each width has a section of its own.
        page = (self.folder / "runs/report.html").read_text()
        for part in ["synthetic: width 8</h2>", "synthetic: width 16</h2>", "chosen by the validation examples"]:
            self.assertIn(part, page)
        # Without validation examples the output calls the choice optimistic.
        output = self.succeed("sweep", *TINY, "--gamma", "0.01,0.5", "--out", "test")
        self.assertIn("settings chosen on the test data give optimistic results; --validation-share", output)

    def test_options_that_no_run_uses_have_no_column(self):
        output = self.succeed("sweep", *TINY, "--method", "sgd", "--gamma", "0.1,0.2", "--out", "runs")
        self.assertRegex(output, r"(?m)^method +n +test accuracy")
        self.assertIn("The first row of a method is its best setting by test accuracy\n", output)

    def test_changed_files(self):
        """Runs on other contents of a file do not join."""
        table = ["x,y", *(f"{i},{i % 5}" for i in range(200))]
        (self.folder / "t.csv").write_text("\n".join(table))
        sweep = ["sweep", "--data", "t.csv", "--target", "y", "--width", 8, "--batch", 4, "--epochs", 2,
                 "--method", "sgd"]
        self.succeed(*sweep, "--seeds", 2, "--out", "runs")
        start = self.folder / "w.safetensors"
        shutil.copy(self.folder / "runs/sgd-seed1/checkpoint.safetensors", start)
        self.succeed(*sweep, "--init", "w.safetensors", "--out", "begun")
        (self.folder / "t.csv").write_text("\n".join(table[:100]))
        before = self.files()
        for more in [["--seeds", 2], ["--seed", 5], ["--seeds", 4, "--dry-run"], ["--seeds", 9, "--shard", "1/2"]]:
            self.refuse(2, ["t.csv is not the file that runs/sgd-seed1 was trained on", "use another --out"],
                        *sweep, *more, "--out", "runs")
            self.assertEqual(self.files(), before)
        (self.folder / "t.csv").write_text("\n".join(table))
        self.assertIn("2 runs, 2 done", self.succeed(*sweep, "--seeds", 2, "--out", "runs"))
        shutil.copy(self.folder / "runs/sgd-seed2/checkpoint.safetensors", start)
        self.refuse(2, ["w.safetensors is not the file that begun/sgd-seed1 was trained on"],
                    *sweep, "--init", "w.safetensors", "--seed", 2, "--out", "begun")
        # A file that changes during the sweep.
        process = self.start(*sweep, "--seeds", 9, "--jobs", 1, "--out", "late")
        while not (self.folder / "late/sgd-seed1/curves.csv").exists():
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        (self.folder / "t.csv").write_text("\n".join(table[:100]))
        self.assertIn("t.csv is not the file that late/sgd-seed", process.communicate()[1])
        states = list(self.states("late").values())
        self.assertEqual((process.returncode, states[0], states[-1]), (1, "done", "failed"))
        (self.folder / "t.csv").write_text("\n".join(table))
        self.succeed(*sweep, "--seeds", 9, "--out", "late")
        self.assertEqual(set(self.states("late").values()), {"done"})

    def test_layouts(self):
        """The result is the same for every use of the cores. The output names the chosen layout."""
        grid = ["--data", "synthetic", "--width", 8, "--epochs", 1, "--seeds", 3]
        for name, options in {"measured": [], "each": ["--jobs", 3], "one": ["--jobs", 1],
                              "single": ["--threads", 1]}.items():
            output = self.succeed("sweep", *grid, *options, "--out", name)
            layout = self.record(name)["layout"]
            self.assertIn(f"{layout['jobs']} at a time, {layout['threads']} thread", output)
            self.assertIn(layout["reason"], output)
            self.assert_same_result(name, "measured")
        self.assertEqual(self.record("each")["layout"]["jobs"], 3)
        self.assertEqual(self.record("single")["layout"]["threads"], 1)
        if os.cpu_count() > 1:
            self.assertIn("ms a step", self.record("measured")["layout"]["reason"])

    def test_more_of_the_same(self):
        self.succeed("sweep", *TINY, "--gamma", "0.01,0.1", "--out", "runs")
        before = self.files()
        # Finished runs are not repeated.
        self.assertIn("2 runs, 2 done", self.succeed("sweep", *TINY, "--gamma", "0.01,0.1", "--out",
                                                      "runs"))
        times = {name: (self.folder / name).stat().st_mtime_ns for name in before
                 if name.endswith(("train.json", ".safetensors"))}
        # Runs with other values, seeds and methods are added. The existing runs stay unchanged.
        self.succeed("sweep", *TINY, "--gamma", 0.5, "--out", "runs", "--method", "exact,sgd",
                     "--seeds", 2)
        self.assertEqual(list(self.states("runs").items()),
                         [(name, "done") for name in
                          ["exact-gamma0.01-seed1", "exact-gamma0.1-seed1", "exact-gamma0.5-seed1",
                           "exact-gamma0.5-seed2", "sgd-seed1", "sgd-seed2"]])
        for name, stamp in times.items():
            self.assertEqual((self.folder / name).stat().st_mtime_ns, stamp, name)
        # Another value of a shared option is refused, and so is a new axis.
        before = self.files()
        for option, value, fragments in [("--lr", 0.3, ["--lr 0.05, not 0.3"]),
                                         ("--lr", "0.05,0.3", ["--lr 0.05, not 0.3"]),
                                         ("--epochs", 3, ["--epochs 2, not 3"]),
                                         ("--width", 9, ["--width 8, not 9"]),
                                         ("--depth", 3, ["--depth null, not 3"]),
                                         ("--nesterov", "true", ["--nesterov false, not true"])]:
            shared = dict(zip(TINY[::2], TINY[1::2])) | {option: value}
            words = [word for pair in shared.items() for word in pair]
            self.refuse(2, ["runs", *fragments], "sweep", "--out", "runs", "--gamma", "0.1,1", *words)
            self.assertEqual(self.files(), before)


class Interruptions(Sweep):
    GRID = [*TINY, "--method", "f-gr,sgd", "--gamma", "0.01,0.1", "--seeds", 2, "--checkpoint-every", 3]

    def sweep(self, out):
        return self.succeed("sweep", *self.GRID, "--out", out)

    def start_for(self, seconds):
        process = self.start("sweep", *self.GRID, "--out", "killed")
        end = time.monotonic() + seconds
        while time.monotonic() < end and process.poll() is None:
            time.sleep(0.002)
        return process

    def whole(self):
        start = time.monotonic()
        self.sweep("whole")
        self.seconds = time.monotonic() - start

    def test_killed_at_any_moment(self):
        self.whole()
        killed = 0
        while killed < (3 if SANITIZED else 10):
            process = self.start_for(self.random.uniform(0, 0.5) * self.seconds)
            workers = children(process.pid)
            process.kill()
            process.communicate()
            if process.returncode == -signal.SIGKILL:
                killed += 1
            else:
                # The sweep ended before the kill, as on a faster machine. Repeat it with an earlier kill.
                self.seconds /= 2
                shutil.rmtree(self.folder / "killed")
            # The workers must end with the sweep, at once up to the delay of the system.
            end = time.monotonic() + 5
            while any(map(alive, workers)) and time.monotonic() < end:
                time.sleep(0.001)
            self.assertFalse(any(map(alive, workers)), f"SEED={SEED}")
            if (self.folder / "killed/sweep.json").exists():
                self.record("killed")  # the record can be read at any time
        self.sweep("killed")
        self.assert_same_result("killed", "whole")

    def test_killed_workers(self):
        """A killed worker counts as a failed run. The others go on, and the next start resumes the run."""
        self.whole()
        process = self.start("sweep", *self.GRID, "--out", "killed")
        victims = []
        while not victims and process.poll() is None:
            victims = children(process.pid)
        os.kill(victims[0], signal.SIGKILL)
        output, errors = process.communicate()
        self.assertEqual(process.returncode, 1)
        self.assertRegex(errors, r"^twice sweep: 1 of 6 runs failed[^\n]*ended by signal 9[^\n]*\n$")
        self.assertEqual(sorted(self.states("killed").values()), ["done"] * 5 + ["failed"])
        self.assertIn("failed: ended by signal 9", output)
        self.sweep("killed")
        self.assert_same_result("killed", "whole")

    def test_stopped_by_ctrl_c(self):
        self.whole()
        stopped = 0
        for attempt in range(8):
            process = self.start_for(self.random.uniform(0.05, 0.6) * self.seconds if attempt else 0)
            # The first stop must come while the sweep runs. On a busy machine the other moments vary.
            while not attempt and not (self.folder / "killed/sweep.json").exists():
                time.sleep(0.002)
            workers = children(process.pid)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate()
            self.assertFalse(any(map(alive, workers)))
            if process.returncode == 130:
                stopped += 1
                self.assertRegex(errors, r"^stopped with \d of 6 runs done; [^\n]* continues\n$")
                self.assertNotIn("failed", self.states("killed").values())
            else:
                # The signal came before the sweep handles signals, or after its end.
                self.assertIn((process.returncode, errors), [(-signal.SIGINT, ""), (0, "")])
        self.assertGreaterEqual(stopped, 1, f"SEED={SEED}")
        self.sweep("killed")
        self.assert_same_result("killed", "whole")

    def test_stopped_while_a_worker_starts(self):
        """The signal comes between fork and exec. A worker that missed it would train all its epochs."""
        process = self.start("sweep", "--data", "synthetic", "--width", 64, "--epochs", 10**6,
                             "--jobs", 2, "--seeds", 2, "--out", "runs")
        started = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not started.read_text():
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        self.addCleanup(process.kill)
        _, errors = process.communicate(timeout=60)
        self.assertEqual((process.returncode, errors.count("\n")), (130, 1), errors)

    def test_killed_between_checkpoint_and_record(self):
        """The last checkpoint exists but its record does not. The moment is short, so the test creates this
        state itself."""
        self.whole()
        self.sweep("killed")
        for run in ["sgd-seed1", "sgd-seed2"]:
            (self.folder / "killed" / run / "train.json").unlink()
            (self.folder / "killed" / run / "report.html").unlink()
        (self.folder / "killed/sgd-seed2/train.json").write_text('{"command": "tr')
        (self.folder / "killed/sweep.json").unlink()
        self.sweep("killed")
        self.assert_same_result("killed", "whole")

    def test_two_at_once(self):
        slow = ["sweep", "--data", "synthetic", "--width", 64, "--epochs", 3000, "--out", "runs",
                "--seeds", 2, "--jobs", 2]
        first = self.start(*slow)
        while not (self.folder / "runs/sweep.json").exists():
            self.assertIsNone(first.poll())
            time.sleep(0.01)
        self.refuse(2, ["runs", "in use", str(first.pid)], *slow)
        self.assertIsNone(first.poll())
        # The workers of a killed sweep end by themselves, and then the next sweep can start.
        first.kill()
        first.communicate()
        second = self.start(*slow)
        time.sleep(0.3)
        self.assertIsNone(second.poll())
        second.send_signal(signal.SIGINT)
        _, errors = second.communicate()
        self.assertEqual((second.returncode, errors.count("\n")), (130, 1))

    def test_a_run_that_fails(self):
        """A run that diverges and a run with a damaged checkpoint do not affect the other runs."""
        grid = ["sweep", *TINY, "--lr", "1e30,0.05", "--method", "sgd", "--out", "runs", "--seeds", 2]
        line = self.refuse(1, ["2 of 4 runs failed", "sgd-lr1e+30-seed1", "step", "NaN or infinite"],
                           *grid)
        record = self.record("runs")
        self.assertEqual([run["state"] for run in record["runs"]], ["failed"] * 2 + ["done"] * 2)
        for run in record["runs"][:2]:
            self.assertRegex(run["error"], r"\[sgd\] step \d+ .*NaN or infinite")
        good, bad = record["rows"]
        self.assertEqual((good["n"], good["failed"], bad["n"], bad["failed"]), (2, 0, 0, 2))
        self.assertIsNone(bad["test_accuracy"])
        self.assertEqual(self.refuse(1, [], *grid), line)
        cut = self.folder / "runs/sgd-lr0.05-seed1/checkpoint.safetensors"
        cut.write_bytes(cut.read_bytes()[:-1])
        (cut.parent / "train.json").unlink()
        self.refuse(1, ["3 of 4 runs failed"], *grid)
        self.assertIn("checkpoint.safetensors", self.record("runs")["runs"][2]["error"])


class Shards(Sweep):
    """Parts of a sweep in processes of their own, side by side or one after the other."""
    grid = ["--data", "synthetic", "--epochs", 2, "--jobs", 2, "--method", "f-gr,exact", "--gamma", "0.01,0.1",
            "--epsilon", "0.05,0.1", "--seeds", 2, "--width", "8,32"]

    def whole(self):
        self.succeed("sweep", *self.grid, "--out", "whole")

    def test_each_run_is_in_one_part(self):
        names = self.listed(*self.grid)
        for parts in [3, len(names) + 2]:
            listed = [self.listed(*self.grid, "--shard", f"{part}/{parts}")
                      for part in range(1, parts + 1)]
            self.assertEqual(sorted(sum(listed, [])), sorted(names))
            # The runs of width 32 cost more. The numbers of such runs in two parts differ by at most 1.
            wide = [sum("width32" in name for name in part) for part in listed]
            self.assertLessEqual(max(wide) - min(wide), 1)
        self.assertEqual(self.files(), {})

    def test_side_by_side_in_one_folder(self):
        self.whole()
        shards = [self.start("sweep", *self.grid, "--out", "shared", "--shard", f"{part}/3")
                  for part in [1, 2, 3]]
        for part, process in enumerate(shards, 1):
            output, errors = process.communicate()
            self.assertEqual((process.returncode, errors), (0, ""))
            self.assertRegex(output, rf"part {part} of 3: (\d+) of \1 runs done; ./twice report shared shows")
        records = [self.json(f"shared/shard-{part}-of-3/sweep.json") for part in [1, 2, 3]]
        self.assertEqual([record["shard"] for record in records],
                         [{"part": part, "of": 3} for part in [1, 2, 3]])
        self.assertEqual({*records[0]} - {*self.record("whole")}, documented_fields()[0] & {"shard"})
        for field in ["config", "axes"]:  # by which `report` joins them
            self.assertEqual([record[field] for record in records], [self.record("whole")[field]] * 3)
        self.assertFalse((self.folder / "shared/sweep.json").exists())
        self.succeed("report", "shared")
        self.assert_same_report("shared", "whole")
        self.assertIn("24 runs, 24 done", self.succeed("sweep", *self.grid, "--out", "shared"))
        self.assert_same_result("shared", "whole")
        self.assertEqual(list((self.folder / "shared").glob("shard-*")), [])

    def assert_same_report(self, folder, reference):
        """Checks that the reports have the same runs with the same results, and the same sections."""
        def rows(name):
            header, *lines = csv.reader((self.folder / name / "runs.csv").read_text().splitlines())
            kept = [i for i, heading in enumerate(header)
                    if heading not in ["seconds", "threads", "file"] and not heading.startswith("ms")]
            return sorted([line[i].removeprefix("a/").removeprefix("b/") for i in kept] for line in lines)

        self.assertEqual(rows(folder), rows(reference))
        sections = [re.findall("<h2[^>]*>(.*?)</h2>", (self.folder / name / "report.html").read_text())
                    for name in [folder, reference]]
        self.assertEqual(*sections)
        self.assertTrue(any("sweep: " in section for section in sections[0]), sections[0])

    def test_folders_of_their_own(self):
        self.whole()
        for part, folder in [(1, "own/a"), (2, "own/b")]:
            self.succeed("sweep", *self.grid, "--out", folder, "--shard", f"{part}/2")
        self.succeed("report", "own")
        self.assert_same_report("own", "whole")
        for folder in ["own/a", "own/b"]:
            shutil.copytree(self.folder / folder, self.folder / "all", dirs_exist_ok=True)
        self.assertIn("24 runs, 24 done", self.succeed("sweep", *self.grid, "--out", "all"))
        self.assert_same_result("all", "whole")

    def test_killed_and_continued(self):
        """Kills a shard at random moments while another one runs. Then the whole sweep does the rest."""
        self.whole()
        shard = ["sweep", *self.grid, "--out", "killed", "--checkpoint-every", 3]
        other = self.start(*shard, "--shard", "2/3")
        killed = 0
        for _ in range(4):
            process = self.start(*shard, "--shard", "1/3")
            time.sleep(self.random.uniform(0.05, 0.5))
            process.kill()
            process.communicate()
            killed += process.returncode == -signal.SIGKILL
        self.assertGreaterEqual(killed, 1, f"SEED={SEED}")
        _, errors = other.communicate()
        self.assertEqual((other.returncode, errors), (0, ""))
        output = self.succeed(*shard, "--shard", "1/3")
        self.assertRegex(output, r"part 1 of 3: (\d+) of \1 runs done")
        names = self.listed(*self.grid, "--shard", "1/3") + self.listed(*self.grid, "--shard", "2/3")
        self.assertIn(f"24 runs, {len(names)} done", self.succeed(*shard))
        self.assert_same_result("killed", "whole")

    def test_who_may_write_to_the_folder(self):
        slow = ["sweep", "--data", "synthetic", "--width", 64, "--epochs", 3000, "--out", "runs",
                "--seeds", 2, "--jobs", 1]
        first = self.start(*slow, "--shard", "1/2")
        self.addCleanup(first.kill)
        while not (self.folder / "runs/shard-1-of-2/sweep.json").exists():
            self.assertIsNone(first.poll())
            time.sleep(0.01)
        self.refuse(2, ["runs is in use", str(first.pid)], *slow)
        self.refuse(2, ["runs/shard-1-of-2 is in use", str(first.pid)], *slow, "--shard", "1/2")
        first.send_signal(signal.SIGINT)
        _, errors = first.communicate()
        self.assertEqual(first.returncode, 130)
        self.assertRegex(errors, r"^stopped with 0 of 1 runs done; the same command continues\n$")
        # A whole sweep keeps shards out, and takes over their records.
        whole = self.start(*slow)
        self.addCleanup(whole.kill)
        while (self.folder / "runs/shard-1-of-2").exists() or not (self.folder / "runs/sweep.json").exists():
            self.assertIsNone(whole.poll())
            time.sleep(0.01)
        self.refuse(2, ["runs is in use", str(whole.pid)], *slow, "--shard", "2/2")
        whole.send_signal(signal.SIGINT)
        whole.communicate()

    def test_other_runs_and_failures(self):
        """Another grid in the folder keeps the runs of shards, and a failure is in the shard's record."""
        grid = ["sweep", *TINY, "--method", "sgd", "--out", "runs", "--lr", "1e30,0.05"]
        self.refuse(1, ["1 of 1 runs failed, sgd-lr1e+30-seed1", "NaN or infinite"], *grid, "--shard", "1/2")
        self.succeed(*grid, "--shard", "2/2")
        self.refuse(2, ["runs", "--batch 64, not 32"], *grid, "--batch", 32, "--shard", "1/2")
        self.succeed("sweep", *TINY, "--method", "sgd", "--out", "runs", "--lr", "0.1")
        self.assertEqual(self.states("runs"), {"sgd-lr1e+30-seed1": "failed", "sgd-lr0.05-seed1": "done",
                                               "sgd-lr0.1-seed1": "done"})

    def test_bad_words(self):
        for word in ["3", "0/2", "3/2", "1/0", "a/b", "1/2/3", "1.5/2", "1/1001", "-1/2"]:
            self.refuse(2, ["--shard: must be PART/PARTS with 1 <= PART <= PARTS <= 1000, as in 3/16", f"'{word}'"],
                        "sweep", *TINY, f"--shard={word}")
        self.refuse(2, ["--shards needs --slurm"], "sweep", *TINY, "--shards", 3)
        self.refuse(2, ["--partition needs --slurm"], "sweep", *TINY, "--partition", "long")
        self.refuse(2, ["--slurm excludes --shard"], "sweep", *TINY, "--slurm", "job.sh", "--shard", "1/2")
        self.refuse(2, ["--slurm excludes --json"], "sweep", *TINY, "--slurm", "job.sh", "--json", "x.json")
        self.refuse(2, ["--shards", "0 to 1000"], "sweep", *TINY, "--slurm", "job.sh", "--shards", 1001)
        self.assertEqual(self.files(), {})


class Slurm(Sweep):
    def test_the_script(self):
        """Writes the script of an array job, and runs two of its tasks as Slurm would."""
        (self.folder / "grid.toml").write_text("gamma = [0.01, 0.1]\nnesterov = [true, false]\n")
        grid = ["sweep", *TINY, "--config", "grid.toml", "--without", "fuse,in-place", "--out", "my runs"]
        output = self.succeed(*grid, "--slurm", "job.sh", "--shards", 2, "--partition", "long", "--threads", 2)
        self.assertRegex(output, r"4 runs in 2 parts of at most 2: \d+ min and \d+ MiB for each part; sbatch job.sh starts")
        script = (self.folder / "job.sh").read_text()
        found = dict(re.findall(r"(?m)^#SBATCH --([a-z-]+)=(.*)$", script))
        self.assertEqual({key: found[key] for key in ["array", "ntasks", "cpus-per-task", "partition", "output"]},
                         {"array": "1-2", "ntasks": "1", "cpus-per-task": "2", "partition": "long",
                          "output": f'"{self.folder}/my runs/slurm-%A_%a.out"'})
        self.assertTrue(11 <= int(found["time"]) < 20 and 257 <= int(found["mem"].rstrip("M")) < 400, found)
        subprocess.run(["bash", "-n", self.folder / "job.sh"], check=True)
        for task in [1, 2]:
            done = subprocess.run(["bash", self.folder / "job.sh"], cwd="/", text=True, capture_output=True,
                                  env=self.environment(SLURM_ARRAY_TASK_ID=str(task)))
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn(f"part {task} of 2: 2 of 2 runs done", done.stdout)
        self.assertIn("4 runs, 4 done", self.succeed(*grid))
        self.succeed(*grid[:-1], "whole")
        self.assert_same_result("my runs", "whole")

    def test_the_number_of_parts(self):
        for seeds, parts in [(3, 3), (20, 16)]:
            self.succeed("sweep", *TINY, "--seeds", seeds, "--slurm", "job.sh")
            script = (self.folder / "job.sh").read_text()
            self.assertIn(f"#SBATCH --array=1-{parts}\n#SBATCH --ntasks=1\n#SBATCH --cpus-per-task=1\n", script)
            self.assertNotIn("partition", script)
        self.refuse(2, ["--batch 5000"], "sweep", "--batch", 5000, "--slurm", "other.sh")
        self.assertFalse((self.folder / "other.sh").exists())


class LivePages(Sweep):
    def wait_for(self, process, page, part):
        while not page.exists() or part not in page.read_text():
            self.assertIsNone(process.poll())
            time.sleep(0.05)

    def test_while_it_runs_when_it_is_stopped_and_when_it_is_killed(self):
        slow = ["--data", "synthetic", "--width", 256, "--epochs", 10**6]
        for command, more in [("train", []), ("sweep", ["--seeds", 2, "--jobs", 2])]:
            page = self.folder / command / "report.html"
            process = self.start(command, *slow, *more, "--out", command)
            self.addCleanup(process.kill)
            self.wait_for(process, page, "data-reload=")
            if command == "train":
                process.kill()
                process.communicate()
                self.assertIn("Under way: last written 2", page.read_text())
                process = self.start(command, "--resume", "--out", command)
                self.addCleanup(process.kill)
                self.wait_for(process, page, "data-reload=")
                # A page that cannot be written does not end a run.
                page.unlink()
                page.mkdir()
                time.sleep(4)
                self.assertIsNone(process.poll())
                page.rmdir()
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate()
                self.assertEqual(process.returncode, 130)
                self.assertRegex(errors, r"^\[write\][^\n]*report.html[^\n]*goes on[^\n]*\nstopped after[^\n]*\n$")
            else:
                self.assertIn("2 unfinished", page.read_text())
                process.send_signal(signal.SIGINT)
                process.communicate()
                self.assertIn("Stopped before its end: last written 2", page.read_text())
                self.assertNotIn("data-reload=", page.read_text())


class BadInput(Sweep):
    def test_mistakes(self):
        for fragments, arguments in [
                (["--nope"], "--nope 1"), (["--epsilon", "> 0", "'-1'"], "--epsilon 0.1,-1"),
                (["--epsilon", "'0'"], "--method sgd --epsilon 0"), (["'x'"], "--lr 0.1,x"),
                (["--method", "'nope'"], "--method exact,nope"), (["--gamma"], "--gamma"),
                (["--seed", "--seeds"], "--seeds 3 --seed 1"), (["--seeds", "0"], "--seeds 0"),
                (["--jobs"], "--jobs -1"), (["--batch 5000", "1437"], "--batch 64,5000"),
                (["cnn", "no width"], "--model cnn --width 8"), (["--model", "dln"], "--model mlp,dln"),
                (["--nesterov", "--momentum"], "--nesterov --momentum 0"),
                (["--without", "nope"], "--without nope"), (["--nesterov"], "--nesterov maybe"),
                (["at most 100000"], "--seeds 1000 --lr " + ",".join(str(i + 1) for i in range(101))),
                (["activation"], "--activation relu:2,tanh"), (["depth", "9"], "--model resnet --depth 9")]:
            for dry in [[], ["--dry-run"]]:
                with self.subTest(arguments):
                    self.refuse(2, fragments, "sweep", *arguments.split(), *dry)
                    self.assertEqual(self.files(), {}, arguments)

    def test_seeds_of_splits(self):
        """Data without a split of their own are split for validation alone."""
        for more, runs in [([], 1), (["--validation-share", 0.1], 2), (["--validation-share", "0.1,0.2"], 4)]:
            output = self.succeed("sweep", *TINY, "--split-seed", "1,2", *more, "--dry-run")
            self.assertIn(f"\n{runs} run", output)

    def test_files_and_places(self):
        for text, fragments in [("nope = 3\n", ["grid.toml", "'nope'"]), ("lr = [0.1, -1]\n", ["--lr"]),
                                ("nesterov = [true, 3, 'x']\n", ["--nesterov"])]:
            (self.folder / "grid.toml").write_text(text)
            self.refuse(2, fragments, "sweep", "--config", "grid.toml")
            self.assertEqual(set(self.files()), {"grid.toml"})
        (self.folder / "grid.toml").unlink()
        (self.folder / "file").write_text("in the way")
        self.refuse(1, ["cannot write to file"], "sweep", "--out", "file")
        self.refuse(1, ["cannot write to file"], "sweep", "--json", "file/x.json")
        self.assertEqual(set(self.files()), {"file"})
        # Folders that do not hold a sweep.
        self.succeed("train", "--data", "synthetic", "--width", 8, "--epochs", 1, "--out", "train")
        self.succeed("train", "--data", "synthetic", "--width", 8, "--epochs", 2, "--lr", 0.3,
                     "--out", "other/exact-seed1")
        (self.folder / "damaged").mkdir()
        (self.folder / "damaged/sweep.json").write_text('{"command": "swe')
        before = self.files()
        self.refuse(2, ["train holds a run"], "sweep", *TINY, "--out", "train")
        self.refuse(1, ["damaged/sweep.json"], "sweep", *TINY, "--out", "damaged")
        self.assertEqual(self.files(), before)
        self.refuse(2, ["other/exact-seed1", "--lr 0.3, not 0.05"], "sweep", *TINY, "--out", "other")


if __name__ == "__main__":
    main()
