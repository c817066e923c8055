#!/usr/bin/python3
"""build.py OUT|--undocumented: builds the site of the documentation in the folder OUT, from README.md, docs/ and the public
headers. Markdown becomes pages (Sphinx), public headers become the reference (api.py), and every other
file that a page links to becomes a page that shows it. A link that leads nowhere, or a page that the
navigation lacks, ends the build. With --undocumented: lists the public symbols without a comment."""

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


def page_of(name):
    """The page of a document, whose name may end with the id of a section."""
    file, _, anchor = name.partition("#")
    return target(file) + (f"#{anchor}" if anchor else "")


def stage(work):
    """Writes the Markdown of all pages into `work`; returns the other files that they link to."""
    wanted, errors, placed = set(), [], set()
    tree = []
    for caption, patterns in NAVIGATION:
        found = [path.relative_to(ROOT).as_posix() for pattern in patterns for path in
                 sorted(ROOT.glob(pattern)) if path.suffix in (".md", ".cpp")]
        tree.append((caption, [name for name in dict.fromkeys(found) if name not in placed]))
        placed.update(found)
    documents = ["README.md", *[path.relative_to(ROOT).as_posix() for path in ROOT.glob("*.md") if path.name != "README.md"],
                 *[path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").rglob("*.md"))]]
    for name in documents:
        if name not in placed and name != "README.md":
            errors.append(f"{name}: not in the navigation; add it to NAVIGATION of .ci/site/paths.py")
    found = api.symbols(api.doxygen(work / "api-work"))
    pages = {name: rewritten(name, (ROOT / name).read_text(), wanted, errors) for name in documents}
    pages.update({name: example(name) for _, names in tree for name in names if name.endswith(".cpp")})
    if errors:
        give_up(*errors)
    reference = api.pages(found)
    for name, text in reference.items():
        pages[f"{name}.md"] = text
    staged = work / "pages"
    for name, text in pages.items():
        path = staged / target(name).removesuffix(".html")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(path.name + ".md").write_text(text)
    for picture in (ROOT / "docs").rglob("*"):
        if picture.suffix in (".svg", ".png"):
            copy = staged / picture.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(picture, copy)
    # The tree that pages show beside them; Sphinx has the same for "previous" and "next".
    tree = [(caption, [(name, None, []) for name in names]) for caption, names in tree if names]
    tree.append(("API reference", [("api/index.md", "Overview", []), ("api/symbols.md", "All symbols", []),
                                   *[(f"api/index.md#{api.anchor(title)}", title, [(f"api/{name}.md", name.removeprefix(folder + "/"), [])
                                      for name in names]) for title, folder, names in api.sections(found)]]))
    shown = [(caption, [(page_of(name), title, [(page_of(n), t, []) for n, t, _ in below]) for name, title, below in entries])
             for caption, entries in tree]
    (staged / "navigation.json").write_text(json.dumps(shown))
    lines = []
    for caption, entries in tree:
        names = [name for entry in entries for name, *_ in [entry, *entry[2]] if "#" not in name]
        lines += ["```{toctree}", ":hidden:", f":caption: {caption}", "", *[target(n).removesuffix(".html") for n in names], "```", ""]
    index = staged / "index.md"
    index.write_text(index.read_text() + "\n" + "\n".join(lines))
    return wanted, pages


def repair_theme(static):
    """Debian's Furo loads a style from the folder of a web server, lacks the dark colours for readers whose
    system is dark, and loads a script as a module, which browsers refuse for pages that lie in a folder."""
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


def write_excerpts(folder):
    """The text of all pages, for the lines that a search shows below each result: a browser refuses to read
    other pages that lie in a folder, so this script answers instead."""
    texts = {}
    for path in sorted(folder.rglob("*.html")):
        article = re.search(r'(?s)<article role="main">(.*?)</article>', path.read_text())
        if article:
            text = re.sub(r'(?s)<a class="headerlink".*?</a>|<[^>]*>', "", article[1])
            texts[path.relative_to(folder).as_posix()] = " ".join(text.split())
    (folder / "_static/excerpts.js").write_text(
        f"const pages = {json.dumps(texts, ensure_ascii=False)};\n"
        "window.fetch = async (url) => ({ text: async () => "
        '`<p role="main">${pages[url.replace(/^(\\.\\/)+/, "")] || ""}</p>` });\n')


def main():
    if sys.argv[1] == "--undocumented":
        with tempfile.TemporaryDirectory() as folder:
            missing = api.undocumented(api.symbols(api.doxygen(pathlib.Path(folder))))
        print(*[f"{file}:{line}: {name}" for name, file, line in missing], sep="\n")
        print(f"{len(missing)} public symbols without a comment")
        sys.exit(bool(missing))
    out = pathlib.Path(sys.argv[1]).resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir()) and not (out / "searchindex.js").exists()):
        give_up(f"{out} is not empty and holds no site of an earlier build")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="twice-docs-") as folder:
        work = pathlib.Path(folder)
        wanted, pages = stage(work)
        shutil.copy(HERE / "conf.py", work / "pages/conf.py")
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", work / "doctrees",
                   work / "pages", work / "html"]
        sphinx = subprocess.Popen(command, text=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                  env={**os.environ, "TWICE_SITE": str(HERE), "LC_ALL": "C.UTF-8"})
        try:
            sources.write(work / "sources", wanted, pages)
        finally:
            messages = sphinx.communicate()[1]
        if sphinx.returncode:
            give_up(*[line.replace(f"{work}/pages/", "") for line in messages.splitlines() if line.strip()])
        shutil.copytree(work / "sources", work / "html", dirs_exist_ok=True)
        repair_theme(work / "html/_static")
        write_excerpts(work / "html")
        errors = links.broken(work / "html")
        if errors:
            give_up(*errors)
        shutil.rmtree(out, ignore_errors=True)
        shutil.move(work / "html", out)
    print(f"file://{out}/index.html")


if __name__ == "__main__":
    main()
