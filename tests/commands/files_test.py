"""Tests the program with hostile files, beside other processes, and without a terminal.

Covers links and pipes in places where the program reads or writes, two processes in one folder,
standard streams that are closed or full, and harmful files: gzip bombs, names with control characters
and JSON of unexpected shapes.
"""

import gzip
import json
import os
import pathlib
import signal
import stat
import struct
import subprocess
import time

from program import LOCK, PROGRAM, SANITIZED, CommandTest, main, read_safetensors

TINY = ["--width", 4, "--epochs", 1, "--batch", 256, "--method", "sgd", "--threads", 1]
SMALL_PROFILE = ["--width", 4, "--batch", 256, "--method", "sgd", "--methods", "sgd", "--seconds", 0.05,
                 "--threads", 1, "--no-memory", "--no-scaling"]
# Each command ends within a second. A command that hangs fails its test after this many seconds.
LIMIT = 60


class Files(CommandTest):
    def end(self, process):
        """Waits for the process to end and returns its error output. Kills the process if it hangs."""
        try:
            return process.communicate(timeout=LIMIT)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.fail(f"it hangs: {process.args}")

    def refuse_soon(self, status, fragments, *arguments, **options):
        """Like `refuse`, but kills a program that hangs and fails the test."""
        process = self.start(*arguments, **options)
        errors = self.end(process)
        self.assertEqual(process.returncode, status, (arguments, errors))
        self.assertEqual((errors.count("\n"), errors[-1:]), (1, "\n"), (arguments, errors))
        for fragment in fragments:
            self.assertIn(fragment, errors, arguments)
        return errors

    def train(self, out, *options):
        self.succeed("train", "--out", out, *TINY, *options)


class Planted(Files):
    """Tests links and pipes in places where the program will write a file."""

    NAMES = ["checkpoint.safetensors.tmp", "train.json.tmp", "report.html.tmp", "compare.json.tmp",
             ".twice-trial", ".twice-trial.tmp", ".profile-files", "sweep.lock"]

    def plant(self, folder, make):
        (self.folder / folder).mkdir()
        for name in self.NAMES:
            make(self.folder / folder / name)

    def test_links_and_pipes_at_names_that_could_be_guessed(self):
        victim = self.folder / "victim"
        victim.write_text("precious")
        kinds = {"links": lambda path: path.symlink_to(victim), "pipes": os.mkfifo}
        for kind, make in kinds.items():
            self.plant(kind, make)
            before = {name: os.lstat(self.folder / kind / name) for name in self.NAMES}
            for words in [["train", *TINY], ["compare", *TINY], ["profile", *SMALL_PROFILE]]:
                with self.subTest(kind, command=words[0]):
                    process = self.start(*words, "--out", kind)
                    errors = self.end(process)
                    self.assertEqual((process.returncode, errors), (0, ""))
            for name, planted in before.items():
                self.assertEqual(os.lstat(self.folder / kind / name).st_ino, planted.st_ino, name)
            written = {p.name for p in (self.folder / kind).iterdir()} - set(self.NAMES)
            self.assertEqual([name for name in written if name.startswith(".")], [LOCK])
        self.assertEqual(victim.read_text(), "precious")

    def test_links_and_pipes_at_the_lock(self):
        (self.folder / "victim").write_text("precious")
        for make in [lambda path: path.symlink_to("../victim"), os.mkfifo,
                     lambda path: path.hardlink_to(self.folder / "victim")]:
            lock = self.folder / "run" / LOCK
            lock.parent.mkdir(exist_ok=True)
            make(lock)
            process = self.start("train", "--out", "run", *TINY)
            errors = self.end(process)
            self.assertEqual(process.returncode, 1)
            self.assertEqual(errors, f"twice train: [lock] run/{LOCK} is a link, a pipe or a device; "
                                     "expected a file\n")
            lock.unlink()
        self.assertEqual((self.folder / "victim").read_text(), "precious")

    def test_links_at_the_files_themselves(self):
        """In an output folder a link is replaced and a pipe is refused. A link or pipe that the user names
        with --json is followed and written to."""
        victim = self.folder / "victim"
        victim.write_text("precious")
        (self.folder / "run").mkdir()
        for name in ["checkpoint.safetensors", "train.json", "report.html"]:
            (self.folder / "run" / name).symlink_to(victim)
        (self.folder / "asked").write_text("")
        (self.folder / "link.json").symlink_to("asked")
        self.train("run", "--fresh", "--json", "link.json")
        self.assertEqual(victim.read_text(), "precious")
        self.assertFalse(any(path.is_symlink() for path in (self.folder / "run").iterdir()))
        self.assertTrue((self.folder / "link.json").is_symlink())
        self.assertEqual(self.json("asked"), self.json("run/train.json"))
        (self.folder / "run/train.json").unlink()
        os.mkfifo(self.folder / "run/train.json")
        self.refuse_soon(1, ["run/train.json", "it is a pipe; expected a file"], "train", "--out", "run",
                         "--fresh", *TINY)
        (self.folder / "run/train.json").unlink()
        (self.folder / "run/train.json").mkdir()
        self.refuse_soon(1, ["run/train.json", "Is a directory"], "train", "--out", "run", "--fresh", *TINY)

    def test_permissions_are_those_of_any_new_file(self):
        process = self.start("train", "--out", "run", *TINY, preexec_fn=lambda: os.umask(0o027))
        process.communicate()
        for path in (self.folder / "run").iterdir():
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o640, path.name)

    def test_files_of_killed_runs_do_not_pile_up(self):
        """Files of this machine go at once. A file of another machine may be in use, so it stays for a day."""
        (self.folder / "run").mkdir()
        here = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().replace("-", "")[:12]
        for host, random, age in [(here, "0123456789abcdef", 0), (here, "fedcba9876543210", -3600),
                                  ("0" * 12, "0123456789abcdef", 25 * 3600), ("0" * 12, "f" * 16, 3600)]:
            for name in ["checkpoint.safetensors", "train.json", "twice-trial"]:
                path = self.folder / f"run/.{name}.{host}{random}.tmp"
                path.write_text("half")
                os.utime(path, (time.time() - age,) * 2)
        self.train("run")
        self.assertEqual({path.name for path in (self.folder / "run").iterdir()},
                         {"checkpoint.safetensors", "train.json", "runs.csv", "curves.csv", "report.html", LOCK,
                          *(f".{name}.{'0' * 12}{'f' * 16}.tmp"
                            for name in ["checkpoint.safetensors", "train.json", "twice-trial"])})


