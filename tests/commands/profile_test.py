"""Tests `twice profile`: its rows against the expected numbers of products, its tables as sums of its
steps, its memory, and the input it refuses."""

import math
import pathlib
import re
import signal
import statistics
import time
import unittest

from program import SANITIZED, CommandTest, main

TINY = ["--width", 16, "--depth", 3, "--batch", 8, "--threads", 1, "--seconds", 0.1, "--no-scaling"]
FILES = {"report.html", "report.json", "ops.csv", "trace.json", "stacks.txt", "roofline.svg"}
DERIVATIVES = ["loss", "gradient", "H v, reverse over reverse", "H v, forward over reverse",
               "H v, finite differences"]
METHODS = ["sgd", "exact", "exact-naive", "f-gr", "b-gr", "c-gr", "f-gr-normalized",
           "b-gr-normalized", "c-gr-normalized", "sam", "asam", "pgn", "flooding"]


def documented(first):
    """The fields of the table on profile in docs/records.md whose first field is `first`."""
    text = (pathlib.Path(__file__).parents[2] / "docs/records.md").read_text()
    part = text.split("\n## profile\n")[1].split("\n## ")[0]
    for table in re.findall(r"(?m)(?:^\|.*\n)+", part):
        cells = re.findall(r"(?m)^\| (`[^|]*) \|", table)
        names = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
        if names and names[0] == first:
            return set(names)
    raise AssertionError(f"docs/records.md has no table of {first}")


class Profile(CommandTest):
    def profile(self, *arguments):
        self.output = self.succeed("profile", "--out", "out", "--json", "record.json", *arguments)
        return self.json("record.json")


