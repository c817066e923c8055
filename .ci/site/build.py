#!/usr/bin/python3
"""build.py OUT: builds the site of the documentation in the folder OUT. Sphinx renders README.md and docs/.
api.py writes the reference from the public headers. sources.py shows every other file that a page links to.
A link that leads nowhere, or a page that the navigation lacks, is an error.

build.py --undocumented: lists the public symbols without a comment."""

import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import api
import links
import sources
from paths import NAVIGATION, ROOT, target

HERE = pathlib.Path(__file__).resolve().parent


def give_up(*messages):
    for message in messages:
        print(f"twice docs: {message}", file=sys.stderr)
    sys.exit(1)


def rewritten(name, text, wanted, errors):
    """Markdown of a file whose links lead to pages of the site. Adds other files to `wanted`."""
    def link(match):
        image, label, href = match[1], match[2], match[3]
        if re.match(r"[a-z]+:", href):
            return match[0]
        path, _, anchor = href.partition("#")
        file = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
        if not (ROOT / file).exists():
            line = text.count("\n", 0, text.index(match[0])) + 1
            errors.append(f"{name}:{line}: links to {href}, which does not exist")
        elif image:
            return match[0] if os.path.dirname(name) else f"![{label}]({file})"
        else:
            wanted.add(file)
        return f"[{label}](site:{target(file)}{'#' + anchor if anchor else ''})"

    # A label may hold `code` with brackets, and a picture. Code blocks stay as they are.
    parts = re.split(r"(?ms)(^ *```.*?^ *```$)", text)
    label = r"(?:`[^`]*`|!\[[^\]]*\]\([^)]*\)|[^\[\]`])*"
    parts[::2] = [re.sub(rf"(!?)\[({label})\]\(([^)\s]+)\)", link, part) for part in parts[::2]]
    return "".join(parts)


def example(name):
    """The page of a program: its first comment, its code, and the output in its last comment."""
    text = (ROOT / name).read_text()
    comment = api.file_comment(text)
    code, _, printed = text.partition("\n// Prints:\n")
    code = code.split("\n", comment.count("\n") + 1)[-1]
    output = "\n".join(line[3:] for line in printed.splitlines())
    return "\n".join([f"# {pathlib.Path(name).name}", "", api.markdown(comment), "",
                      "```cpp", code.strip(), "```", "", "Output:", "", "```text", output, "```", ""])


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def read_navigation():
    """(caption, files) of each part of the navigation but the reference; a file stands in one of them."""
    placed, parts = set(), []
    for caption, patterns in NAVIGATION:
        found = [name_of(path) for pattern in patterns for path in sorted(ROOT.glob(pattern))
                 if path.suffix in (".md", ".cpp")]
        parts.append((caption, [name for name in dict.fromkeys(found) if name not in placed]))
        placed.update(found)
    return parts


def stage(work):
    """Writes the Markdown of all pages into `work`; returns the other files that they link to, and the pages."""
    wanted, errors, parts = set(), [], read_navigation()
    documents = [name_of(path) for path in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]]
    placed = {"README.md", *[name for _, names in parts for name in names]}
    errors += [f"{name}: not in the navigation; add it to NAVIGATION of .ci/site/paths.py" for name in documents
               if name not in placed]
    pages = {name: rewritten(name, (ROOT / name).read_text(), wanted, errors) for name in documents}
    if errors:
        give_up(*errors)
    pages.update({name: example(name) for _, names in parts for name in names if name.endswith(".cpp")})
    symbols = api.symbols(api.doxygen(work / "reference"))
    pages.update({f"{name}.md": text for name, text in api.pages(symbols).items()})

    staged = work / "pages"
    for name, text in pages.items():
        path = staged / f"{target(name).removesuffix('.html')}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for picture in (ROOT / "docs").rglob("*"):
        if picture.suffix in (".svg", ".png"):
            copy = staged / name_of(picture)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(picture, copy)
    write_navigation(staged, parts, api.sections(symbols))
    return wanted, pages


def write_navigation(staged, parts, sections):
    """Writes the tree that every page shows (conf.py), and the same for "previous" and "next" of Sphinx."""
    tree = [(caption, [(target(name), None, []) for name in names]) for caption, names in parts if names]
    reference = [("api/index.html", "Overview", []), ("api/symbols.html", "All symbols", [])]
    for title, folder, names in sections:
        below = [(f"api/{name}.html", name.removeprefix(folder + "/"), []) for name in names]
        reference.append((f"api/index.html#{api.anchor(title)}", title, below))
    tree.append(("API reference", reference))
    (staged / "navigation.json").write_text(json.dumps(tree))
    lines = [""]
    for caption, entries in tree:
        pages = [page for entry in entries for page, _, _ in [entry, *entry[2]] if "#" not in page]
        lines += ["```{toctree}", ":hidden:", f":caption: {caption}", ""]
        lines += [*[page.removesuffix(".html") for page in pages], "```", ""]
    with (staged / "index.md").open("a") as index:
        index.write("\n".join(lines))