class Special(Files):
    """Tests pipes and devices in place of files that are read or written."""

    def test_reading(self):
        self.train("run")
        (self.folder / "pipes").mkdir()
        os.mkfifo(self.folder / "pipe.json")
        for folder, name in [("data/mnist", "train-images-idx3-ubyte"),
                             ("data/fashion-mnist", "train-images-idx3-ubyte.gz")]:
            (self.folder / folder).mkdir(parents=True)
            os.mkfifo(self.folder / folder / name)
        (self.folder / "run/checkpoint.safetensors").unlink()
        os.mkfifo(self.folder / "run/checkpoint.safetensors")
        data = {"environment": {"TWICE_DATA": str(self.folder / "data")}}
        for fragment, *words in [
                ("run/checkpoint.safetensors: it is a pipe", "train", "--out", "run", "--resume"),
                ("pipe.json: it is a pipe", "export", "--checkpoint", "pipe.json"),
                ("/dev/zero: it is a device", "export", "--checkpoint", "/dev/zero"),
                ("pipe.json: it is a pipe", "study", "--document", "pipe.json"),
                ("pipe.json: it is a pipe", "profile", "--compare", "pipe.json", "pipe.json"),
                ("ubyte: it is a pipe", "data", "verify", "mnist"),
                ("ubyte: it is a pipe", "train", "--data", "mnist"),
                ("ubyte.gz: it is a pipe", "train", "--data", "fashion-mnist")]:
            with self.subTest(words):
                line = self.refuse_soon(2 if "--compare" in words else 1, [fragment, "expected a file"],
                                        *words, **data)
                self.assertIn("cannot read", line)
        (self.folder / "zero.json").symlink_to("/dev/zero")
        os.mkfifo(self.folder / "run/record.json")
        self.assertEqual(self.run_twice("report", "run")[0], 0)

    def test_a_pipe_without_a_reader_ends_with_the_first_signal(self):
        os.mkfifo(self.folder / "pipe")
        for number in [signal.SIGINT, signal.SIGTERM]:
            process = self.start("train", "--out", "run", "--fresh", *TINY, "--json", "pipe")
            end = time.monotonic() + LIMIT / 4
            while not (self.folder / "run/report.html").exists() and time.monotonic() < end:
                time.sleep(0.01)
            time.sleep(0.3)
            process.send_signal(number)
            self.end(process)
            self.assertIn(process.returncode, [130, -number])
            (self.folder / "run/report.html").unlink(missing_ok=True)

    def test_a_config_that_never_comes_ends_with_the_first_signal(self):
        os.mkfifo(self.folder / "pipe.toml")
        process = self.start("train", "--config", "pipe.toml")
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        self.end(process)
        self.assertEqual(process.returncode, -signal.SIGTERM)

    def test_pipes_that_the_user_names_work(self):
        """Pipes like those of a shell's <(...) and >(...), and /dev/stdout."""
        read, write = os.pipe()
        os.write(write, b"width = 4\nepochs = 1\nbatch = 256\nmethod = \"sgd\"\n")
        os.close(write)
        self.succeed("train", "--out", "run", "--config", f"/dev/fd/{read}", pass_fds=[read])
        os.close(read)
        self.assertEqual(self.json("run/train.json")["config"]["width"], 4)
        output = self.succeed("explain", "--width", 4, "--json", "/dev/stdout")
        self.assertEqual(json.loads(output[output.index("{\n"):])["command"], "explain")