class Record(Profile):
    def test_everything_of_a_small_model(self):
        record = self.profile(*TINY)
        self.assertEqual(record["command"], "profile")
        self.assertEqual((record["method"], record["L"]), ("exact", 3))
        self.assertEqual(set(self.files()), {f"out/{name}" for name in FILES} | {"record.json"})
        self.assertIn(f"wrote out/{', '.join(sorted(FILES))}\n", self.output)
        self.check_rows(record["rows"])
        self.check_peaks(record)
        self.check_steps(record["steps"])
        self.check_tables(record)
        self.check_memory(record["memory"], record["steps"])
        self.check_attribution(record["attribution"], record["steps"])
        for what in ["Self CPU %", "linear1", "double backward", "alive at the peak",
                     "attributed to steps"]:
            self.assertIn(what, self.output)

    def check_rows(self, rows):
        names = DERIVATIVES + [f"step of {m}" for m in METHODS]
        self.assertEqual([row["name"] for row in rows], names)
        by_name = {row["name"]: row for row in rows}
        for row in rows:
            with self.subTest(row=row["name"]):
                self.assertEqual(set(row), documented("name"))
                self.assertEqual(len(row["samples_ms"]), row["samples"])
                self.assertGreaterEqual(row["samples"], 5)
                ordered = [row[k] for k in ["ms_min", "ms_q1", "ms", "ms_q3"]]
                self.assertEqual(ordered, sorted(ordered))
                self.assertEqual(row["ms_min"], min(row["samples_ms"]))
                self.assertAlmostEqual(row["ms_iqr"], row["ms_q3"] - row["ms_q1"])
                for other in ["gradient", "loss"]:
                    ratios = [a / b for a, b in zip(row["samples_ms"], by_name[other]["samples_ms"],
                                                    strict=True)]
                    ratio, (low, high) = row[f"ratio_to_{other}"], row[f"ratio_to_{other}_interval"]
                    self.assertAlmostEqual(ratio, statistics.median(ratios))
                    self.assertTrue(min(ratios) <= low <= ratio <= high <= max(ratios))
                self.assertAlmostEqual(row["gflops"], row["gflop"] / row["ms"] * 1e3)
                self.assertGreaterEqual(row["peak_mib"], row["arena_mib"])
                self.assertGreater(row["measured_mib"], 0)
                self.assertGreaterEqual(row["measured_arena_mib"], 0)
        for name, products in [("loss", 3), ("gradient", 8), ("step of sgd", 8),
                               (DERIVATIVES[2], 18), (DERIVATIVES[3], 18), (DERIVATIVES[4], 15),
                               ("step of f-gr", 16), ("step of sam", 16), ("step of exact-naive", 22)]:
            self.assertEqual(by_name[name]["products"], products, name)
            self.assertEqual(by_name[name]["products_law"], products, name)
        self.assertEqual([by_name[n]["products_law_text"] for n in ["loss", "gradient"]],
                         ["L", "3L - 1"])
        # Exact results differ from float64 by rounding only. A finite difference has a larger error.
        for name in ["loss", "gradient", *DERIVATIVES[2:4], "step of exact", "step of exact-naive"]:
            self.assertLess(by_name[name]["error"], 1e-5, name)
        for name in [DERIVATIVES[4], "step of sgd"]:
            self.assertGreater(by_name[name]["error"], 1e-4, name)
        self.assertGreater(by_name["step of f-gr"]["hvp_error"], by_name["step of exact"]["hvp_error"])
        for m in METHODS:
            row = by_name[f"step of {m}"]
            another = m in ["sam", "asam", "pgn", "flooding"]
            self.assertEqual(row["objective"] == "another", another, m)
            self.assertEqual(row["error"] is None, another, m)

    def check_peaks(self, record):
        for peak in record["peaks"]:
            self.assertEqual(set(peak), {"threads", "dtype", "gflops", "gbs", "ridge", "stream_mib",
                                         "l1_gbs", "l2_gbs", "l3_gbs", "rates", "starts"})
            self.assertTrue(peak["gflops"] > 0 and peak["gbs"] > 0)
        self.assertEqual(record["peak"], record["peaks"][-1])
        self.assertEqual(record["peak"]["threads"], record["machine"]["threads"])

    def check_steps(self, steps):
        for i, step in enumerate(steps):
            self.assertEqual(set(step), documented("index"))
            self.assertEqual(step["index"], i)
            self.assertIn(step["bound"], ["compute", "L1", "L2", "L3", "memory", "overhead", "waiting"])
        self.assertEqual(steps[-1]["op"], "optimizer")
        self.assertEqual({step["phase"] for step in steps},
                         {"forward", "backward", "double backward", "update"})
        # Each product of the double backward pass belongs to a layer of the model or to the loss.
        spawned = [s for s in steps if s["phase"] == "double backward" and s["products"] > 0]
        self.assertTrue(spawned)
        for step in spawned:
            self.assertRegex(step["layer"], r"^(linear[123]|\(loss\))$")

    def check_tables(self, record):
        def total(rows, key):
            return math.fsum(row[key] for row in rows)

        steps = record["steps"]
        for table in ["ops", "phases", "layers", "origins"]:
            rows, time_key = record[table], "self_ms" if table == "ops" else "ms"
            self.assertAlmostEqual(total(rows, time_key), total(steps, "ms"))
            for key in ["flop", "bytes", "products", "small_products"]:
                self.assertAlmostEqual(total(rows, key), total(steps, key))
        exact = next(row for row in record["rows"] if row["name"] == "step of exact")
        self.assertAlmostEqual(total(steps, "flop") / 1e9, exact["gflop"])
        self.assertEqual(total(steps, "products"), exact["products"])
        self.assertEqual([row["layer"] for row in record["layers"]][:3],
                         ["linear1", "linear2", "linear3"])

    def check_memory(self, memory, steps):
        self.assertEqual(max(memory["live_bytes"]), memory["most_alive_bytes"])
        self.assertEqual(memory["live_bytes"], [step["live_bytes"] for step in steps])
        self.assertLessEqual(memory["most_alive_bytes"], memory["arena_bytes"])
        self.assertEqual(memory["saved_bytes"], memory["without_reuse_bytes"] - memory["arena_bytes"])
        peak = memory["peak_step"]
        for value in memory["at_peak"]:
            self.assertLessEqual(value["from_step"], peak)
            self.assertTrue(value["to_step"] is None or value["to_step"] >= peak)

    def check_attribution(self, attribution, steps):
        # The share of the wall time that the sum of the parts covers.
        self.assertGreaterEqual(attribution["attributed_share"], 0.8)
        self.assertLessEqual(attribution["attributed_share"], 1)
        self.assertEqual(attribution["readings"], len(steps) + 1)
        self.assertAlmostEqual(attribution["sum_of_medians_ms"], sum(step["ms"] for step in steps))

    def test_convolutions_in_f64(self):
        record = self.profile(*TINY[4:], "--model", "cnn", "--channels", 2, "--dtype", "f64",
                              "--method", "f-gr", "--methods", "sgd,exact", "--no-memory")
        self.assertEqual([row["method"] for row in record["rows"][5:]], ["sgd", "exact", "f-gr"])
        self.assertEqual(record["method"], "f-gr")
        self.assertEqual([row["layer"] for row in record["layers"]][:5],
                         ["conv1", "conv2", "conv3", "conv4", "linear"])
        for row in record["rows"]:
            self.assertIsNone(row["measured_mib"])
        self.assertEqual(record["rows"][0]["error"], 0)
        self.assertLess(record["rows"][6]["error"], 1e-12)
        # The first layer's cotangent is needed only if the activation is smooth.
        for activation, products in [("tanh", 35), ("relu", 34)]:
            record = self.profile(*TINY[4:], "--model", "cnn", "--channels", 2, "--methods", "sgd",
                                  "--method", "sgd", "--activation", activation, "--no-memory")
            for row in record["rows"][2:4]:
                self.assertEqual((row["products"], row["products_law"]), (products, products))


