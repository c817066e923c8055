"""Tests `twice study` with each study in a small, quick form.

Checks the fields of the record, that the verdict follows from the claims, and the identities that must be
exact. A set-up that departs from a claim's assumptions must not reproduce the claim. The page and the
plots must follow from the record alone.
"""

import json
import math
import pathlib
import re
import signal
import time
import unittest
import xml.dom.minidom

from program import SANITIZED, CommandTest, main

DOCS = pathlib.Path(__file__).parents[2] / "docs"

# Sizes that keep each study to a few seconds.
SMALL = {
    "cost": "--width 32 --channels 2 --max-depth 3 --rounds 2 --seconds 0.01 --threads 1",
    "flooding": "--steps 300 --identity-steps 1500 --crossings 3 --seeds 2 --samples 64",
    "sam": "--identity-steps 5 --seeds 2 --width 16 --epochs 1",
    "implicit": "--seeds 3 --samples 32 --flow-steps 64",
    "gradient-error": "--seeds 2 --width 32 --epochs 1 --batch 64",
    "diagonal-linear-network": "--full-steps 4000 --seeds 2 --single-steps 3000 --single-seeds 2",
    "curvature-term": "--seeds 2 --width 16 --epochs 1 --batch 64",
    "generalization": "--resnet 0 --epochs 1 --width 8 --seeds 2 --train-images 128 --validation-images 64",
}

# An option that violates the assumptions of a claim, and a part of the claim, which must then fail.
MUTATED = {
    "cost": ("--rewrite 0", "full-size products of exact minus 6L - 4"),
    "flooding": ("--momentum 0.5", "up, then down"),
    "sam": ("--gamma-ratio 1.001", "SAM is F-GR"),
    "implicit": ("--factor 0.25", "eta: slope"),
    "gradient-error": ("--order 2", "slope of f-gr"),
    "diagonal-linear-network": ("--correction 0.5", "= alpha_GR"),
    "curvature-term": ("--drop 0", "over that of exact without phi''"),
    "generalization": ("--zero-gamma 50", "with gamma = 0"),
}

# Claims that hold at any size: (study, a part of the claim's text, the largest allowed value).
EXACT = [
    *[("cost", text, 0) for text in ["products of sgd", "products of f-gr", "products of b-gr",
                                     "products of exact-naive", "products of exact minus 6L"]],
    ("flooding", "up, then down: two steps", 1e-10),
    ("flooding", "down, then up: the same", 1e-10),
    ("sam", "unnormalised SAM (relative error of G at each step, float64)", 1e-12),
    ("sam", "PGN is F-GR", 1e-5),
    ("curvature-term", "relu: exact H g has no term of phi''", 1e-12),
]


def documented_fields(heading):
    """The fields in the first table under a heading of the section on studies in docs/records.md."""
    part = (DOCS / "records.md").read_text().split("\n## study\n")[1].split("\n## ")[0]
    table = part.split(heading)[1].split("\n\n", 2)[1]
    return {name for cell in re.findall(r"(?m)^\| (`[^|]*) \|", table)
            for name in re.findall(r"`(\w+)`", cell)}


def verdict_of(claims):
    """The verdict on the claims by the rule in docs/records.md, implemented a second time."""
    core = [claim for claim in claims if claim["weight"] == "core"]
    if not core or not all(claim["holds"] for claim in core):
        return "not reproduced"
    return "reproduced" if all(claim["holds"] for claim in claims) else "reproduced within limits"


def holds(claim):
    """True if the whole interval lies in the expected range and contains the value."""
    low, high = (math.nan if end is None else end for end in claim["interval"])
    least, most = claim["expected"]
    return (claim["value"] is not None and low <= claim["value"] <= high
            and (least is None or low >= least) and (most is None or high <= most))


class Study(CommandTest):
    def study(self, name, *more):
        """Runs a study in its small form. Returns its record."""
        arguments = SMALL[name].split() + [word for text in more for word in text.split()]
        self.output = self.succeed("study", name, "--quick", "--out", "out", "--json", "copy.json",
                                   *arguments)
        self.assertEqual(self.json("copy.json"), self.json(f"out/{name}.json"))
        return self.json("copy.json")


