"""Measures how often `bench --against` is wrong, and how often it finds a real difference.

    python3 tests/against_rates.py PROGRAM [--trials 100] [--seconds 30] [--neighbours 0]
                                   [--handicap 0] [--keep FILE] [OPTION OF bench ...]

Each trial compares PROGRAM with itself. With `--handicap 5` each step of the other side is longer by
5 % of its undisturbed time (experiments/commands/bench/serve.h). `--neighbours N` keeps N other processes busy.
Prints a line for each trial. Then prints how often a verdict was right, wrong or inconclusive, for the
verdicts on all rows together and for those on single rows. A verdict is wrong if it is "faster" or
"slower" for equal programs, "slower" for a faster program, or "the same" for different programs.
Run it by hand on an otherwise idle machine. It takes trials x seconds.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile
import time

BUSY = [sys.executable, "-c", "while True: pass"]


def trial(program, seconds, handicap, options):
    """Runs one comparison. Returns its record and the seconds it took."""
    other = f"--handicap {handicap / 100}" if handicap else program
    with tempfile.TemporaryDirectory() as folder:
        record = pathlib.Path(folder) / "record.json"
        start = time.monotonic()
        subprocess.run([program, "bench", "--against", other, "--seconds", str(seconds), "--json", record,
                        *options], check=True, stdout=subprocess.DEVNULL)
        return json.loads(record.read_text()), time.monotonic() - start


def judged(verdict, handicap):
    """Whether a verdict on our side is right when the other side has this handicap."""
    if verdict == "inconclusive":
        return verdict
    return "right" if (verdict == "faster") == (handicap > 0) and verdict != "slower" else "wrong"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--neighbours", type=int, default=0)
    parser.add_argument("--handicap", type=float, default=0, metavar="PERCENT")
    parser.add_argument("--keep", type=pathlib.Path, help="write all records to this file, one in each line")
    arguments, options = parser.parse_known_args()
    program = str(pathlib.Path(arguments.program).resolve())

    neighbours = [subprocess.Popen(BUSY) for _ in range(arguments.neighbours)]
    overall, rows = collections.Counter(), collections.Counter()
    longest = 0
    try:
        for number in range(1, arguments.trials + 1):
            record, took = trial(program, arguments.seconds, arguments.handicap, options)
            longest = max(longest, took)
            if arguments.keep:
                with arguments.keep.open("a") as file:
                    file.write(json.dumps(record) + "\n")
            whole = record["overall"] or record["rows"][0]
            overall[judged(whole["verdict"], arguments.handicap)] += 1
            rows.update(judged(row["verdict"], arguments.handicap) for row in record["rows"])
            interval = " to ".join(f"{end:.3f}" for end in whole["interval"] or [])
            print(f"{number:4} {whole['verdict']:16} {whole['ratio']:.3f} ({interval}), {took:.0f} s; rows: "
                  + ", ".join(f"{row['method']} {row['verdict']}" for row in record["rows"]), flush=True)
    finally:
        for process in neighbours:
            process.kill()
    print(f"a difference of {arguments.handicap:g} %, {arguments.neighbours} busy neighbours, "
          f"at most {longest:.0f} s a trial")
    for name, counts in [("all rows together", overall), ("single rows", rows)]:
        print(f"{name}, of {sum(counts.values())}: "
              + ", ".join(f"{counts[kind]} {kind}" for kind in ["right", "wrong", "inconclusive"]))


if __name__ == "__main__":
    main()
