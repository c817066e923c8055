"""Tests `twice train`: runs that are killed, stopped, resumed or damaged.

An interrupted and resumed run must end with the same bits as an uninterrupted one. The interruptions come
at random moments. A failure prints the seed that reproduces them (SEED=...).
"""

import os
import random
import shutil
import signal
import time

from program import SANITIZED, CommandTest, main, numbers, read_safetensors

SEED = int(os.environ.get("SEED", random.randrange(10**6)))

MLP = ["--width", 16, "--epochs", 8, "--method", "f-gr", "--clip", 1, "--seed", 3]
RUNS = {
    "sgd": [*MLP, "--nesterov", "--weight-decay", 1e-4, "--warmup", 10],
    "adam": [*MLP, "--optimizer", "adamw", "--lr", 1e-3, "--schedule", "step"],
    "resnet": ["--model", "resnet", "--channels", 2, "--depth", 8, "--epochs", 2],
}


class Train(CommandTest):
    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)

    def checkpoint(self, run):
        return self.folder / run / "checkpoint.safetensors"

    def state(self, run):
        """The data that the next step depends on, as bytes: parameters, buffers, the optimiser's memory
        and the number of the step."""
        tensors, notes = read_safetensors(self.checkpoint(run))
        return {**tensors, "step": notes["step"]}

    def assert_same_bits(self, run, reference):
        """Compares which names differ: unittest would print megabytes for two unequal byte
        strings."""
        found, expected = self.state(run), self.state(reference)
        self.assertEqual(found.keys(), expected.keys())
        different = [name for name in expected if found[name] != expected[name]]
        self.assertEqual(different, [], f"SEED={SEED}")

    def start_until_checkpoints(self, *arguments):
        """Starts a run. Waits until it has written a few checkpoints and a random time has passed, or until
        it ends."""
        def stamp():
            try:
                return self.checkpoint("killed").stat().st_mtime_ns
            except FileNotFoundError:
                return None

        process = self.start(*arguments)
        left, last = self.random.randrange(1, 6), stamp()
        while left > 0 and process.poll() is None:
            time.sleep(0.0005)
            if stamp() != last:
                left, last = left - 1, stamp()
        time.sleep(self.random.uniform(0, 0.004))
        return process

    def interrupt(self, options, signal_number, status, times):
        """Trains in the folder `killed`, interrupts the run `times` times, and resumes it to its end."""
        interrupted = 0
        for _ in range(times):
            go_on = ["--resume"] if self.checkpoint("killed").exists() else options
            process = self.start_until_checkpoints(
                "train", "--out", "killed", *go_on,
                "--checkpoint-every", self.random.randrange(1, 4))
            process.send_signal(signal_number)
            _, errors = process.communicate()
            interrupted += process.returncode == status
            self.assertIn(process.returncode, [status, 0], (errors, f"SEED={SEED}"))
            if process.returncode == 130:
                self.assertRegex(errors, r"^stopped after step \d+ of \d+; .*--resume[^\n]*\n$")
        self.assertGreaterEqual(interrupted, 2, f"too few interruptions to tell: SEED={SEED}")
        # --checkpoint-every may differ on --resume, because it does not affect the result.
        self.succeed("train", "--out", "killed", "--resume")

    def test_killed_at_any_moment(self):
        for name, options in RUNS.items():
            with self.subTest(name):
                self.succeed("train", "--out", "whole", "--fresh", *options)
                for path in (self.folder / "killed").glob("*"):
                    path.unlink()
                self.interrupt(options, signal.SIGKILL, -signal.SIGKILL, 3 if SANITIZED else 6)
                self.assert_same_bits("killed", "whole")
                self.assert_no_litter()

    def assert_no_litter(self):
        self.assertEqual(*({path.name for path in (self.folder / run).iterdir()}
                           for run in ["killed", "whole"]))

    def test_killed_before_anything_is_ready(self):
        """Kills the program while it starts, while it writes its first checkpoints, and while it ends."""
        self.succeed("train", "--out", "whole", *RUNS["sgd"])
        for delay in [0, 0.01, 0.02, 0.05, 0.1, 0.2]:
            go_on = ["--resume"] if self.checkpoint("killed").exists() else RUNS["sgd"]
            process = self.start("train", "--out", "killed", "--checkpoint-every", 1, *go_on)
            time.sleep(delay * self.random.uniform(0.5, 1.5))
            process.kill()
            process.communicate()
        go_on = ["--resume"] if self.checkpoint("killed").exists() else RUNS["sgd"]
        self.succeed("train", "--out", "killed", *go_on)
        self.assert_same_bits("killed", "whole")

    def test_stopped_by_ctrl_c(self):
        self.succeed("train", "--out", "whole", *RUNS["resnet"])
        self.interrupt(RUNS["resnet"], signal.SIGINT, 130, 3)
        self.assert_same_bits("killed", "whole")
        # The record is also that of an uninterrupted run, except for the times.
        record, expected = self.json("killed/train.json"), self.json("whole/train.json")
        for epoch in record["rows"][0]["curve"] + expected["rows"][0]["curve"]:
            del epoch["seconds"]
        self.assertEqual(record["rows"][0]["curve"], expected["rows"][0]["curve"])

    def test_same_bits_at_any_thread_count(self):
        """The sizes include products of one tile and of several tiles."""
        for options in [["--width", 200, "--batch", 1024], ["--width", 520, "--batch", 512],
                        ["--model", "cnn", "--batch", 512]]:
            for threads in [1, 2, 3]:
                self.succeed("train", "--out", f"threads-{threads}", "--fresh", "--epochs", 1,
                             "--threads", threads, *options)
            self.assert_same_bits("threads-2", "threads-1")
            self.assert_same_bits("threads-3", "threads-1")

    def test_conflicts_and_existing_runs(self):
        self.succeed("train", "--out", "run", "--width", 8, "--epochs", 1)
        before = self.files()
        resume = ["train", "--out", "run", "--resume"]
        self.refuse(2, ["--lr is 0.3", "0.05"], *resume, "--lr", 0.3)
        self.refuse(2, ["--width is 9", "8"], *resume, "--width", 9)
        self.refuse(2, ["--channels is 2", "none"], *resume, "--channels", 2)
        self.refuse(2, ["--resume", "--fresh"], *resume, "--fresh")
        self.refuse(2, ["run holds a run", "--resume", "--fresh"], "train", "--out", "run")
        self.refuse(1, ["nothing to resume", "else/checkpoint.safetensors"], "train", "--out", "else",
                    "--resume")
        self.assertEqual(self.files(), before)
        # An equal value is no conflict, and a finished run stays unchanged.
        state = self.state("run")
        self.succeed(*resume, "--width", 8, "--threads", 1)
        self.assertEqual(self.state("run"), state)

    def test_a_fresh_run_removes_the_files_of_the_old_one(self):
        self.succeed("train", "--out", "run", "--width", 8, "--epochs", 1)
        process = self.start("train", "--out", "run", "--fresh", "--width", 256, "--batch", 1, "--epochs", 1,
                             "--checkpoint-every", 1)
        while (self.folder / "run/train.json").exists() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.communicate()
        self.assertEqual(process.returncode, 130)
        self.assertEqual(set(self.files()), {"run/checkpoint.safetensors"})

    def test_a_run_is_made_longer(self):
        options = ["--width", 8, "--batch", 256, "--schedule", "constant"]
        self.succeed("train", "--out", "run", "--epochs", 1, *options)
        before = self.files()
        self.refuse(2, ["--epochs 0", "has 1"], "train", "--out", "run", "--resume", "--epochs", 0)
        self.assertEqual(self.files(), before)
        output = self.succeed("train", "--out", "run", "--resume", "--epochs", 3)
        self.assertNotIn("from here on", output)
        self.succeed("train", "--out", "whole", "--epochs", 3, *options)
        self.assert_same_bits("run", "whole")
        self.assertEqual(self.json("run/train.json")["config"]["epochs"], 3)
        self.refuse(2, ["--epochs 2", "has 3"], "train", "--out", "run", "--resume", "--epochs", 2)
        # A schedule that depends on the length of the run now follows the new length.
        self.succeed("train", "--out", "cosine", "--width", 8, "--epochs", 1, "--schedule", "cosine")
        self.assertIn("schedule cosine: from here on, the learning rate is that of a run of 2 epochs",
                      self.succeed("train", "--out", "cosine", "--resume", "--epochs", 2))

    def test_seeds_of_their_own(self):
        """Weights that hardly move depend on --init-seed alone. Trained weights depend on both seeds."""
        tiny = ["--width", 4, "--epochs", 1, "--batch", 256]
        def weights(*seeds, lr=1e-30):
            shutil.rmtree(self.folder / "run", ignore_errors=True)
            self.succeed("train", "--out", "run", *tiny, "--lr", lr, *seeds)
            tensors = read_safetensors(self.checkpoint("run"))[0]
            return {name: entry for name, entry in tensors.items() if name.endswith(".weight")}
        self.assertEqual(weights("--seed", 3), weights("--seed", 4, "--init-seed", 3))
        self.assertNotEqual(weights("--seed", 3), weights("--seed", 3, "--init-seed", 4))
        both = weights("--seed", 3, lr=0.1)
        self.assertEqual(both, weights("--seed", 9, "--init-seed", 3, "--data-seed", 3, lr=0.1))
        self.assertNotEqual(both, weights("--seed", 3, "--data-seed", 4, lr=0.1))
        config = self.json("run/train.json")["config"]
        self.assertEqual((config["seed"], config["data-seed"], "init-seed" in config), (3, 4, False))

    def test_a_learning_rate_that_fits_the_optimiser(self):
        for optimizer, lr in [("sgd", 0.05), ("adam", 0.001), ("adamw", 0.001)]:
            self.succeed("train", "--fresh", "--out", "run", "--width", 4, "--epochs", 1, "--batch", 256,
                         "--optimizer", optimizer)
            self.assertEqual(self.json("run/train.json")["config"]["lr"], lr)

    def test_damaged_checkpoints(self):
        self.succeed("train", "--out", "run", "--width", 8, "--epochs", 1, "--batch", 256)
        whole = self.checkpoint("run").read_bytes()
        flipped = bytearray(whole)
        flipped[self.random.randrange(len(whole))] ^= 1 << self.random.randrange(8)
        damaged = {"empty": b"", "cut": whole[:self.random.randrange(1, len(whole))],
                   "last byte cut": whole[:-1], "longer": whole + b"\0", "one bit": bytes(flipped),
                   "text": b"this is no checkpoint\n", "zeros": bytes(len(whole))}
        for name, data in damaged.items():
            with self.subTest(name, SEED=SEED):
                self.checkpoint("run").write_bytes(data)
                for command in [["train", "--out", "run", "--resume"],
                                ["export", "--width", 8, "--checkpoint", "run/checkpoint.safetensors"]]:
                    self.refuse(1, ["run/checkpoint.safetensors"], *command)
                    self.assertEqual(self.checkpoint("run").read_bytes(), data)
        self.refuse(1, ["missing.safetensors"], "export", "--checkpoint", "missing.safetensors")
        # --fresh replaces the damaged run.
        self.succeed("train", "--out", "run", "--width", 8, "--epochs", 1, "--batch", 256, "--fresh")
        (self.folder / "other").mkdir()
        self.checkpoint("other").write_bytes(whole)
        self.assert_same_bits("run", "other")

    def test_another_models_checkpoint(self):
        self.succeed("train", "--out", "run", "--width", 8, "--epochs", 1, "--batch", 256)
        self.refuse(1, ["run/checkpoint.safetensors", "linear1.weight", "(64, 8)", "(64, 9)"],
                    "export", "--width", 9, "--checkpoint", "run/checkpoint.safetensors")
        self.refuse(1, ["run/checkpoint.safetensors", "conv1.weight"],
                    "export", "--model", "cnn", "--checkpoint", "run/checkpoint.safetensors")

    def test_options_without_effect(self):
        status, _, errors = self.run_twice(
            "train", "--method", "sgd", "--gamma", 0.1, "--optimizer", "adam", "--coupled-decay", "--test-share", 0.3,
            "--split-seed", 3, "--momentum", 0.5, "--epochs", 1, "--width", 8, "--out", "run")
        self.assertEqual((status, errors.splitlines()), (0, [
            "--coupled-decay has no effect with --optimizer adam", "--gamma has no effect with --method sgd",
            "--momentum has no effect with --optimizer adam", "--split-seed has no effect with --data digits",
            "--test-share has no effect with --data digits"]))
        self.succeed("train", "--method", "f-gr", "--gamma", 0.1, "--split-seed", 3, "--validation-share", 0.1,
                     "--epochs", 1, "--width", 8, "--out", "other")

    def test_a_loss_that_is_not_finite(self):
        for options in [["--lr", 1e6], ["--gamma", 1e30], ["--lr", 1e37, "--method", "sgd"],
                        ["--model", "resnet", "--channels", 2, "--lr", 1e30, "--batch", 128],
                        ["--lr", 1e30, "--batch", 1437]]:
            with self.subTest(options=options):
                options = ["--epochs", 3, "--width", 16, *options]
                if "resnet" in options:
                    del options[2:4]
                failed = self.refuse(1, [], "train", "--out", "run", "--fresh", "--checkpoint-every", 1,
                                     *options)
                self.assertRegex(failed, r" step \d+ .*\w+ of \w+ .*: \w+ produced a NaN or infinite")
                tensors, notes = read_safetensors(self.checkpoint("run"))
                self.assertIn(f" step {int(notes['step']) + 1} ", failed)
                self.assertTrue(all(abs(x) < float("inf") for tensor in tensors.values()
                                    for x in numbers(tensor)))
                # The record and the page say what failed.
                record = self.json("run/train.json")
                self.assertIn(record["error"], failed)
                self.assertIn("produced a NaN or infinite", record["error"])
                page = (self.folder / "run/report.html").read_text()
                self.assertIn("This run failed: ", page)
                self.assertIn("Stopped before its end", page)
                # The last good checkpoint is kept, and resuming from it fails in the same way.
                before = self.state("run")
                self.assertEqual(self.refuse(1, [], "train", "--out", "run", "--resume"), failed)
                self.assertEqual(self.state("run"), before)

    def test_parameters_that_are_not_finite(self):
        """An update that overflows is caught before its state is saved, although the loss was finite."""
        line = self.refuse(1, ["step 1", "not finite"], "train", "--out", "run", "--width", 16,
                           "--epochs", 1, "--batch", 1437, "--lr", 1e39, "--method", "sgd")
        self.assertRegex(line, "linear[0-9].(weight|bias)")
        self.assertEqual(set(self.files()), {"run/train.json", "run/report.html"})


if __name__ == "__main__":
    main()