class Sharing(Files):
    LONG = ["--width", 64, "--epochs", 100000, "--threads", 1]

    def wait_for(self, process, name):
        while not (self.folder / name).exists():
            self.assertIsNone(process.poll())
            time.sleep(0.01)

    def test_a_folder_is_written_by_one_process(self):
        process = self.start("train", "--out", "run", *self.LONG)
        try:
            self.wait_for(process, "run/train.json")
            process.send_signal(signal.SIGSTOP)  # keeps the files unchanged
            time.sleep(0.1)
            before = self.files()
            for command in [["train", "--fresh"], ["train", "--resume"], ["compare"], ["profile"],
                            ["study", "flooding"]]:
                self.refuse_soon(2, ["run is in use by process", str(process.pid), "--out"],
                                 *command, "--out", "run", *([] if "study" in command else
                                                             ["--width", 64]))
                self.assertEqual(self.files(), before, command)
            # Another folder is free.
            self.train("other")
        finally:
            process.kill()
            process.communicate()
        # A killed process leaves no lock.
        self.train("run", "--fresh")

    def test_two_at_the_same_moment(self):
        """One process gets the folder. The other reports the lock, or the finished run that it finds."""
        for _ in range(3 if SANITIZED else 8):
            both = [self.start("train", "--out", "both", *TINY) for _ in range(2)]
            ends = [(self.end(process), process.returncode) for process in both]
            self.assertEqual(sorted(status for _, status in ends), [0, 2], ends)
            self.assertRegex(max(ends, key=lambda end: end[1])[0],
                             r"^twice train: both (holds a run|is in use by)[^\n]*\n$")
            for path in (self.folder / "both").iterdir():
                path.unlink()


