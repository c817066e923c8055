"""Tests `twice sweep` and `twice study` under mpirun: several ranks give the records of one process.

All ranks run on this machine, with or without a folder that they share. Without mpirun, or if the program was
built without MPI, the tests are skipped.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import unittest

from program import PROGRAM, CommandTest, main
from sweep_test import Sweep, alive

TINY = ["--data", "synthetic", "--width", 8, "--epochs", 2]
GRID = [*TINY, "--method", "f-gr,exact", "--seeds", 2]
LONG = [*TINY[:-1], 40, "--method", "f-gr,sgd", "--gamma", "0.01,0.1", "--checkpoint-every", 100]
# Every rank but 0 changes to a folder of its own, as on a node with its own disk.
OWN_FOLDERS = ["sh", "-c", 'mkdir -p node$OMPI_COMM_WORLD_RANK; [ $OMPI_COMM_WORLD_RANK = 0 ] ||'
                           ' cd node$OMPI_COMM_WORLD_RANK; exec "$@"', "sh"]
MISSING = ("mpirun is missing; .ci/install mpi gets it" if not shutil.which("mpirun") else
           "the program was built without MPI; .ci/install mpi and a new configuration of the build add it"
           if not pathlib.Path(PROGRAM).with_name("twice-mpi.so").exists() else "")


def below(process):
    """The ids of all processes that a process has started, directly or not."""
    found = []
    for children in pathlib.Path(f"/proc/{process}/task").glob("*/children"):
        try:
            for child in map(int, children.read_text().split()):
                found += [child, *below(child)]
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


@unittest.skipIf(MISSING, MISSING)
class Ranks(Sweep):
    def start_ranks(self, count, *arguments, before=(), options=(), **changes):
        """Starts `twice ARGUMENTS` on several ranks. mpirun is set to start processes on this machine only, as
        root too and more than there are cores."""
        settings = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_plm": "isolated",
                    "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_btl_vader_single_copy_mechanism": "none"}
        return subprocess.Popen(
            ["mpirun", "-n", str(count), *options, *before, PROGRAM, *map(str, arguments)], cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=self.environment(**settings, **changes))

    def run_ranks(self, *arguments, **options):
        process = self.start_ranks(*arguments, **options)
        try:
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
        return process.returncode, output, errors

    def succeed_on(self, *arguments, **options):
        status, output, errors = self.run_ranks(*arguments, **options)
        self.assertEqual((status, errors), (0, ""), output)
        return output

    def rank(self, process, number):
        """The process of a rank of mpirun."""
        for child in below(process.pid):
            try:
                entries = pathlib.Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
                words = pathlib.Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if f"OMPI_COMM_WORLD_RANK={number}".encode() in entries and words[1:2] in ([b"sweep"], [b"study"]):
                return child
        self.fail(f"there is no rank {number}")

    def wait_for(self, condition):
        end = time.monotonic() + 30
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)


def narrow(rank):
    """Starts this rank with TWICE_CPU, which stands for a node with a narrower CPU."""
    return ["sh", "-c", f'[ $OMPI_COMM_WORLD_RANK != {rank} ] || export TWICE_CPU=portable; exec "$@"', "sh"]


class Sweeps(Ranks):
    def test_same_records_at_any_number_of_ranks(self):
        self.succeed("sweep", *GRID, "--jobs", 2, "--out", "alone")
        self.assertNotIn("ranks", self.record("alone")["layout"])
        for count in [1, 2, 4]:
            name = f"ranks{count}"
            output = self.succeed_on(count, "sweep", *GRID, "--out", name)
            self.assert_same_result(name, "alone")
            self.assertEqual(output.count("-seed1  "), 2)
            if count > 1:
                self.assertIn(f"({count} ranks on 1 node)", output)
                layout = self.record(name)["layout"]
                self.assertEqual([set(rank) for rank in layout["ranks"]], [{"host", "jobs", "threads"}] * count)
                self.assertEqual(layout["jobs"], count)

    def test_all_ranks_use_the_same_kernels(self):
        _, _, errors = self.run_twice("train", "--cpu", "mmx")
        if "portable" not in errors:
            self.skipTest("this build has kernels for one CPU only")
        self.succeed("sweep", *GRID, "--jobs", 1, "--cpu", "portable", "--out", "portable")
        output = self.succeed_on(2, "sweep", *GRID, "--out", "mixed", before=narrow(1))
        self.assert_same_result("mixed", "portable")
        self.assertEqual(self.record("mixed")["machine"]["kernels"], "portable")
        self.assertTrue("all with the kernels portable" in output or "portable, avx2" not in errors, output)
        if "avx512" not in errors:
            status, _, lines = self.run_ranks(2, "sweep", *GRID, "--cpu", "avx512", "--out", "other", before=narrow(1))
            self.assertEqual(status, 1)
            self.assertRegex(lines, r"\[mpi\] rank [01] on .* (cannot run the kernels that|, which the ranks before)")
        if "avx2" not in errors:
            return
        script = '[ $OMPI_COMM_WORLD_RANK = 0 ] && export TWICE_CPU=avx2 || export TWICE_CPU=portable; exec "$@"'
        status, _, errors = self.run_ranks(2, "sweep", *GRID, "--out", "other",
                                           before=["sh", "-c", script, "sh"])
        self.assertEqual(status, 1)
        self.assertRegex(errors, r"\[mpi\] rank 1 on .* runs the kernels portable, which the ranks before it do not")

    def test_without_a_shared_folder(self):
        """The weights are larger than a piece of a message. Nothing stays in the folders of the ranks."""
        grid = ["--data", "synthetic", "--width", 320, "--depth", 4, "--batch", 512, "--epochs", 1,
                "--seeds", 2]
        self.succeed("sweep", *grid, "--jobs", 1, "--out", "alone")
        self.succeed_on(2, "sweep", *grid, "--out", "apart", before=OWN_FOLDERS)
        self.assert_same_result("apart", "alone")
        self.assertGreater((self.folder / "apart/exact-seed1/checkpoint.safetensors").stat().st_size, 1 << 20)
        self.assertEqual(list(self.folder.glob("node*/*/*")), [])

    def test_killed_ranks(self):
        """mpirun ends all ranks when one is killed, and the same command continues from the checkpoints. With
        --enable-recovery the others take the runs of the killed rank."""
        self.succeed("sweep", *LONG, "--jobs", 2, "--out", "whole")
        for victim, options in [(0, ()), (2, ["--enable-recovery"])]:
            process = self.start_ranks(3, "sweep", *LONG, "--out", "killed", before=OWN_FOLDERS, options=options,
                                       TWICE_MPI_SILENCE="2")
            folders = "node2/killed/.rank*/*" if victim else "killed/*"
            self.wait_for(lambda: list(self.folder.glob(folders + "/checkpoint.safetensors")))
            all_of_them = below(process.pid)
            os.kill(self.rank(process, victim), signal.SIGKILL)
            output, errors = process.communicate(timeout=60)
            self.assertEqual(process.returncode == 0, victim > 0, errors)
            self.wait_for(lambda: not any(map(alive, all_of_them)))
        self.assertRegex(output, "3 runs, [0-2] done")
        self.assertRegex(errors, r"(?m)^rank 2 on .* silent for 2 s .* no more runs, and others get its ")
        self.assert_same_result("killed", "whole")

    def test_stopped_by_ctrl_c(self):
        process = self.start_ranks(3, "sweep", *LONG[:5], 5000, *LONG[6:], "--out", "runs")
        self.wait_for(lambda: list(self.folder.glob("runs/*/checkpoint.safetensors")))
        all_of_them = below(process.pid)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("stopped with 0 of 3 runs done; the same command continues", errors)
        self.wait_for(lambda: not any(map(alive, all_of_them)))
        self.assertEqual(set(self.states("runs").values()), {"pending"})


class Studies(Ranks):
    def test_same_record(self):
        small = ["implicit", "--quick", "--seeds", 3, "--samples", 32, "--flow-steps", 64]
        self.succeed("study", *small, "--out", "alone")
        self.succeed_on(3, "study", *small, "--out", "ranks")
        alone, ranks = (self.json(f"{folder}/implicit.json") for folder in ["alone", "ranks"])
        for record in alone, ranks:
            del record["seconds"], record["origin"]
        self.assertEqual(alone, ranks)

    def test_all_ranks_use_the_same_kernels(self):
        """Errors of finite differences show the last bits. Only rank 0 has narrow kernels."""
        small = ["gradient-error", "--quick", "--seeds", 2, "--width", 16, "--batch", 32, "--epochs", 1]
        self.succeed("study", *small, "--out", "wide")
        if self.json("wide/gradient-error.json")["machine"]["kernels"] not in ["avx2", "avx512"]:
            self.skipTest("this build has kernels for one CPU only")
        self.succeed("study", *small, "--cpu", "portable", "--out", "portable")
        self.succeed_on(3, "study", *small, "--out", "mixed", before=narrow(0))
        wide, portable, mixed = (self.json(f"{folder}/gradient-error.json")["plots"]
                                 for folder in ["wide", "portable", "mixed"])
        self.assertEqual(mixed, portable)
        self.assertNotEqual(wide, portable)


class Mistakes(Ranks):
    def test_one_line_from_rank_0(self):
        different = ["sh", "-c", 'exec "$@" --seed $((OMPI_COMM_WORLD_RANK + 1))', "sh"]
        for status, fragment, arguments, before in [
                (2, "3 processes of this command were started", ["train", *TINY], ()),
                (2, "no option --nope", ["sweep", "--nope", 1], ()),
                (2, "--batch 5000", ["sweep", *TINY, "--batch", 5000], ()),
                (1, "was started with other options", ["sweep", *TINY], different)]:
            with self.subTest(arguments):
                actual, _, errors = self.run_ranks(3, *arguments, before=before)
                lines = [line for line in errors.splitlines() if line.startswith("twice ")]
                self.assertEqual((actual, len(lines)), (status, 1), errors)
                self.assertIn(fragment, lines[0])
        self.assertEqual(self.files(), {})


if __name__ == "__main__":
    main()
