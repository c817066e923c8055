"""Tests `twice compare`: its rows, the numbers of products, and the error of each method's gradient."""

import math
import pathlib
import re
import signal
import time

from program import SANITIZED, CommandTest, main

METHODS = ["sgd", "exact", "exact-naive", "f-gr", "b-gr", "c-gr"]
# These hold for batches of at most half the width. With larger batches exact takes 9 L - 5.
LAWS = {"sgd": lambda L: 3 * L - 1, "exact": lambda L: 6 * L - 4,
        "exact-naive": lambda L: 9 * L - 5, "f-gr": lambda L: 6 * L - 2,
        "b-gr": lambda L: 6 * L - 2, "c-gr": lambda L: 9 * L - 4}
NUMBERS = ["ms", "ms_min", "products", "products_law", "gflop", "peak_mib", "peak_share",
           "gradient_error_start", "gradient_error_end", "loss", "test_accuracy", "gradient_norm"]
DEPTHS = [1, 3] if SANITIZED else [1, 2, 3, 5]


def documented_fields():
    """The fields of a row, from the first table on compare in docs/records.md."""
    text = (pathlib.Path(__file__).parents[2] / "docs/records.md").read_text()
    part = text.split("\n## compare\n")[1].split("\n## ")[0].split("An entry of `curve`")[0]
    cells = re.findall(r"(?m)^\| (`[^|]*) \|", part)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