class Standard(Files):
    """Tests standard input, output and error that are closed, full or without a reader."""

    def closed(self, *numbers):
        def close():
            for number in numbers:
                os.close(number)
        return {"preexec_fn": close}

    def test_closed(self):
        for numbers in [(1,), (2,), (1, 2), (0, 1, 2)]:
            process = subprocess.Popen([PROGRAM, *map(str, ["train", "--out", "run", "--fresh", *TINY])],
                                       cwd=self.folder, env=self.environment(), **self.closed(*numbers),
                                       **({} if 1 in numbers else {"stdout": subprocess.DEVNULL}))
            self.assertEqual(process.wait(timeout=LIMIT), 0, numbers)
            # A file may get the descriptor of a closed stdout or stderr. No message may go into it.
            read_safetensors(self.folder / "run/checkpoint.safetensors")
            self.assertEqual(self.json("run/train.json")["command"], "train")
            self.assertTrue((self.folder / "run/report.html").read_text().startswith("<!DOCTYPE html>"))
            process = subprocess.Popen([PROGRAM, "train", "--resume", "--out", "none"], cwd=self.folder,
                                       env=self.environment(), **self.closed(*numbers),
                                       **({} if 2 in numbers else {"stderr": subprocess.DEVNULL}))
            self.assertEqual(process.wait(timeout=LIMIT), 1, numbers)

    def test_full_or_without_a_reader(self):
        def no_reader():
            read, write = os.pipe()
            os.close(read)
            return os.fdopen(write, "w")
        for make, reason in [(lambda: open("/dev/full", "w"), "No space left on device"),
                             (no_reader, "Broken pipe")]:
            for words in [["train", "--out", "run", "--fresh", *TINY], ["train", "--help"], ["help"],
                          ["sweep", "--out", "runs", "--data", "synthetic", "--width", 4, "--epochs", 1],
                          ["explain", "--width", 4], ["data"]]:
                with self.subTest(reason, words=words), make() as output:
                    found = subprocess.run([PROGRAM, *map(str, words)], cwd=self.folder, stdout=output,
                                           stderr=subprocess.PIPE, text=True, timeout=LIMIT,
                                           env=self.environment())
                    self.assertEqual(found.returncode, 1)
                    self.assertRegex(found.stderr, rf"^twice[^\n]* cannot write the output: {reason}\n$")
        # The run's files are complete, because the run prints its output after it writes them.
        self.assertEqual(self.json("run/train.json")["command"], "train")
        with open("/dev/full", "w") as full:
            for words, status in [(["nope"], 2), (["train", "--nope"], 2), (["report", "nope"], 1)]:
                found = subprocess.run([PROGRAM, *words], cwd=self.folder, stdout=full, stderr=full,
                                       timeout=LIMIT, env=self.environment())
                self.assertEqual(found.returncode, status)


