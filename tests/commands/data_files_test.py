"""Tests the commands with a user's own data files and losses: the files written and the input refused."""

import csv
import gzip
import math
import random

from program import CommandTest, main

SMALL = ["--width", 8, "--depth", 3, "--batch", 16, "--threads", 1]
MSE = ["--data", "numbers.csv", "--loss", "mse", "--lr", 0.005]


class DataFiles(CommandTest):
    def setUp(self):
        super().setUp()
        draw = random.Random(1)
        rows = []
        for i in range(240):
            a, b = draw.gauss(0, 1), draw.gauss(5, 3)
            kind = ["small", "large, \"wide\""][a + b > 5]
            rows.append((f"{a:.3f}", f"{b:.3f}", '"' + kind.replace('"', '""') + '"', f"{2 * a - b + 1:.3f}"))
        self.write("table.csv", "a,b,kind,y\n" + "".join(",".join(row) + "\r\n" for row in rows))
        self.write("classes.csv", "a,b,kind\n" + "".join(",".join(row[:3]) + "\n" for row in rows))
        self.write("numbers.csv", "a,b,y\n" + "".join(f"{r[0]},{r[1]},{r[3]}\n" for r in rows))

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def row(self, *arguments, epochs=3):
        self.succeed("train", *arguments, *SMALL, "--epochs", epochs, "--out", "out", "--fresh")
        return self.json("out/train.json")["rows"][0]

    def test_classes(self):
        row = self.row("--data", "classes.csv", "--target", "kind", "--optimizer", "adam", "--lr", 0.02)
        self.assertGreater(row["test_accuracy"], 0.8)
        self.assertEqual(row["metrics"], {})
        # Two classes from a single output.
        row = self.row("--data", "classes.csv", "--target", "kind", "--loss", "bce", "--optimizer", "adam",
                       "--lr", 0.02)
        self.assertGreater(row["test_accuracy"], 0.8)

    def test_numbers(self):
        for loss in ["mse", "huber"]:
            row = self.row("--data", "numbers.csv", "--loss", loss, "--optimizer", "adam", "--lr", 0.02,
                           epochs=20)
            self.assertIsNone(row["test_accuracy"])
            self.assertEqual(set(row["metrics"]), {"rmse", "r2"})
            self.assertGreater(row["metrics"]["r2"], 0.9)
            if loss == "mse":
                unit, = self.json("out/train.json")["data"]["target_stddev"]
                self.assertAlmostEqual(row["metrics"]["rmse"], unit * math.sqrt(row["loss"]))

    def test_large_numbers(self):
        """Prices, without a given loss or learning rate: they are taken as numbers and standardised."""
        with open(self.folder / "numbers.csv") as small, open(self.folder / "prices.csv", "w") as large:
            header, *rows = csv.reader(small)
            writer = csv.writer(large)
            writer.writerows([header] + [[*row[:-1], 3e5 + 1e5 * float(row[-1])] for row in rows])
        metrics = [self.row("--data", name, epochs=20)["metrics"]
                   for name in ["numbers.csv", "prices.csv"]]
        self.assertGreater(metrics[1]["r2"], 0.9)
        self.assertAlmostEqual(metrics[1]["rmse"] / metrics[0]["rmse"], 1e5, delta=1e3)

    def test_the_same_numbers_in_another_file(self):
        plain = self.row(*MSE)
        (self.folder / "packed.csv.gz").write_bytes(gzip.compress((self.folder / "numbers.csv").read_bytes()))
        packed = self.row(*MSE[2:], "--data", "packed.csv.gz")
        self.assertEqual(plain["loss"], packed["loss"])
        # Another split gives another loss. Without --split-seed, the seed of the run is used.
        other = self.row(*MSE, "--split-seed", 2)
        self.assertNotEqual(plain["loss"], other["loss"])
        self.assertEqual(self.row(*MSE, "--split-seed", 1)["loss"], plain["loss"])

    def test_every_command(self):
        data = [*MSE, *SMALL]
        fixed = [*MSE[:4], *SMALL]  # for commands that do not train
        self.succeed("compare", *data, "--epochs", 2, "--method", "sgd,exact,f-gr", "--json", "compare.json")
        exact = self.json("compare.json")["rows"][1]
        self.assertLess(exact["gradient_error_start"], 1e-5)
        self.assertIn("r2", exact["metrics"])
        self.succeed("sweep", *data, "--epochs", 1, "--method", "sgd", "--seeds", 2, "--out", "grid")
        self.succeed("profile", *data, "--method", "exact", "--methods", "sgd,exact", "--seconds", 0.1)
        self.succeed("explain", *fixed, "--method", "exact")
        self.succeed("export", *fixed, "--method", "exact")
        self.succeed("check", *fixed, "--method", "exact,exact-naive,f-gr,b-gr,c-gr")
        self.succeed("bench", "--loss", "huber", "--width", 8, "--batch", 16, "--threads", 1,
                     "--method", "sgd,exact", "--seconds", 0.1)
        self.succeed("train", "--data", "synthetic", "--input", 20, "--classes", 3, "--epochs", 1, *SMALL)

    def test_a_run_goes_on(self):
        words = [*MSE, *SMALL, "--schedule", "constant"]
        self.succeed("train", *words, "--epochs", 3, "--out", "out")
        self.succeed("train", "--resume", "--epochs", 5, "--out", "out")
        resumed = self.json("out/train.json")["rows"][0]
        self.succeed("train", *words, "--epochs", 5, "--out", "whole")
        self.assertEqual(resumed["loss"], self.json("whole/train.json")["rows"][0]["loss"])

    def test_refusals(self):
        train = ["train", *SMALL]
        self.refuse(1, ["table.csv", "kind", "row 2"], *train, "--data", "table.csv", "--target", "y",
                    "--loss", "mse")
        self.refuse(1, ["classes.csv", "which column", "a, b, kind"], *train, "--data", "classes.csv")
        self.refuse(1, ["'kin'", "did you mean kind?"], *train, "--data", "classes.csv", "--target", "kin")
        self.refuse(1, ["numbers.csv", "--loss mse"], *train, "--data", "numbers.csv", "--loss", "cross-entropy")
        self.refuse(1, ["none.csv"], *train, "--data", "none.csv")
        self.refuse(2, ["digits", "did you mean"], *train, "--data", "diigts")
        self.refuse(2, ["--loss mse", "numbers", "classes"], *train, "--loss", "mse")
        self.refuse(2, ["--target"], *train, "--target", "y")
        self.refuse(2, ["--classes"], *train, "--data", "numbers.csv", "--classes", 3)
        self.refuse(2, ["--input", "'4x'"], *train, "--data", "synthetic", "--input", "4x")
        self.refuse(2, ["--batch 4096", "numbers.csv"], "train", *MSE, "--batch", 4096)
        # Every share of a sweep is checked before a run starts.
        self.refuse(2, ["--batch 32", "numbers.csv"], "sweep", *MSE, "--batch", 32, "--epochs", 1,
                    "--validation-share", "0.1,0.9", "--out", "shares")
        self.assertFalse((self.folder / "shares").exists())
        self.refuse(2, ["images"], "train", *MSE, "--model", "cnn", "--batch", 16)


if __name__ == "__main__":
    main()
