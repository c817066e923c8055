#!/usr/bin/python3
"""Builds the site of the documentation and checks it: links and ids, the navigation, the page of each public
header, the search index, and that public symbols have comments. Then that mistakes end the build."""

import html
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
SITE = ROOT / ".ci/site"

python = next((p for p in ["/usr/bin/python3", sys.executable] if pathlib.Path(p).exists() and not
               subprocess.run([p, "-c", "import furo, myst_parser, sphinx"], capture_output=True).returncode), None)
if not python or not shutil.which("doxygen"):
    print("skipped: docs_site, because Doxygen, Sphinx, MyST or Furo is missing; have it run by "
          "./twice test --with docs")
    sys.exit(77)
sys.path.insert(0, str(SITE))
sys.dont_write_bytecode = True
import api  # noqa: E402
import links  # noqa: E402

errors = []


def expect(holds, message):
    if not holds:
        errors.append(message)


def build(root, *arguments):
    return subprocess.run([python, "-B", root / ".ci/site/build.py", *arguments], capture_output=True, text=True)


with tempfile.TemporaryDirectory() as folder:
    work = pathlib.Path(folder)
    out = work / "site"
    run = subprocess.run([ROOT / "twice", "docs", "--out", out], capture_output=True, text=True)
    if run.returncode or run.stderr or run.stdout != f"file://{out.resolve()}/index.html\n":
        sys.exit(f"the build: exit status {run.returncode}\n{run.stdout}{run.stderr}")
    errors += links.broken(out)

    # A place that cannot hold a site is refused before the work, in one line.
    for place in [out / "index.html", out / "index.html/site", "/proc/site"]:
        run = build(ROOT, place)
        expect(run.returncode == 1 and len(run.stderr.splitlines()) == 1 and str(place) in run.stderr,
               f"--out {place}: exit status {run.returncode}: {run.stderr}")

    # The navigation beside the first page: chapters in order, every document, every public header.
    index = (out / "index.html").read_text()
    tree = index.split('class="sidebar-tree"')[1]
    navigation = re.findall(r'<a class="[^"]*reference internal" href="([^"#]+)', tree)
    chapters = [f"docs/book/{path.stem}.html" for path in sorted((ROOT / "docs/book").glob("[0-9]*.md"))]
    expect([page for page in navigation if page in chapters] == chapters, f"chapters in the navigation: {navigation}")
    documents = {f"{path.relative_to(ROOT).as_posix()[:-3]}.html" for path in (ROOT / "docs").rglob("*.md")}
    included = [name for root in api.ROOTS
                for name in re.findall(r'(?m)^#include "([^"]+)"', (ROOT / root).read_text())]
    pages = {f"api/{name}.html" for name in included if name not in api.ROOTS} | {f"api/{api.ROOTS[-1]}.html"}
    expect(len(pages) > 40, f"only {len(pages)} public headers")
    for page in sorted((documents | pages) - set(navigation)):
        errors.append(f"not in the navigation: {page}")

    # Symbols that a reader looks for have a heading of their own.
    for symbol, page in [("grad", "autodiff/derive/grad.h"), ("hvp", "autodiff/derive/hvp.h"),
                         ("Plan-run", "autodiff/plan/plan.h"), ("matmul", "autodiff/ops/matmul.h"),
                         ("Elementwise", "autodiff/ops/elementwise.h"), ("Op-vjp", "autodiff/tape/op.h"),
                         ("App-add_method", "experiments/experiments.h"),
                         ("operator-plus", "autodiff/ops/arithmetic.h")]:
        expect(f'id="{symbol}"' in (out / f"api/{page}.html").read_text(), f"api/{page}.html has no section {symbol}")
        expect(f"{page}.html#{symbol}" in (out / "api/symbols.html").read_text(), f"api/symbols.html lacks {symbol}")
    expect("Tensor matmul" in re.sub(r"<[^>]*>", "", (out / "api/autodiff/ops/matmul.h.html").read_text()),
           "matmul has no declaration")
    expect('id="L1"' in (out / "autodiff/tape/tape.h.html").read_text(), "sources have no lines")

    # The search index has words of prose, code and comments.
    search = json.loads((out / "searchindex.js").read_text().removeprefix("Search.setIndex(").removesuffix(")"))
    for word, page in [("matmul", "api/autodiff/ops/matmul.h"), ("cotang", "docs/architecture"),
                       ("hvp", "docs/examples/hvp"), ("reassoci", "docs/planner"),
                       ("stop_gradi", "api/autodiff/ops/tensors.h")]:
        found = [search["terms"].get(word, []), search["titleterms"].get(word, [])]
        numbers = {number for entry in found for number in (entry if isinstance(entry, list) else [entry])}
        expect(page in {search["docnames"][number] for number in numbers}, f"search does not find '{word}' in {page}")

    # The search shows sections, each with its own text.
    sections = json.loads((out / "_static/sections.js").read_text().removeprefix("const sections = ").removesuffix(";\n"))
    texts = {f"{page}#{id_}": text for page, id_, _, _, text in sections}
    for section, beginning in [("api/autodiff/plan/graph.h.html#gram_identity", "Graph gram_identity(Graph graph);"),
                               ("docs/planner.html#gram-the-gram-identity", "gram.cpp rewrites")]:
        expect(texts.get(section, "").startswith(beginning), f"search: {section} has the text {texts.get(section)}")
    expect("static/search.js" in (out / "search.html").read_text(), "search.html does not load search.js")

    # Nothing is loaded from elsewhere.
    outside_tag = r'<(?:script|link|img)[^>]*(?:src|href)="(?:https?:)?//[^"]*'
    outside_url = r'url\(["\']?(?:https?:)?/[^)]*'
    for path in [*out.rglob("*.html"), *out.rglob("*.css")]:
        if outside := re.findall(f"{outside_tag}|{outside_url}", path.read_text()):
            errors.append(f"{path.relative_to(out)}: loads {outside}")

    # Mistakes end the build, each with a line that names the place.
    broken = work / "links"
    broken.mkdir()
    (broken / "a.html").write_text('<h1 id="here"></h1><a href="b.html">b</a> <a href="#there">there</a> '
                                   '<a href="a.html#here">here</a>')
    expect(len(links.broken(broken)) == 2, f"broken links: {links.broken(broken)}")
    copy = work / "copy"
    for name in [".ci/site", "autodiff", "nn", "optim", "experiments", "docs"]:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("*.json", "__pycache__", "studies"))
    for path in (copy / "docs").rglob("*.md"):
        path.unlink()
    (copy / "README.md").write_text("# twice\n\nA [page](docs/none.md).\n")
    (copy / "docs/lost.md").write_text("# Lost\n")
    run = build(copy, work / "other")
    expect(run.returncode == 1 and run.stderr.splitlines() == [
        "twice docs: docs/lost.md: not in the navigation; add it to NAVIGATION of .ci/site/paths.py",
        "twice docs: README.md:3: links to docs/none.md, which does not exist"],
        f"mistakes: {run.returncode} {run.stderr}")
    run = build(ROOT, ROOT / "docs")
    expect(run.returncode == 1 and "holds no site" in run.stderr, f"a folder with other files: {run.stderr}")

    missing = api.undocumented(api.symbols(api.doxygen(work / "api")))
    errors += [f"{file}:{line}: {name} has no comment" for name, file, line in missing]

for error in errors:
    print(html.unescape(error))
print(f"{len(navigation)} pages in the navigation, {len(errors)} errors")
sys.exit(bool(errors))
