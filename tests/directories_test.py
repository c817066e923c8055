#!/usr/bin/python3
"""Checks the table in docs/architecture.md, "Directories", against the sources, and the links in the docs.

The table must name every directory of the library and the program. A file may include only files of its
own row or of the rows above. Every file must begin with a comment on its purpose. Every link in a document
must lead to a file.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
text = (ROOT / "docs/architecture.md").read_text()
table = text.split("\n## Directories\n")[1].split("\n## ")[0]
order = re.findall(r"(?m)^\| \[([\w/]+)\]", table)
COMMANDS = "experiments/commands"


def place(name):
    """The row of the table for a source file: that of its nearest directory in the table."""
    folder = pathlib.Path(name).parent
    while folder.as_posix() not in order:
        folder = folder.parent
        if folder.as_posix() == ".":
            return None
    return order.index(folder.as_posix())


def command(name):
    """The command that a file in experiments/commands belongs to. None for other files, and for the list of all."""
    parts = pathlib.Path(name).parts[2:]
    shared = not name.startswith(COMMANDS + "/") or name == COMMANDS + "/commands.h"
    return None if shared else pathlib.Path(parts[0]).stem


errors = []
sources = sorted(path.relative_to(ROOT).as_posix() for folder in ["autodiff", "nn", "optim", "experiments", "tests"]
                 for path in (ROOT / folder).rglob("*") if path.suffix in {".h", ".cpp", ".py", ".sh", ".cmake"}
                 and "__pycache__" not in path.parts)
for name in sources:
    lines = (ROOT / name).read_text()
    if not re.match(r'(#!.*\n)?(//|#|""")', lines):
        errors.append(f"{name}: its first line is not a comment")
    if name.startswith("tests/") or name.endswith("/CMakeLists.txt"):
        continue
    if place(name) is None:
        errors.append(f"{name}: its directory is not in the table of docs/architecture.md")
        continue
    for included in re.findall(r'(?m)^#include "((?:autodiff|nn|optim|experiments)/[^"]+)"', lines):
        if place(included) is None or place(included) > place(name):
            errors.append(f"{name}: includes {included}, which belongs to a lower row of the table")
        elif command(included) not in (None, command(name)) and place(name) == order.index(COMMANDS):
            errors.append(f"{name}: includes {included}, which belongs to another command")

for document in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]:
    text = re.sub(r"(?ms)^```.*?^```$", "", document.read_text())
    for target in re.findall(r"\]\(([^)#\s]+)[)#]", text):
        if "://" not in target and not (document.parent / target).exists():
            errors.append(f"{document.relative_to(ROOT)}: links to {target}, which does not exist")

for error in errors:
    print(error)
print(f"{len(sources)} source files, {len(errors)} errors")
sys.exit(bool(errors) or len(sources) < 100)
