#!/usr/bin/python3
"""book_test.py FOLDER [--chapter NN] [--renumber]: tests the book. FOLDER holds the built programs, in book/ and labs/.

A chapter docs/book/NN-NAME.md must agree with its program NN-NAME.cpp and with the engine:
- its ```cpp blocks, joined, are the program without the program's first comment;
- its ```text blocks, joined, are the lines that the program prints;
- its ```c++ blocks are lines of a file that the chapter links to;
- a link [`name`](FILE#LNN) leads to a line that contains the name. --renumber corrects such links.
A lab has a file with holes, a solution and wrong answers. Its grader must reject the file with holes and
accept the solution. Each wrong answer begins with a part of the line that the grader must print for it.
"""

import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BOOK = ROOT / "docs/book"
CHAPTERS = 11
LABS = [1, 3, 4, 8]
errors = []


def blocks(text, language):
    """The fenced blocks of one language."""
    return re.findall(rf"(?ms)^```{re.escape(language)}\n(.*?)^```$", text)


def lines_of(text):
    """The lines of the text that are not blank, without trailing spaces."""
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def compare(what, expected, found):
    """Reports an error at the first line that differs."""
    for i in range(max(len(expected), len(found))):
        a = expected[i] if i < len(expected) else "the end"
        b = found[i] if i < len(found) else "the end"
        if a != b:
            errors.append(f"{what}, line {i + 1} that is not blank: expected\n  {a}\nbut found\n  {b}")
            return


def check_engine_links(path, text, renumber):
    """Checks the links to lines of source files. Returns the text, with corrected line numbers if `renumber`."""

    def check(match):
        name, target, first, rest = match.groups()
        word = re.split(r"::|\.|->|\s", name.removesuffix("()"))[-1]
        source = (path.parent / target).resolve()
        if not source.is_file():
            errors.append(f"{path.name}: links to {target}, which does not exist")
            return match[0]
        lines = source.read_text().splitlines()
        found = [i + 1 for i, line in enumerate(lines) if re.search(rf"\b{re.escape(word)}\b", line)]
        line = int(first)
        if line in found:
            return match[0]
        if renumber and found:
            line = min(found, key=lambda i: abs(i - line))
            return f"[`{name}`]({target}#L{line})"
        errors.append(f"{path.name}: `{name}` is not on line {line} of {target}, but on {found[:5]}")
        return match[0]

    return re.sub(r"\[`([^`]+)`\]\(([^)#\s]+)#L(\d+)(-L\d+)?\)", check, text)


def check_quotations(path, text):
    """Checks that a file the chapter links to contains each ```c++ block."""
    linked = [(path.parent / target).resolve() for target in re.findall(r"\]\(([^)#\s]+)[)#]", text)]
    sources = ["\n".join(line.strip() for line in source.read_text().splitlines())
               for source in linked if source.suffix in {".h", ".cpp"} and source.is_file()]
    for block in blocks(text, "c++"):
        quotation = "\n".join(line.strip() for line in block.splitlines()).strip()
        if not any(quotation in source for source in sources):
            errors.append(f"{path.name}: no linked file contains the quotation that begins with"
                          f" '{quotation.splitlines()[0]}'")


def check_chapter(path, programs, renumber):
    text = path.read_text()
    changed = check_engine_links(path, text, renumber)
    if changed != text:
        path.write_text(changed)
    check_quotations(path, text)
    length = len(text.splitlines())
    if not 120 <= length <= 250:
        errors.append(f"{path.name}: {length} lines; expected 120 to 250")
    for part in [rf"\A# {int(path.name[:2])}\. ", r"(?m)^## Exercises$", r"(?m)^!\[[^\]]+\]\(pictures/"]:
        if not re.search(part, text):
            errors.append(f"{path.name}: nothing matches {part}")
    source = path.with_suffix(".cpp")
    program = lines_of(source.read_text())
    while program and program[0].startswith("//"):
        program.pop(0)
    compare(f"{path.name}: its ```cpp blocks", program, lines_of("\n".join(blocks(text, "cpp"))))
    if not (programs / path.stem).exists():
        errors.append(f"{programs / path.stem} is not built")
        return
    run = subprocess.run([programs / path.stem], capture_output=True, text=True, timeout=120)
    if run.returncode or run.stderr:
        errors.append(f"{source.name}: exit status {run.returncode}: {run.stderr}")
    compare(f"{path.name}: its ```text blocks", lines_of(run.stdout), lines_of("\n".join(blocks(text, "text"))))


def grade(program):
    if not program.exists():
        return None, f"{program} is not built"
    run = subprocess.run([program], capture_output=True, text=True, timeout=120)
    return run.returncode, run.stdout + run.stderr


def check_lab(number, programs):
    status, output = grade(programs / f"lab{number}-solution")
    if status:
        errors.append(f"lab {number}: the solution is rejected: {output}")
    status, output = grade(programs / f"lab{number}")
    if status != 1:
        errors.append(f"lab {number}: exit status {status} for the file with holes; expected 1: {output}")
    wrong = sorted((BOOK / "labs/wrong").glob(f"lab{number}-*.cpp"))
    if len(wrong) < 2:
        errors.append(f"lab {number}: {len(wrong)} wrong answers; expected 2 or more")
    for source in wrong:
        breaks = re.match(r"// Breaks: (.*)", source.read_text())
        status, output = grade(programs / source.stem)
        if status != 1 or not breaks or not any(breaks[1] in line for line in output.splitlines()):
            errors.append(f"{source.name}: exit status {status}; expected 1 and '{breaks and breaks[1]}' in\n{output}")


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("folder", nargs="?", default=ROOT / "build/bin", type=pathlib.Path)
parser.add_argument("--chapter", default="")
parser.add_argument("--renumber", action="store_true")
options = parser.parse_args()

chapters = sorted(BOOK.glob(f"{options.chapter or '[0-9][0-9]'}-*.md"))
for chapter in chapters:
    check_chapter(chapter, options.folder / "book", options.renumber)
if not options.chapter:
    if len(chapters) != CHAPTERS:
        errors.append(f"{len(chapters)} chapters; expected {CHAPTERS}")
    contents = (BOOK / "README.md").read_text()
    for chapter in chapters:
        if f"({chapter.name})" not in contents:
            errors.append(f"docs/book/README.md does not link to {chapter.name}")
    for number in LABS:
        check_lab(number, options.folder / "labs")
for picture in sorted((BOOK / "pictures").glob("*.*")):
    if picture.suffix in {".dot", ".gp"} and not picture.with_suffix(".svg").exists():
        errors.append(f"{picture.name} has no .svg")

for error in errors:
    print(error)
print(f"{len(chapters)} chapters, {len(errors)} errors")
sys.exit(bool(errors) or not chapters)