class Records(Study):
    def test_every_study_is_tested(self):
        listed = [line.split()[0] for line in self.succeed("study", "--list").split("\n\n")[0].split("\n")[1:]
                  if line and not line.startswith(" ")]
        self.assertEqual(listed, list(SMALL))
        self.assertEqual(list(MUTATED), list(SMALL))

    def test_records(self):
        for name in SMALL:
            with self.subTest(name):
                record = self.study(name)
                self.check_record(record)
                self.assertIn("verdict: " + record["verdict"], self.output)
                self.check_pages(record)
                for study, text, largest in EXACT:
                    if study == name:
                        found = [claim for claim in record["claims"] if text in claim["claim"]]
                        self.assertTrue(found, text)
                        for claim in found:
                            self.assertTrue(claim["holds"], claim)
                            self.assertLessEqual(claim["interval"][1], largest, claim)

    def check_record(self, record):
        self.assertEqual(set(record), documented_fields("At the top level") |
                         {"command", "version", "origin", "machine", "config"})
        self.assertEqual((record["command"], record["form"]), ("study", "quick"))
        self.assertEqual(record["config"]["seed"], 1)
        for claim in record["claims"]:
            self.assertEqual(set(claim), documented_fields("A claim"))
            self.assertEqual(claim["holds"], holds(claim), claim)
        self.assertEqual(record["verdict"], verdict_of(record["claims"]))
        for plot in record["plots"]:
            if "cells" in plot:
                self.assertEqual(set(plot), documented_fields("A plot may be a heat map") |
                                 {"name", "title", "x_title", "y_title"})
                self.assertEqual(len(plot["cells"]), len(plot["x"]) * len(plot["y"]))
                continue
            self.assertEqual(set(plot), documented_fields("A plot"))
            for curve in plot["curves"]:
                self.assertEqual(len(curve["x"]), len(curve["y"]))
        for table in record["tables"]:
            for row in table["rows"]:
                self.assertEqual(len(row), len(table["headings"]))

    def check_pages(self, record):
        name = record["study"]
        files = {path.split("/")[1]: data for path, data in self.files().items()
                 if path.startswith(f"out/{name}") and not path.endswith(".json")}
        plots = [f"{name}-{plot['name']}.svg" for plot in record["plots"]]
        page = files.pop(f"{name}.md").decode()
        self.assertEqual(sorted(files), sorted(plots))
        self.assertTrue(page.startswith(f"# {name}: {record['verdict']}\n"))
        self.assertIn("quick form", page)
        for plot in plots:
            self.assertIn(f"({plot})", page)
            xml.dom.minidom.parseString(files[plot])
            self.assertNotIn(b"http", files[plot].replace(b"http://www.w3.org/2000/svg", b"")
                             .replace(b"http://www.w3.org/1999/xlink", b""))
        # The record alone gives the same files again.
        self.succeed("study", "--document", f"out/{name}.json", "--out", "again")
        again = self.files()
        for file in plots:
            self.assertEqual(again[f"again/{file}"], again[f"out/{file}"], file)
        # Only the folder in the page's command differs. The page has no link to docs/records.md there.
        self.assertIn(b" --out out\n", again[f"out/{name}.md"])
        self.assertEqual(again[f"again/{name}.md"],
                         again[f"out/{name}.md"].replace(b" --out out\n", b" --out again\n"))
        self.assertNotIn(b"../records.md", again[f"out/{name}.md"])

    def test_same_numbers_at_any_thread_count_and_other_ones_for_another_seed(self):
        one, two = (self.study("flooding", f"--threads {n}") for n in (1, 2))
        self.assertEqual(one["claims"], two["claims"])
        self.assertEqual(one["plots"], two["plots"])
        self.assertNotEqual(one["plots"], self.study("flooding", "--seed 7")["plots"])


class Verdicts(Study):
    def test_a_set_up_that_is_not_the_claimed_one_is_not_reproduced(self):
        for name, (change, text) in MUTATED.items():
            with self.subTest(name):
                def found(record):
                    return [claim for claim in record["claims"] if text in claim["claim"]]

                claimed = found(self.study(name))
                self.assertTrue(claimed and all(claim["holds"] for claim in claimed), claimed)
                record = self.study(name, change)
                self.assertEqual(record["verdict"], "not reproduced")
                self.assertTrue(found(record), text)
                self.assertFalse(all(claim["holds"] for claim in found(record)), found(record))
                self.assertIn(change.split()[0], (self.folder / f"out/{name}.md").read_text())

    @unittest.skipIf(SANITIZED, "programs with sanitizers are slow")
    def test_claims_of_theory_hold_at_small_sizes(self):
        self.assertEqual(self.study("implicit")["verdict"], "reproduced")
        self.assertNotEqual(self.study("sam")["verdict"], "not reproduced")


