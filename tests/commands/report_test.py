"""Tests `twice report`: the page of a real sweep agrees with its record, and a page of many runs is small."""

import copy
import html.parser
import json
import pathlib
import re
import shutil
import time

from program import CommandTest, main

TINY = ["--data", "synthetic", "--width", 8, "--epochs", 2]


class Page(html.parser.HTMLParser):
    """The texts of a page: those of the table cells, and all texts."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.words, self.cell = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self.cell = tag

    def handle_endtag(self, tag):
        if tag == self.cell:
            self.cell = None

    def handle_data(self, data):
        self.words.append(data)
        if self.cell:
            self.rows[-1][-1] += data


class Report(CommandTest):
    def page(self, folder):
        text = (self.folder / folder / "report.html").read_text()
        self.assertNotIn("src=", re.sub(r"(?s)/\*! @license.*?\]\]>", "", text))
        self.assertIn("prefers-color-scheme: dark", text)
        return Page(text)

    def test_a_sweep_and_a_single_run(self):
        # With gamma 1e30 the numbers are not finite after one or two steps.
        status, _, _ = self.run_twice(
            "sweep", *TINY, "--method", "exact,f-gr", "--gamma", "0.01,0.1,1e30", "--epsilon",
            "0.05,0.1", "--seeds", 2, "--jobs", 2, "--out", "runs/sweep")
        self.assertEqual(status, 1)
        self.succeed("train", *TINY, "--out", "runs/single")
        (self.folder / "runs/broken.json").write_text('{"command": "train"')
        self.refuse(0, ["runs/broken.json", "not valid JSON"], "report", "runs")
        page = self.page("runs")
        def assert_says(part):
            self.assertTrue(any(part in text for text in page.words), part)

        assert_says("broken.json is not valid JSON")

        record = self.json("runs/sweep/sweep.json")
        failed = [run for run in record["runs"] if run["state"] == "failed"]
        self.assertTrue(failed)
        for row in record["rows"]:
            if row["n"] < 2:
                continue
            options = [f"{row['options'].get(name, '-')}" for name in ("gamma", "epsilon")]
            accuracy = 100 * row["test_accuracy"]
            found = [cells for cells in page.rows
                     if cells[:6] == [row["method"], *options, str(row["n"]), str(row["failed"]),
                                      str(row["to_do"])]]
            self.assertEqual(len(found), 1, row)
            self.assertTrue(found[0][6].startswith(f"{accuracy:.2f} %"), found)
        for run in record["runs"]:
            cells = [cells for cells in page.rows if cells and cells[0] == run["name"]]
            self.assertEqual([row[1] for row in cells], [run["state"]])
        for run in failed:
            # Running text contains invisible joiners, which prevent line breaks.
            self.assertTrue(any(text.replace("\u2060", "").startswith(f"{run['name']}: twice train: ")
                                for text in page.words), run)
        # The single run does not belong to the sweep.
        assert_says("single/train.json")
        self.assertEqual(len(re.findall(r"<h2>", (self.folder / "runs/report.html").read_text())), 2)

    def test_two_hundred_runs(self):
        self.succeed("train", *TINY, "--method", "f-gr", "--out", "one")
        record = self.json("one/train.json")
        for i in range(200):
            run = copy.deepcopy(record)
            run["config"].update(gamma=[0.01, 0.02, 0.05, 0.1][i % 4], epsilon=[0.1, 0.2, 0.5, 1, 2][i // 4 % 5],
                                 seed=i // 20, epochs=40)
            epoch = run["rows"][0]["curve"][-1]
            run["rows"][0]["curve"] = [{**epoch, "epoch": k, "train_loss": 1 / (k + i / 300)}
                                       for k in range(1, 41)]
            folder = self.folder / f"runs/run{i}"
            folder.mkdir(parents=True)
            (folder / "train.json").write_text(json.dumps(run))
        self.succeed("report", "runs")
        size = pathlib.Path(self.folder / "runs/report.html").stat().st_size
        self.assertLess(size, 3_000_000)
        page = self.page("runs")
        summary = [text for text in page.words if text.startswith("200 runs of")]
        self.assertEqual(len(summary), 1)
        self.assertIn("200 runs of 20 settings: 200 done, 0 failed, 0 unfinished; 10 seeds.", summary[0])
        self.assertEqual(sum(row[0].startswith("run") and row[1] == "done"
                             for row in page.rows if len(row) > 2), 200)

    def test_records_that_move_meanwhile(self):
        """During a report, a sweep takes over the record of its shard. The report has the run all the same."""
        sweep = ["sweep", *TINY, "--method", "sgd", "--out", "runs/sweep"]
        self.succeed(*sweep, "--shard", "1/1")
        text = (self.folder / "runs/sweep/shard-1-of-1/sweep.json").read_text()
        record = self.json("runs/sweep/sgd-seed1/train.json")
        for i in range(40):
            folder = self.folder / f"runs/run{i}"
            folder.mkdir()
            record["config"]["seed"] = i + 2
            record["rows"][0]["curve"] = record["rows"][0]["curve"][:2] * 20
            (folder / "train.json").write_text(json.dumps(record))
        begin = time.monotonic()
        self.succeed("report", "runs")
        seconds = time.monotonic() - begin
        for i in range(6):
            process = self.start("report", "runs")
            time.sleep(seconds * i / 9)
            (self.folder / "new").write_text(text)
            (self.folder / "new").rename(self.folder / "runs/sweep/sweep.json")
            shutil.rmtree(self.folder / "runs/sweep/shard-1-of-1")
            self.assertEqual((process.communicate()[1], process.returncode), ("", 0))
            page = (self.folder / "runs/report.html").read_text()
            self.assertTrue(re.search(r"sweep/(shard-1-of-1/)?sweep\.json", page))
            (self.folder / "runs/sweep/shard-1-of-1").mkdir()
            (self.folder / "runs/sweep/sweep.json").rename(
                self.folder / "runs/sweep/shard-1-of-1/sweep.json")


if __name__ == "__main__":
    main()
