"""Tests the files of `twice profile`, each read as its target tool reads it, and `twice profile --compare`."""

import csv
import json
import math
import pathlib
import re
import xml.etree.ElementTree as xml

from program import PROGRAM, CommandTest, main

TINY = ["--width", 16, "--depth", 2, "--batch", 8, "--threads", 1, "--seconds", 0.1,
        "--methods", "sgd,exact,f-gr", "--no-memory"]


def documented_fields(heading):
    """The fields named in docs/records.md under a heading of level 3."""
    text = (pathlib.Path(__file__).parents[2] / "docs/records.md").read_text()
    part = text.split(f"\n### {heading}\n")[1].split("\n## ")[0].split("\n### ")[0]
    return set(re.findall(r"`(\w+)`", part))


class Files(CommandTest):
    def setUp(self):
        super().setUp()
        self.succeed("profile", "--out", "out", "--json", "record.json", *TINY)
        self.record = self.json("record.json")
        self.total_ms = sum(step["ms"] for step in self.record["steps"])

    def text(self, name):
        return (self.folder / "out" / name).read_text()

    def test_files_hold_the_same_numbers(self):
        """Writes all files in one run and checks their contents against the record."""
        report = json.loads(self.text("report.json"))
        self.assertEqual(report["twice"], self.record)
        for row in self.record["rows"]:
            times = [entry["real_time"] for entry in report["benchmarks"]
                     if entry["run_name"] == row["name"] and entry["run_type"] == "iteration"]
            self.assertEqual(len(times), row["samples"])
            for time, sample in zip(times, row["samples_ms"]):
                self.assertAlmostEqual(time, 1e3 * sample, delta=1e-9 * time)

        rows = list(csv.DictReader(self.text("ops.csv").splitlines()))
        self.assertEqual([row["Name"] for row in rows], [op["name"] for op in self.record["ops"]])
        self.assertAlmostEqual(sum(float(row["Self CPU ms"]) for row in rows), self.total_ms,
                               delta=1e-9 * self.total_ms)
        self.assertEqual(sum(int(row["# of Calls"]) for row in rows), len(self.record["steps"]))
        for field, column in [("flop", "FLOP"), ("bytes", "Bytes"), ("products", "Products")]:
            self.assertEqual(sum(float(row[column]) for row in rows),
                             sum(step[field] for step in self.record["steps"]), field)

        stacks = [line.rsplit(" ", 1) for line in self.text("stacks.txt").splitlines()]
        # Weights are rounded to whole nanoseconds. A median of two times may lie half-way.
        self.assertLessEqual(abs(sum(int(weight) for _, weight in stacks) - self.total_ms * 1e6), 0.5 + 1e-6)
        self.assertTrue(all(stack.startswith("exact;") and stack.count(";") == 3
                            for stack, _ in stacks))
        self.check_trace(json.loads(self.text("trace.json"))["traceEvents"])
        self.check_pages()
        self.check_scaling(self.record["scaling"])

    def check_trace(self, events):
        slices = [event for event in events if event["ph"] == "X" and "args" in event]
        self.assertEqual([event["args"]["index"] for event in slices],
                         list(range(len(self.record["steps"]))))
        self.assertAlmostEqual(sum(event["dur"] for event in slices), self.total_ms * 1e3,
                               delta=0.002)
        lanes = {event["tid"]: event["args"]["name"] for event in events
                 if event["ph"] == "M" and event["name"] == "thread_name"}
        for event, step in zip(slices, self.record["steps"]):
            self.assertEqual(lanes[event["tid"]], step["phase"])
        begun = {event["id"]: event for event in events if event["ph"] == "s"}
        ended = {event["id"]: event for event in events if event["ph"] == "f"}
        self.assertEqual(set(begun), set(ended))
        # An arrow leads from a forward op to each later step whose op was recorded for its derivative.
        spawned = [step for step in self.record["steps"] if step["forward"]
                   and step["forward"]["step"] is not None
                   and step["forward"]["step"] != step["index"]]
        self.assertGreaterEqual(len(begun), len(spawned))
        self.assertGreater(len(spawned), 3)
        for arrow, end in ended.items():
            self.assertLessEqual(begun[arrow]["ts"], end["ts"])

    def check_pages(self):
        page, svg = self.text("report.html"), self.text("roofline.svg")
        page = re.sub(r"(?s)/\*! @license.*?\]\]>", "]]>", page)  # the chart library
        for content in [page.replace("<!DOCTYPE html>", ""), svg]:
            xml.fromstring(content)
            self.assertNotRegex(content, r"""(?:src|href)\s*=\s*["'][^"'#]""")
            addresses = re.findall(r"""(?<!xmlns=["'])https?://[^\s"'<]+""", content)
            self.assertEqual(addresses, [])
            self.assertNotIn("nan", content)
        for row in self.record["rows"]:
            self.assertIn(row["name"], page)

    def check_scaling(self, scaling):
        self.assertEqual(set(scaling), {"axes", "products", "crossovers", "laws"})
        fields = documented_fields("scaling")
        for part in ["axes", "products", "crossovers", "laws"]:
            for entry in scaling[part]:
                self.assertLessEqual(set(entry), fields)
        for axis in scaling["axes"]:
            for point in axis["points"]:
                self.assertLessEqual(set(point), fields)
                for row in point["methods"]:
                    self.assertLessEqual(set(row), fields)
                    self.assertGreater(row["ms"], 0)
        laws = {row["method"]: (row["slope"], row["intercept"]) for row in scaling["products"]}
        self.assertEqual(laws, {"sgd": (3, -1), "f-gr": (6, -2), "exact": (6, -4)})


