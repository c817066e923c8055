"""Pages that show source files with numbered lines, and pages that list directories."""

import html
import os
import re
import shutil

from paths import RAW, ROOT, target

FOLDERS = ["autodiff", "nn", "optim", "experiments"]
HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name} - twice</title><link rel="stylesheet" href="{up}_static/source.css"></head>
<body><header><a href="{up}index.html">twice</a> {trail}{extra}</header>
<main>
"""


def head(name, extra=""):
    """The beginning of the page of a file or directory: the path, with links to the directories above."""
    parts, up = name.split("/"), os.path.relpath(".", os.path.dirname(target(name)) or ".") + "/"
    trail = ""
    for i, part in enumerate(parts, 1):
        folder = "/".join(parts[:i])
        if i < len(parts):
            part = f'<a href="{up}{target(folder)}">{part}</a>'
        trail += f"/ {part} "
    return HEAD.format(name=html.escape(name), up=up, trail=trail, extra=extra)


KEYWORDS = """alignas auto bool break case catch char class concept const consteval constexpr continue decltype default
    delete do double else enum explicit extern false final float for friend if inline int long mutable namespace
    new noexcept nullptr operator override private protected public requires return short sizeof static
    static_assert static_cast std struct switch template this throw true try typename union unsigned using
    virtual void volatile while""".split()
# Within one line, quotes escaped by html.escape: comment, string or character, directive, keyword, number.
TOKENS = re.compile(r"(?P<c>//.*)|(?P<s>&quot;(?:\\.|(?!&quot;).)*&quot;|&#x27;(?:\\.|(?!&#x27;).)&#x27;)|"
                    rf"(?P<p>^\s*\#\s*\w+)|\b(?P<k>{'|'.join(KEYWORDS)})\b|\b(?P<n>\d[\w.]*)|\w+|&\w+;")


def highlighted(line):
    return TOKENS.sub(lambda m: f'<i class="{m.lastgroup}">{m[0]}</i>' if m.lastgroup else m[0], html.escape(line))


def linked(line, up):
    """Names of files in `#include` as links."""
    def link(match):
        file = match[1]
        return f'&quot;<a href="{up}{target(file)}">{file}</a>&quot;' if (ROOT / file).is_file() else match[0]
    return re.sub(r"&quot;((?:autodiff|nn|optim|experiments|docs|tests)/[\w/.]+\.h)&quot;", link, line)


def write_file(out, name, reference):
    up = "../" * name.count("/")
    lines = (ROOT / name).read_text(errors="replace").splitlines()
    code = map(highlighted if name.endswith((".h", ".cpp")) else html.escape, lines)
    rows = "".join(f'<span id="L{i}"><a href="#L{i}">{i}</a>{linked(line, up) if "#include" in line else line}\n</span>'
                     for i, line in enumerate(code, 1))
    extra = f' <a class="api" href="{up}api/{name}.html">reference</a>' if reference else ""
    path = out / target(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{head(name, extra)}<pre>{rows}</pre></main></body></html>\n")


def purpose(path):
    """The first sentence of the comment with which a source file begins."""
    comment = re.match(r"(?://.*\n)+", path.read_text()) if path.suffix in (".h", ".cpp") else None
    return re.sub(r"\n?// ?", " ", comment[0]).strip().split(". ")[0].rstrip(".:") if comment else ""


def write_listing(out, name):
    """Writes the page of a directory; returns what it lists."""
    folder = ROOT / name
    paths = [path for path in folder.iterdir() if path.name != "__pycache__" and path.name[0] != "."]
    rows = ""
    for path in sorted(paths, key=lambda path: (path.is_file(), path.name)):
        link = os.path.relpath(target(path.relative_to(ROOT).as_posix()), name)
        rows += (f'<li><a href="{link}">{path.name}{"/" if path.is_dir() else ""}</a> '
                 f"{html.escape(purpose(path))}</li>")
    file = out / name / "index.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{head(name)}<ul>{rows}</ul></main></body></html>\n")
    return [path.relative_to(ROOT).as_posix() for path in paths]


def write(out, wanted, pages):
    """Writes a page for each file in `wanted`, for all sources of the library and the program, and for the
    directories that hold them. `pages` are those that Sphinx makes."""
    sources = [path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*")
               if path.is_file() and "__pycache__" not in path.parts]
    todo, done = sorted({*wanted, *sources}), set()
    while todo:
        name = todo.pop()
        if name in done or name in pages or target(name).endswith("README.html"):
            continue
        done.add(name)
        if (ROOT / name).is_dir():
            todo += write_listing(out, name)
        elif (ROOT / name).suffix in RAW:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, out / name)
        else:
            write_file(out, name, f"api/{name}.md" in pages)
        parent = os.path.dirname(name)
        if parent and parent != "docs":
            todo.append(parent)