class Compare(CommandTest):
    def compare(self, *arguments, status=0):
        """Runs a small comparison. Returns its record and the rows by method."""
        found = self.run_twice("compare", "--json", "record.json", "--out", "out", "--epochs", 1, *arguments)
        self.assertEqual((found[0], found[2]), (status, ""))
        record = self.json("record.json")
        return record, {row["method"]: row for row in record["rows"]}

    def test_mlp_of_several_depths(self):
        for depth in DEPTHS:
            with self.subTest(depth=depth):
                record, rows = self.compare("--width", 16, "--batch", 8, "--depth", depth)
                self.check_record(record, f"mlp-16x{depth}-b8-relu-f32")
                for method, law in LAWS.items():
                    self.assertEqual(rows[method]["products"], law(depth), method)
                    self.assertEqual(rows[method]["products_law"], law(depth), method)
                self.check_exact(rows)

    def test_a_method_that_diverges(self):
        """It does not take the results of the others with it."""
        _, rows = self.compare("--width", 4, "--depth", 2, "--batch", 128, "--method", "sgd,sam", "--rho", 1e38, status=1)
        self.assertIn("[sam] step 1", rows["sam"]["error"])
        self.assertNotIn("loss", rows["sam"])
        self.assertTrue(math.isfinite(rows["sgd"]["loss"]))
        self.assertNotIn("error", rows["sgd"])
        self.assertIn("sam failed: [sam] step 1", (self.folder / "out/report.html").read_text())
        self.assertRegex((self.folder / "out/runs.csv").read_text(), "(?m)^sam,failed,")
        status, output, errors = self.run_twice("compare", "--width", 4, "--depth", 2, "--batch", 128, "--epochs", 1,
                                                "--method", "sam", "--rho", 1e38)
        self.assertEqual((status, errors), (1, ""))
        self.assertIn("[sam] step 1", output)

    def check_record(self, record, model):
        """Checks the head of the record and every documented field of every row."""
        self.assertEqual(record["command"], "compare")
        self.assertTrue(record["version"] and record["machine"]["cpu"])
        self.assertEqual(record["config"]["method"], METHODS)
        self.assertEqual([row["method"] for row in record["rows"]], METHODS)
        fields = documented_fields()
        self.assertTrue(fields.issuperset(NUMBERS))
        for row in record["rows"]:
            self.assertEqual(set(row), fields)
            self.assertEqual(row["model"], model)
            self.assertEqual(row["threads"], record["machine"]["threads"])
            for field in NUMBERS:
                self.assertTrue(math.isfinite(row[field]), (row["method"], field))
            self.assertGreaterEqual(row["ms"], row["ms_min"])
            for field in ["ms_min", "gflop", "peak_mib", "peak_share", "loss", "gradient_norm"]:
                self.assertGreater(row[field], 0, (row["method"], field))
            self.assertTrue(0 <= row["test_accuracy"] <= 1)
            self.assertEqual(len(row["curve"]), record["config"]["epochs"])

    def check_exact(self, rows):
        """The two exact methods have the same gradient and so the same training, up to float32 rounding.
        The errors of all other methods are far larger."""
        exact, naive = rows["exact"], rows["exact-naive"]
        for when in ["gradient_error_start", "gradient_error_end"]:
            self.assertLess(exact[when], 1e-5)
            self.assertLess(naive[when], 1e-5)
            for method in ["sgd", "f-gr", "b-gr"]:
                self.assertGreater(rows[method][when], 1e-4, method)
        for field in ["loss", "train_loss", "gradient_norm"]:
            self.assertLess(abs(exact[field] / naive[field] - 1), 1e-5, field)
        self.assertEqual(exact["test_accuracy"], naive["test_accuracy"])

    def test_differences_converge(self):
        """In float64 with a smooth activation, the error is O(eps) for f-gr and b-gr and O(eps^2) for c-gr,
        as long as the rounding error, about 1e-16 / eps, is far smaller."""
        record, rows = self.compare("--width", 16, "--batch", 16, "--depth", 3, "--dtype", "f64",
                                    "--activation", "tanh", "--epsilon", 1e-6)
        for method in ["f-gr", "b-gr"]:
            self.assertLess(rows[method]["gradient_error_start"], 1e-5)
        for method in ["exact", "exact-naive"]:
            self.assertLess(rows[method]["gradient_error_start"], 1e-13)
        for method, slope, low, high in [("f-gr", 1, 1e-5, 1e-2), ("b-gr", 1, 1e-5, 1e-2),
                                         ("c-gr", 2, 1e-4, 1e-1 ** 1.5)]:
            points = [(p["epsilon"], p["error"], p["hvp_error"]) for p in record["epsilon_sweep"]
                      if p["method"] == method and p["dtype"] == "f64"
                      and 0.99 * low <= p["epsilon"] <= 1.01 * high]
            self.assertGreaterEqual(len(points), 5, method)
            for (e1, *errors1), (e2, *errors2) in zip(points, points[1:]):
                for a, b in zip(errors1, errors2):
                    found = math.log(b / a) / math.log(e2 / e1)
                    self.assertAlmostEqual(found, slope, delta=0.1, msg=(method, e1, e2))

    def test_cnn_and_the_report(self):
        options = ["--model", "cnn", "--channels", 2, "--batch", 32]
        if SANITIZED:
            options += ["--method", "sgd,exact"]
        record, rows = self.compare(*options)
        self.assertEqual(rows["sgd"]["model"], "cnn-2-b32-relu-f32")
        self.assertEqual(rows["sgd"]["products"], 3 * 5 - 1)
        self.assertLess(rows["exact"]["gradient_error_start"], 1e-5)
        self.assertEqual(self.json("out/compare.json"), record)
        self.assertEqual(set(self.files()), {"record.json", "out/compare.json", "out/report.html", "out/runs.csv", "out/curves.csv"})
        self.check_page((self.folder / "out/report.html").read_text(), rows)

    def test_stopped_by_ctrl_c(self):
        process = self.start("compare", "--out", "out", "--json", "record.json")
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
        self.assertEqual(process.returncode, 130)
        self.assertRegex(errors, r"^stopped[^\n]*\n$")
        self.assertEqual(self.files(), {})

    def check_page(self, page, rows):
        """Checks that the page is one file that loads nothing from elsewhere."""
        self.assertTrue(page.lstrip().lower().startswith("<!doctype html>"))
        # Leave out the chart library: pages_test.py checks its behaviour in a browser.
        page = re.sub(r"(?s)/\*! @license.*?\]\]>", "", page)
        self.assertIn("<svg", page)
        for method in rows:
            self.assertIn(method, page)
        loaded = re.findall(r"""(?:src|href|xlink:href|data|action)\s*=\s*["']([^"'#][^"']*)""", page)
        loaded += re.findall(r"""(?:url\(|@import)\s*["']?([^"'#)][^"')]*)""", page)
        self.assertEqual([link for link in loaded if not link.startswith("data:")], [])
        self.assertNotRegex(page, r"<script[^>]+src|<link\b|<iframe|\bfetch\(|XMLHttpRequest")
        # XML namespaces look like addresses, but a browser does not open them.
        addresses = re.findall(r"""(?<!xmlns=["'])(?<!xmlns:xlink=["'])https?://[^\s"'<]+""", page)
        self.assertEqual(addresses, [])


if __name__ == "__main__":
    main()