def repair_theme(static):
    """Repairs Furo as Debian packages it. Its style imports a file of a web server and lacks dark colours for
    dark systems. Its script is a module, which browsers do not load without a server."""
    style = static / "styles/furo.css"
    text = re.sub(r"@import url\([^)]*\);", "", style.read_text())
    dark = re.search(r'body\[data-theme="dark"\] \{(.*?)\}', text, re.S)
    if dark and "prefers-color-scheme" not in text:
        text += f'@media screen and (prefers-color-scheme: dark) {{ body:not([data-theme="light"]) {{ {dark[1]} }} }}\n'
    style.write_text(text)
    script, gumshoe = static / "scripts/furo.js", static / "scripts/gumshoe-patched.js"
    if gumshoe.exists():
        text = re.sub(r'(?m)^import Gumshoe from .*$', "", script.read_text())
        script.write_text(f"{gumshoe.read_text()}\n{text}\n")


def write_sections(folder):
    """Writes the titles and texts of all sections into a script, for the search (static/search.js). Without a
    server, a browser cannot read other pages."""
    def plain(text):
        text = re.sub(r'(?s)<p class="source-link">.*?</p>|<a class="headerlink".*?</a>', "", text)
        text = re.sub(r"<(?!/?(span|code|a|em|strong)\b)[^>]*>", " ", text)  # other tags separate words
        return re.sub(r"(?<=\w)\( ", "(", " ".join(html.unescape(re.sub(r"<[^>]*>", "", text)).split()))

    found = []
    for path in sorted(folder.rglob("*.html")):
        article = re.search(r'(?s)<article role="main">(.*?)</article>', path.read_text())
        parts = re.split(r'<section[^>]* id="([^"]*)">\s*<h\d>(.*?)</h\d>', article[1], flags=re.S) if article else []
        name = path.relative_to(folder).as_posix()
        for i in range(1, len(parts), 3):
            title, text = plain(parts[i + 1]), plain(parts[i + 2])
            found.append([name, parts[i] if i > 1 else "", plain(parts[2]), title, text])
    (folder / "_static/sections.js").write_text(f"const sections = {json.dumps(found, ensure_ascii=False)};\n")


def list_undocumented():
    with tempfile.TemporaryDirectory(prefix="twice-docs-") as folder:
        missing = api.undocumented(api.symbols(api.doxygen(pathlib.Path(folder))))
    for name, file, line in missing:
        print(f"{file}:{line}: {name}")
    print(f"{len(missing)} public symbols without a comment")
    sys.exit(bool(missing))


def build(out):
    if out.exists() and (not out.is_dir() or any(out.iterdir()) and not (out / "searchindex.js").exists()):
        give_up(f"{out} is not empty and holds no site of an earlier build")
    try:  # before the work, which takes half a minute
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out.parent).close()
    except OSError as error:
        give_up(f"cannot write to {out}: {error.strerror}")
    with tempfile.TemporaryDirectory(prefix="twice-docs-") as folder:
        work = pathlib.Path(folder)
        wanted, pages = stage(work)
        shutil.copy(HERE / "conf.py", work / "pages")
        sphinx = subprocess.Popen(
            [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", work / "doctrees",
             work / "pages", work / "html"], text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={**os.environ, "TWICE_SITE": str(HERE), "LC_ALL": "C.UTF-8"})
        try:
            sources.write(work / "sources", wanted, pages)  # while Sphinx runs
        finally:
            messages = sphinx.communicate()[1]
        if sphinx.returncode:
            give_up(*[line.replace(f"{work}/pages/", "") for line in messages.splitlines() if line.strip()])
        shutil.copytree(work / "sources", work / "html", dirs_exist_ok=True)
        repair_theme(work / "html/_static")
        write_sections(work / "html")
        if errors := links.broken(work / "html"):
            give_up(*errors)
        shutil.rmtree(out, ignore_errors=True)
        shutil.move(work / "html", out)
    print(f"file://{out}/index.html")


if __name__ == "__main__":
    if sys.argv[1] == "--undocumented":
        list_undocumented()
    build(pathlib.Path(sys.argv[1]).resolve())
