"""Tests `twice explain`: the fields of its record, the number of products at several depths, the effect
of each pass, and that a pass can be switched off."""

import math
import pathlib
import re

from program import CommandTest, main

SMALL = ["--width", 64, "--batch", 16, "--threads", 1, "--brief"]


def documented_fields():
    """The fields of a row, from the first table on explain in docs/records.md."""
    text = (pathlib.Path(__file__).parents[2] / "docs/records.md").read_text()
    table = text.split("\n## explain\n")[1].split("\n`arena_mib` before")[0]
    cells = re.findall(r"(?m)^\| (`[^|]*) \|", table)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


class Explain(CommandTest):
    def explain(self, *arguments):
        """Runs `explain` for one method. Returns its row and its output."""
        output = self.succeed("explain", "--json", "record.json", *SMALL, *arguments)
        [row] = self.json("record.json")["rows"]
        return row, output

    def test_fields_and_laws(self):
        for depth in [2, 4, 8]:
            with self.subTest(depth=depth):
                row, output = self.explain("--depth", depth)
                self.assertEqual(set(row), documented_fields())
                self.assertEqual(row["products"], 6 * depth - 4)
                self.assertEqual(row["products_law"], row["products"])
                self.assertEqual(row["passes"][0]["pass"], "as recorded")
                self.assertEqual(row["passes"][0]["products"], 9 * depth - 5)
                self.assertEqual(row["passes"][-1]["products"], row["products"])
                self.assertIn(f"products: {row['products']} (law 6L - 4 = {row['products']}", output)

    def test_planning_time_is_printed_and_grows_with_the_graph(self):
        times = []
        for depth in [2, 64]:
            row, output = self.explain("--depth", depth)
            [printed] = re.findall(r"planned in ([0-9.]+) ms", output)
            self.assertTrue(math.isclose(float(printed), row["planning_ms"], abs_tol=0.0051))
            times.append(row["planning_ms"])
        self.assertGreater(times[0], 0)
        self.assertGreater(times[1], 2 * times[0])  # the second graph has thirty times as many nodes

    def test_a_pass_switched_off_is_left_out(self):
        row, _ = self.explain("--without", "reassociate")
        names = [p["pass"] for p in row["passes"]]
        self.assertNotIn("reassociate", names)
        self.assertIn("accumulate", names)
        # Without this pass no product is saved: the count is that of double backpropagation.
        self.assertEqual((row["products"], row["products_law"]), (9 * 4 - 5, 9 * 4 - 5))

    def test_a_logged_norm_costs_no_product(self):
        plain, _ = self.explain()
        logged, _ = self.explain("--log-norm")
        self.assertEqual(logged["products"], plain["products"])
        self.assertGreater(logged["passes"][-1]["nodes"], plain["passes"][-1]["nodes"])
        self.assertIs(self.json("record.json")["config"]["log-norm"], True)
        without, _ = self.explain("--log-norm", "--without", "gram")
        self.assertGreater(without["products"], plain["products"])


if __name__ == "__main__":
    main()
