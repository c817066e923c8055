#!/usr/bin/python3
"""examples_test.py FOLDER: runs the programs of docs/examples, which were built in FOLDER.

Each program must print the text in the last comment of its source, and docs/examples/README.md must name each program.
"""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
MARK = "\n// Prints:\n"
readme = (ROOT / "docs/examples/README.md").read_text()
sources = sorted((ROOT / "docs/examples").glob("*.cpp"))
errors = []
for source in sources:
    text = source.read_text()
    code, _, comment = text.partition(MARK)
    expected = [line[3:] for line in comment.splitlines()]
    lines = sum(not line.strip().startswith("//") for line in code.splitlines() if line.strip())
    if not text.startswith("//") or any(not line.startswith("// ") for line in comment.splitlines()):
        errors.append(f"{source.name}: it must begin with a comment, and end with `// Prints:` and its output")
    if not 15 <= lines <= 40:
        errors.append(f"{source.name}: {lines} lines of code; expected 15 to 40")
    if f"({source.name})" not in readme:
        errors.append(f"docs/examples/README.md: it does not link to {source.name}")

    run = subprocess.run([pathlib.Path(sys.argv[1]) / source.stem], capture_output=True, text=True, timeout=120)
    printed = run.stdout.splitlines()
    if run.returncode or run.stderr:
        errors.append(f"{source.name}: exit status {run.returncode}: {run.stderr}")
    elif printed != expected:
        errors.append("\n".join([f"{source.name}: expected", *expected, "but it printed", *printed]))

for error in errors:
    print(error)
print(f"{len(sources)} examples, {len(errors)} errors")
sys.exit(bool(errors) or not sources)