class Memory(Profile):
    @unittest.skipIf(SANITIZED, "sanitizers use additional memory")
    def test_the_arena_is_as_large_as_planned(self):
        """The model is large enough for single pages of 4 KiB not to matter."""
        record = self.profile("--width", 512, "--depth", 3, "--batch", 64, "--threads", 1,
                              "--seconds", 0.1, "--no-scaling", "--methods", "sgd,exact")
        for row in record["rows"][1:]:
            self.assertGreater(row["arena_mib"], 1)
            self.assertAlmostEqual(row["measured_arena_mib"] / row["arena_mib"], 1, delta=0.01)


class Refusals(Profile):
    def test_mistakes(self):
        for fragments, arguments in [
                (["--method names the profiled method", "2 were given", "--methods"], ["--method", "sgd,exact"]),
                (["--methods", "nope"], ["--methods", "nope"]),
                (["--seconds", "from 0.01", "0"], ["--seconds", 0]),
                (["--seconds", "nan"], ["--seconds", "nan"]),
                (["--epochs"], ["--epochs", 3]),
                (["--batch 1438", "1437"], ["--batch", 1438]),
                (["--model", "dln"], ["--model", "dln"])]:
            with self.subTest(arguments=arguments):
                self.refuse(2, ["twice profile: ", *fragments], "profile", "--out", "out", *arguments)
                self.assertEqual(self.files(), {})

    def test_an_unwritable_folder_is_found_before_the_work(self):
        (self.folder / "file").write_text("")
        self.refuse(1, ["[out] cannot write to file"], "profile", *TINY, "--out", "file")

    def test_ctrl_c_leaves_nothing(self):
        # Measuring ends after 400 rounds, which take far longer than this test with this size.
        process = self.start("profile", "--width", 512, "--batch", 128, "--seconds", 60, "--no-memory",
                             "--no-scaling", "--out", "out", "--json", "record.json")
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        self.assertEqual((process.returncode, errors),
                         (130, "stopped; an unfinished profile leaves no record\n"))
        self.assertEqual(self.files(), {})


if __name__ == "__main__":
    main()