class Compare(CommandTest):
    def report(self, name, pace, **changes):
        """Writes a report.json as a program of another project would."""
        entries = [{"name": row, "run_name": row, "run_type": "iteration", "repetition_index": i,
                    "real_time": pace * base * (1 + 0.01 * (i * 7 % 10)), "cpu_time": 1,
                    "time_unit": "us"}
                   for row, base in [("loss", 100), ("gradient", 270)] for i in range(10)]
        content = {"context": {}, "benchmarks": entries, "twice": {"model": "mlp", **changes}}
        (self.folder / name).write_text(json.dumps(content))
        return name

    def test_files_are_inconclusive(self):
        output = self.succeed("profile", "--json", "record.json", "--compare",
                              self.report("a.json", 1), self.report("b.json", 1.3))
        record = self.json("record.json")
        fields = documented_fields("compare of profiles")
        self.assertEqual([row["name"] for row in record["rows"]], ["loss", "gradient"])
        for row in record["rows"]:
            self.assertLessEqual(set(row), fields)
            self.assertEqual(row["verdict"], "inconclusive")
            self.assertTrue(math.isclose(row["ratio"], 1.3, rel_tol=1e-6))
            self.assertIn(row["name"], output)
        self.assertIn("Inconclusive", output)

    def test_programs_take_turns(self):
        """Compares two programs as `bench --against` does, with the options of the model."""
        other = self.folder / "other"
        other.write_text(f'#!/bin/sh\nexec "{PROGRAM}" "$@"\n')
        other.chmod(0o755)
        output = self.succeed("profile", "--compare", PROGRAM, "./other", "--json", "record.json",
                              "--width", 16, "--batch", 8, "--threads", 1, "--seconds", 1, "--method", "exact")
        (row,) = self.json("record.json")["rows"]
        self.assertEqual((row["model"], row["method"]), ("mlp-16x4-b8-relu-f32", "exact"))
        self.assertIn("ours:  ./other\n", output)
        self.refuse(2, ["--data", "programs"], "profile", "--compare", "./other", "./other", "--data", "digits")
        self.refuse(2, ["a.json", "program"], "profile", "--compare", self.report("a.json", 1), "./other")

    def test_refusals(self):
        a = self.report("a.json", 1)
        for other, words in [(self.report("b.json", 1, model="cnn"), "of the model mlp"),
                             ("none.json", "none.json")]:
            self.refuse(2, [words], "profile", "--compare", a, other)
        (self.folder / "cut.json").write_text("{")
        self.refuse(2, ["cut.json"], "profile", "--compare", a, "cut.json")
        (self.folder / "other.json").write_text("{}")
        self.refuse(2, ["other.json has no times"], "profile", "--compare", a, "other.json")
        self.refuse(2, ["--margin"], "profile", "--compare", a, a, "--margin", "-1")


if __name__ == "__main__":
    main()