class Command(Study):
    def test_mistakes(self):
        names = list(SMALL)
        for fragments, arguments in [
                (["'nope'", *names], "nope"), (names, ""), (["sam has no --crossings"], "sam --crossings 3"),
                (["--seeds", "from 2", "was 1"], "sam --seeds 1"),
                (["--seeds", "whole", "2.5"], "sam --seeds 2.5"), (["--seeds"], "sam --seeds many"),
                (["--momentum", "0.999"], "flooding --momentum 1"), (["--seeds"], "sam --seeds nan"),
                (["--seed"], "sam --seed -1"), (["extra"], "sam extra"), (["--nope"], "sam --nope")]:
            with self.subTest(arguments):
                self.refuse(2, fragments, "study", *arguments.split())
        self.assertEqual(self.files(), {})

    def test_a_record_of_something_else_is_refused(self):
        (self.folder / "other.json").write_text(json.dumps({"command": "train"}))
        (self.folder / "broken.json").write_text("{")
        for file in ["other.json", "broken.json"]:
            self.refuse(1, [file, "not a record of a study"], "study", "--document", file)
        self.refuse(1, ["missing.json"], "study", "--document", "missing.json")

    def test_stops_cleanly(self):
        process = self.start("study", "flooding", "--out", "out", "--steps", 1000000, "--identity-steps", 100000)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        self.assertTrue(errors.startswith("stopped with ") and errors.count("\n") == 1, errors)
        if errors.startswith("stopped with 0 jobs"):
            self.assertEqual(self.files(), {})

    def test_data_that_is_missing_is_named_with_the_way_to_get_it(self):
        self.refuse(1, ["cifar10", "./twice data fetch cifar10", "--cifar10 0"], "study", "generalization",
                    "--fashion-mnist", 0, "--resnet", 0, "--seeds", 2)
        self.refuse(2, ["--mlp or --resnet"], "study", "generalization", "--mlp", 0, "--resnet", 0)


class Resuming(Study):
    SIZE = "--quick --seeds 6 --samples 64 --flow-steps 64 --threads 2".split()

    def journals(self):
        return list((self.folder / "out").glob(".study-implicit-*/jobs.jsonl"))

    def jobs_done(self):
        return sum(len(path.read_text().splitlines()) - 1 for path in self.journals())

    def test_killed_at_any_moment_it_goes_on_to_the_same_bits(self):
        self.succeed("study", "implicit", "--out", "whole", *self.SIZE)
        whole = self.json("whole/implicit.json")
        self.assertFalse(list((self.folder / "whole").glob(".study-*")))
        for wanted in (1, 3):
            process = self.start("study", "implicit", "--out", "out", *self.SIZE)
            while process.poll() is None and self.jobs_done() < wanted:
                time.sleep(0.002)
            process.kill()
            process.communicate()
            self.assertGreaterEqual(self.jobs_done(), wanted)
        # A run with another seed starts from the beginning and does not touch this journal.
        self.assertNotIn("continuing", self.succeed("study", "implicit", "--out", "out", *self.SIZE, "--seed", 9))
        self.assertEqual(len(self.journals()), 1)
        self.assertIn("continuing after the ", self.succeed("study", "implicit", "--out", "out", *self.SIZE))
        record = self.json("out/implicit.json")
        for each in (whole, record):
            del each["seconds"], each["origin"]
        self.assertEqual(record, whole)
        self.assertEqual(self.journals(), [])

    def test_two_at_once_do_not_share_a_folder(self):
        process = self.start("study", "flooding", "--out", "out", "--steps", 1000000, "--identity-steps", 100000)
        try:
            deadline = time.monotonic() + 30
            while not list(self.folder.glob("out/.study-*")) and time.monotonic() < deadline:
                time.sleep(0.02)
            # A study with other settings is refused too, because it would write the same page.
            for steps in (1000000, 1000):
                self.refuse(2, ["out is in use by process", str(process.pid)], "study", "flooding", "--out",
                            "out", "--steps", steps, "--identity-steps", 100000)
        finally:
            process.kill()
            process.communicate()


if __name__ == "__main__":
    main()