class Hostile(Files):
    def write_checkpoint(self, path, notes, names=lambda name: name):
        """Writes a copy of `run/checkpoint.safetensors` with other notes and without a checksum."""
        tensors, old = read_safetensors(self.folder / "run/checkpoint.safetensors")
        old.pop("sha256")
        header, body = {"__metadata__": {**old, **notes}}, b""
        for name, (dtype, shape, data) in tensors.items():
            header[names(name)] = {"dtype": dtype, "shape": shape,
                                   "data_offsets": [len(body), len(body) + len(data)]}
            body += data
        text = json.dumps(header).encode()
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(struct.pack("<Q", len(text)) + text + body)

    def test_a_gzip_bomb_takes_no_memory(self):
        data = self.folder / "data/fashion-mnist"
        data.mkdir(parents=True)
        size = 1 << 30
        with gzip.open(data / "train-images-idx3-ubyte.gz", "wb", compresslevel=9) as file:
            for _ in range(size >> 24):
                file.write(bytes(1 << 24))
        for words in [["data", "verify", "fashion-mnist"], ["train", "--data", "fashion-mnist"]]:
            process = self.start(*words, environment={"TWICE_DATA": str(data.parent)})
            errors = process.stderr.read()
            process.stdout.close()
            process.stderr.close()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual((process.returncode, errors.count("\n")), (1, 1), errors)
            self.assertIn("more than 47040016 bytes", errors)
            if not SANITIZED:
                self.assertLess(usage.ru_maxrss * 1024, 400 << 20)

    def assert_harmless(self, errors):
        self.assertEqual((errors.count("\n"), errors[-1:]), (1, "\n"), errors)
        self.assertNotRegex(errors[:-1], "[\0-\x1f\x7f-\x9f]")

    def test_names_do_nothing_to_the_terminal(self):
        bad, shown = "\x1b[2J\nµ\x9b31m", "\\x1b[2J\\nµ\\x9b31m"
        self.train("run")
        path = self.folder / "bad/checkpoint.safetensors"
        for notes, names in [({}, lambda name: name + bad), ({"curve": f'"{bad}"'}, str),
                             ({"config": json.dumps({bad: 1})}, str), ({"format": bad}, str)]:
            self.write_checkpoint(path, notes, names)
            for words in [["train", "--resume", "--out", "bad"],
                          ["export", "--width", 4, "--checkpoint", path]]:
                _, _, errors = self.run_twice(*words)
                if errors:
                    self.assert_harmless(errors)
        # A tensor whose shape has two elements more than its data.
        self.write_checkpoint(path, {}, lambda name: name + bad)
        content = path.read_bytes()
        path.write_bytes(content.replace(b'"shape": [4, 4]', b'"shape": [4, 6]'))
        errors = self.run_twice("export", "--checkpoint", path)[2]
        self.assert_harmless(errors)
        self.assertIn(shown, errors)
        # Hostile file names, as arguments and in a folder.
        folder = self.folder / f"runs{bad}"
        folder.mkdir()
        (folder / "one.json").write_text("[1")
        for words in [["report", folder], ["train", "--out", "run", "--resume", bad],
                      ["train", "--config", bad], ["export", "--checkpoint", bad], [bad],
                      ["train", "--method", bad]]:
            errors = self.run_twice(*words)[2]
            self.assert_harmless(errors)
            self.assertIn("\\x1b[2J", errors)
        # Hostile text in the cells of a table.
        self.succeed("profile", "--out", "profile", *SMALL_PROFILE)
        text = (self.folder / "profile/report.json").read_text()
        (self.folder / "bad.json").write_text(text.replace("sgd", "sgd\\u001b[31m\\n"))
        status, output, errors = self.run_twice("profile", "--compare", "bad.json", "bad.json")
        self.assertNotIn("\x1b", output + errors)

    def test_stored_options_are_those_of_the_command_line(self):
        self.train("run")
        path = self.folder / "bad/checkpoint.safetensors"
        config = json.loads(read_safetensors(self.folder / "run/checkpoint.safetensors")[1]["config"])
        for name, value in [("depth", 100000), ("dtype", "f16"), ("epochs", -1), ("lr", 0), ("nope", 1),
                            ("batch", "many")]:
            with self.subTest(name):
                self.write_checkpoint(path, {"config": json.dumps({**config, name: value})})
                self.refuse_soon(1, ["bad/checkpoint.safetensors", "stored options", name], "train",
                                 "--resume", "--out", "bad")
        # A checkpoint that lacks a newer option gets the option's default.
        for name in ["clip", "flood-level"]:
            self.write_checkpoint(path, {"config": json.dumps({k: v for k, v in config.items() if k != name})})
            self.succeed("train", "--resume", "--out", "bad")

    def test_json_of_odd_shapes(self):
        self.train("run")
        path = self.folder / "bad/checkpoint.safetensors"
        deep = "[" * 20000 + "]" * 20000
        for note in ["curve", "config", "epoch", "step"]:
            for text in ["[]", "{}", "[[]]", "[{}]", "[null]", "null", "3", "-1", '"x"', deep,
                         '{"a":' * 20000 + "1" + "}" * 20000]:
                self.write_checkpoint(path, {note: text})
                with self.subTest(note=note, text=text[:20]):
                    line = self.refuse_soon(1, ["bad/checkpoint.safetensors"], "train", "--resume", "--out",
                                            "bad")
                    self.assertLess(len(line), 300)
        curve = json.loads(read_safetensors(self.folder / "run/checkpoint.safetensors")[1]["curve"])
        for notes in [{"curve": json.dumps(2 * curve)}, {"step": "6"}, {"step": "4"}, {"step": "1000"},
                      {"step": "9223372036854775807"}]:
            self.write_checkpoint(path, notes)
            self.refuse_soon(1, ["bad/checkpoint.safetensors", "a run of 5 steps"], "train",
                             "--resume", "--out", "bad")
        # The report shows the good record of the folder and names the odd one.
        for text in [deep, '{"command": "train", "rows": ' + deep + "}",
                     '{"command": "compare", "rows": [{"curve": ' + deep + "}]}"]:
            (self.folder / "run/odd.json").write_text(text)
            self.refuse_soon(0, ["run/odd.json", "not valid JSON"], "report", "run")

    def test_a_record_that_names_files_elsewhere(self):
        (self.folder / "record").mkdir()
        for study, plot in [("../up", "plot"), ("study", "../up")]:
            (self.folder / "record/study.json").write_text(json.dumps(
                {"command": "study", "study": study, "plots": [
                    {"name": plot, "title": "A plot", "x_title": "x", "y_title": "y",
                     "curves": [{"name": "c", "x": [1, 2], "y": [1, 2]}]}]}))
            before = self.files()
            self.refuse_soon(1, ["up", "expected a name without a folder"], "study", "--document",
                             "record/study.json")
            self.assertEqual(self.files(), before)


if __name__ == "__main__":
    main()
