#!/usr/bin/python3
"""docs/architecture.md, "Every file": each link leads somewhere, and each source file has one."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = ["autodiff", "nn", "optim", "experiments", "tests"]
SUFFIXES = {".h", ".cpp", ".py", ".sh", ".cmake"}

text = (ROOT / "docs/architecture.md").read_text()
table = text.split("\n## Every file\n")[1].split("\n## ")[0]


def linked(part):
    """The files that a part of the document links to; links to the web or within it are none."""
    targets = re.findall(r"\]\(([^)#\s]+)[)#]", part)
    return {(ROOT / "docs" / target).resolve() for target in targets if "://" not in target}


sources = {path for folder in FOLDERS for path in (ROOT / folder).rglob("*")
           if path.suffix in SUFFIXES and "__pycache__" not in path.parts}
errors = [f"{path.relative_to(ROOT)}: linked, but there is no such file"
          for path in sorted(linked(text)) if not path.exists()]
errors += [f"{path.relative_to(ROOT)}: not in the table of files"
           for path in sorted(sources - linked(table))]
for error in errors:
    print("docs/architecture.md:", error)
print(f"{len(sources)} source files, {len(errors)} errors")
sys.exit(bool(errors) or len(sources) < 100)
