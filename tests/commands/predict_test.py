"""Tests the use of trained models: validation examples, the best epoch, `evaluate`, `predict` and --init."""

import csv
import json
import math
import random
import signal
import struct
import subprocess

from program import CommandTest, main, read_safetensors

def words(data, target, share=0.25, lr=0.02, width=8, depth=2):
    """The options of a run on a table."""
    return ["--data", data, "--target", target, *(["--validation-share", share] if share else []), "--batch", 16,
            "--optimizer", "adam", "--lr", lr, "--width", width, "--depth", depth, "--threads", 1]


CLASSES = words("kinds.csv", "kind")
NUMBERS = [*words("prices.csv", "price"), "--loss", "mse"]
KINDS = ["a", "b, \"c\"", "d"]


class AfterTraining(CommandTest):
    def setUp(self):
        super().setUp()
        draw = random.Random(1)
        self.table("prices.csv", [["area", "far, km", "price"]] + [
            [x := round(draw.gauss(0, 1), 3), y := round(draw.gauss(50, 9), 3), round(2 * x - 0.1 * y, 3)]
            for _ in range(200)])
        kinds = [draw.randrange(3) for _ in range(240)]
        self.table("kinds.csv", [["u", "v", "kind"]] + [
            [round(draw.gauss(k, 0.7), 3), round(draw.gauss(-k, 0.7), 3), KINDS[k]] for k in kinds])

    def table(self, name, rows):
        with open(self.folder / name, "w", newline="") as file:
            csv.writer(file).writerows(rows)

    def rows(self, name):
        with open(self.folder / name, newline="") as file:
            return list(csv.DictReader(file))

    def weights(self, file):
        arrays, notes = read_safetensors(self.folder / file)
        return arrays, notes["step"]

    def test_the_best_epoch_survives_kills(self):
        # The checkpoint of each epoch is written, or those of some of many short epochs.
        for epochs, options in [(40, ["--checkpoint-every", 3]), (1000, [])]:
            options = [*CLASSES, "--epochs", epochs, *options]
            whole, cut = f"whole{epochs}", f"cut{epochs}"
            output = self.succeed("train", *options, "--out", whole)
            self.assertIn("validation accuracy", output)
            row = self.json(f"{whole}/train.json")["rows"][0]
            accuracies = [point["metrics"]["validation_accuracy"] for point in row["curve"]]
            best = accuracies.index(max(accuracies)) + 1
            self.assertEqual(row["best_epoch"], best)
            self.assertLess(best, epochs)
            self.assertEqual(self.weights(f"{whole}/best.safetensors")[1],
                             str(best * int(self.weights(f"{whole}/checkpoint.safetensors")[1]) // epochs))
            draw = random.Random(2)
            for _ in range(12):
                there = (self.folder / cut / "checkpoint.safetensors").exists()
                process = self.start("train", *(["--resume"] if there else [*options, "--fresh"]), "--out", cut)
                try:
                    process.communicate(timeout=draw.uniform(0.02, 0.3))
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.communicate()
            self.succeed("train", *(["--resume"] if there else [*options, "--fresh"]), "--out", cut)
            for file in ["best.safetensors", "checkpoint.safetensors"]:
                self.assertEqual(self.weights(f"{whole}/{file}"), self.weights(f"{cut}/{file}"), file)
        # If a kill falls between the two files, resuming writes the best one again.
        self.succeed("train", *CLASSES, "--epochs", 1, "--out", "one")
        (self.folder / "one/best.safetensors").unlink()
        self.succeed("train", "--resume", "--out", "one")
        self.assertEqual(self.weights("one/best.safetensors"), self.weights("one/checkpoint.safetensors"))
        # A run without validation examples removes the best checkpoint of an older run.
        self.succeed("train", *words("kinds.csv", "kind", share=0), "--epochs", 1, "--out", "one", "--fresh")
        self.assertFalse((self.folder / "one/best.safetensors").exists())
        self.refuse(1, ["one/best.safetensors", "--validation-share"], "evaluate", "one", "--best")

    def test_the_best_of_many_short_epochs(self):
        """Its weights are kept in memory until the next save. They are those of a run that saves each epoch."""
        for seed in [1, 2, 3]:
            options = [*words("prices.csv", "price", lr=0.3), "--loss", "mse", "--epochs", 60, "--seed", seed]
            self.succeed("train", *options, "--out", f"some{seed}")
            self.succeed("train", *options, "--checkpoint-every", 7, "--out", f"each{seed}")
            self.assertEqual(self.weights(f"some{seed}/best.safetensors"), self.weights(f"each{seed}/best.safetensors"))
            best = self.json(f"some{seed}/train.json")["rows"][0]["best_epoch"]
            self.assertTrue(1 < best < 60, best)
            _, notes = read_safetensors(self.folder / f"some{seed}/best.safetensors")
            self.assertEqual([epoch["epoch"] for epoch in json.loads(notes["curve"])], list(range(1, best + 1)))
            self.assertEqual(json.loads(notes["epoch"]), {"loss_sum": 0, "seconds": 0})

    def test_classes(self):
        self.succeed("train", *CLASSES, "--epochs", 8, "--out", "run")
        record = self.json("run/train.json")
        row, data = record["rows"][0], record["data"]
        self.assertEqual((data["train"], data["validation"], data["test"]), (144, 48, 48))
        self.assertEqual((data["class_names"], data["input_names"]), (KINDS, ["u", "v"]))
        self.assertEqual((data["files"][0]["name"], len(data["files"][0]["checksum"])), ("kinds.csv", 64))
        output = self.succeed("evaluate", "run", "--json", "e.json")
        self.assertIn(KINDS[1], output)
        # The file of the run holds the training examples too.
        self.assertNotIn("the file of the run", output)
        self.assertIn("kinds.csv is the file of the run", self.succeed("evaluate", "run", "--data", "kinds.csv"))
        evaluated = self.json("e.json")
        self.assertEqual(evaluated["metrics"], {"loss": row["loss"], "accuracy": row["test_accuracy"]})
        confusion = evaluated["confusion"]
        self.assertEqual(sum(map(sum, confusion)), 48)
        self.assertAlmostEqual(sum(confusion[k][k] for k in range(3)) / 48, row["test_accuracy"])
        self.succeed("evaluate", "run/best.safetensors", "--json", "best.json")
        best = row["curve"][row["best_epoch"] - 1]
        self.assertEqual(self.json("best.json")["metrics"]["loss"], best["loss"])

        self.succeed("predict", "run", "--out", "p.csv")
        predicted, given = self.rows("p.csv"), self.rows("kinds.csv")
        self.assertEqual(len(predicted), 48)
        for line in predicted:
            self.assertEqual(line["target"], given[int(line["row"]) - 1]["kind"])
            shares = {kind: float(line["probability_" + kind]) for kind in KINDS}
            self.assertAlmostEqual(sum(shares.values()), 1)
            self.assertEqual(line["prediction"], max(shares, key=shares.get))
        right = sum(line["prediction"] == line["target"] for line in predicted)
        self.assertAlmostEqual(right / 48, row["test_accuracy"])
        # Predicts from a file without the target and with the columns in another order. The data of the
        # run is not needed.
        self.table("new.csv", [["v", "u"]] + [[line["v"], line["u"]] for line in given])
        (self.folder / "kinds.csv").rename(self.folder / "away.csv")
        self.succeed("predict", "run", "--data", "new.csv", "--out", "n.csv")
        new = self.rows("n.csv")
        self.assertEqual(len(new), 240)
        self.assertNotIn("target", new[0])
        for line in predicted:
            same = new[int(line["row"]) - 1]
            self.assertEqual(same, {key: line[key] for key in same})
        # A file with fewer rows than a batch.
        self.table("few.csv", [["u", "v", "kind"], [1, 2, KINDS[2]]])
        self.succeed("evaluate", "run", "--data", "few.csv", "--json", "few.json")
        self.assertEqual(self.json("few.json")["examples"], 1)
        self.refuse(1, ["new.csv has no targets"], "evaluate", "run", "--data", "new.csv")
        self.succeed("predict", "run", "--data", "new.csv", "--out", "n.npz")
        self.assertTrue((self.folder / "n.npz").read_bytes().startswith(b"PK"))
        # A changed data file is refused.
        (self.folder / "kinds.csv").write_text((self.folder / "away.csv").read_text() + "0,0,a\n")
        self.refuse(1, ["kinds.csv is not the file", "checksum"], "evaluate", "run")
        self.refuse(1, ["kinds.csv is not the file"], "train", "--resume", "--epochs", 9, "--out", "run")

    def test_numbers(self):
        self.succeed("train", *NUMBERS, "--epochs", 5, "--out", "run")
        row = self.json("run/train.json")["rows"][0]
        self.succeed("evaluate", "run", "--json", "e.json")
        metrics = self.json("e.json")["metrics"]
        self.assertEqual(metrics, {"loss": row["loss"], **{k: row["metrics"][k] for k in ["rmse", "r2"]}})
        self.assertIsNone(self.json("e.json")["confusion"])
        self.succeed("predict", "run", "--out", "p.csv")
        predicted, given = self.rows("p.csv"), self.rows("prices.csv")
        for line in predicted:
            self.assertEqual(float(line["target"]), float(given[int(line["row"]) - 1]["price"]))
        square = sum((float(line["prediction"]) - float(line["target"])) ** 2 for line in predicted)
        self.assertAlmostEqual(math.sqrt(square / len(predicted)), row["metrics"]["rmse"], 9)
        # Targets with more digits than f32 has: the columns give the rmse of `evaluate`.
        self.table("late.csv", [["x", "time"]] + [[k, 1700000000 + round(3.7 * k % 11, 1)] for k in range(59)] +
                   [[59, 0.058]])
        self.succeed("train", "--data", "late.csv", "--target", "time", "--loss", "mse", "--width", 4, "--batch", 16,
                     "--epochs", 3, "--out", "late")
        self.succeed("predict", "late", "--out", "late-p.csv")
        predicted, given = self.rows("late-p.csv"), self.rows("late.csv")
        for line in predicted:
            self.assertEqual(float(line["target"]), float(given[int(line["row"]) - 1]["time"]))
        square = sum((float(line["prediction"]) - float(line["target"])) ** 2 for line in predicted)
        rmse = self.json("late/train.json")["rows"][0]["metrics"]["rmse"]
        self.assertAlmostEqual(math.sqrt(square / len(predicted)) / rmse, 1, 5)
        # Two classes from a single output.
        rows = self.rows("kinds.csv")
        self.table("two.csv", [["u", "kind"]] + [[r["u"], r["kind"]] for r in rows if r["kind"] != "d"])
        self.succeed("train", *words("two.csv", "kind"), "--loss", "bce", "--epochs", 3, "--out", "two")
        self.succeed("predict", "two", "--out", "t.csv")
        predicted = self.rows("t.csv")
        right = sum(line["prediction"] == line["target"] for line in predicted)
        self.assertAlmostEqual(right / len(predicted), self.json("two/train.json")["rows"][0]["test_accuracy"])
        self.assertAlmostEqual(
            sum(float(predicted[0]["probability_" + kind]) for kind in KINDS[:2]), 1)

    def test_tables(self):
        self.succeed("sweep", *NUMBERS, "--epochs", 2, "--method", "sgd,exact", "--seeds", 2, "--out", "grid")
        record = self.json("grid/sweep.json")
        self.assertEqual(record["ranked_by"], "validation_loss")
        runs = self.rows("grid/runs.csv")
        self.assertEqual([run["run"] for run in runs], [run["name"] for run in record["runs"]])
        for run in runs:
            last = self.json(f"grid/{run['run']}/train.json")["rows"][0]
            self.assertEqual((run["state"], run["loss"], run["test_accuracy"]), ("done", "mse", ""))
            self.assertEqual(float(run["test_loss"]), last["loss"])
            self.assertEqual(float(run["validation_rmse"]), last["metrics"]["validation_rmse"])
        self.assertEqual(len(self.rows("grid/curves.csv")), 4 * 2)
        page = (self.folder / "grid/report.html").read_text()
        self.assertIn("nothing was chosen. The numbers are the mean validation loss", page)
        self.assertIn(">rmse</button>", page)
        self.succeed("compare", *NUMBERS, "--epochs", 2, "--method", "sgd,exact", "--out", "both")
        self.assertEqual([run["run"] for run in self.rows("both/runs.csv")], ["sgd", "exact"])
        self.assertEqual(len(self.rows("both/curves.csv")), 4)
        self.assertIn(">r2</button>", (self.folder / "both/report.html").read_text())

    def test_init(self):
        self.succeed("train", *CLASSES, "--epochs", 2, "--out", "first")
        start = "first/best.safetensors"
        # With a tiny learning rate the weights stay as --init set them.
        self.succeed("train", *words("kinds.csv", "kind", lr=1e-30), "--epochs", 1, "--init", start, "--out", "run")
        found, expected = self.weights("run/checkpoint.safetensors")[0], self.weights(start)[0]
        for name, array in expected.items():
            if name.startswith("parameter."):
                self.assertEqual(found[name], array)
        record = self.json("run/train.json")
        self.assertEqual(record["config"]["init"], start)
        self.assertEqual(len(record["data"]["init"]["checksum"]), 64)
        # A file of `export`, which has plain parameter names.
        self.succeed("export", "--data", "kinds.csv", "--target", "kind", "--width", 8, "--depth", 2,
                     "--batch", 16, "--checkpoint", start, "--dtype", "f32", "--out", "plain.safetensors")
        self.succeed("train", *words("kinds.csv", "kind", lr=1e-30), "--epochs", 1, "--init", "plain.safetensors", "--out", "plain")
        self.assertEqual(self.json("plain/train.json")["rows"][0]["loss"], record["rows"][0]["loss"])
        for other in [words("kinds.csv", "kind", width=9), words("kinds.csv", "kind", depth=3)]:
            self.refuse(1, [start, "'linear", "f32 (", "expected f32 ("], "train", *other, "--init", start, "--out",
                        "other")
        self.refuse(1, ["none.safetensors"], "train", *CLASSES, "--init", "none.safetensors", "--out", "other")
        # --resume does not need the file.
        (self.folder / start).unlink()
        self.succeed("train", "--resume", "--epochs", 2, "--out", "run")

    def test_refusals(self):
        self.succeed("train", *CLASSES, "--epochs", 1, "--out", "run")
        self.table("new.csv", [["u", "w"], [1, 2]])
        self.refuse(1, ["new.csv", "no column 'v'", "u, w"], "predict", "run", "--data", "new.csv", "--out", "p.csv")
        self.refuse(2, [".csv or .npz"], "predict", "run", "--out", "p.txt")
        self.refuse(2, ["--out is required"], "predict", "run")
        self.refuse(2, ["--best", "folder"], "predict", "run/checkpoint.safetensors", "--best", "--out", "p.csv")
        self.refuse(1, ["nowhere"], "evaluate", "nowhere")
        self.refuse(1, ["kinds.csv"], "evaluate", "kinds.csv")
        self.refuse(2, ["digits", "(8, 8, 1)", "3 classes"], "evaluate", "run", "--data", "digits")
        damaged = self.folder / "damaged.safetensors"
        for note, wrong in {"input_shape": [-3], "mean": "x", "class_names": [], "target_names": [], "stddev": []}.items():
            data = (self.folder / "run/checkpoint.safetensors").read_bytes()
            (length,) = struct.unpack("<Q", data[:8])
            header = json.loads(data[8:8 + length])
            notes = header["__metadata__"]
            del notes["sha256"]
            notes["data"] = json.dumps({**json.loads(notes["data"]), note: wrong})
            text = json.dumps(header).encode()
            damaged.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length:])
            self.refuse(1, [], "predict", "damaged.safetensors", "--data", "kinds.csv", "--out", "p.csv")
        self.assertFalse((self.folder / "p.csv").exists())
        self.refuse(1, ["none for validation"], "train", *words("kinds.csv", "kind", share=0.001), "--out", "other")
        self.refuse(2, ["--validation-share"], "train", *words("kinds.csv", "kind", share=1), "--out", "other")


if __name__ == "__main__":
    main()
