"""The navigation of the site, and the page of the site for each file of the project."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A caption and the patterns of its files, in order. README.md is the first page of the site.
NAVIGATION = [
    ("Start", ["docs/README.md", "docs/library.md"]),
    ("The book", ["docs/book/README.md", "docs/book/[0-9]*.md", "docs/book/**/*.md"]),
    ("Examples", ["docs/examples/README.md", "docs/examples/*.cpp"]),
    ("Use", ["docs/commands.md", "docs/own.md", "docs/cluster.md", "docs/records.md", "docs/methods.md", "docs/ops.md",
             "docs/profile.md"]),
    ("How it works", ["docs/architecture.md", "docs/planner.md", "docs/conventions.md", "docs/decisions.md"]),
    ("Measurements", ["docs/bench.md", "docs/studies/README.md", "docs/studies/*.md"]),
    ("The project", ["CONTRIBUTING.md", "CHANGELOG.md"]),
]
RAW = {".json", ".png", ".svg", ".html", ".gz", ".csv"}  # copied unchanged


def target(name):
    """The page that shows a file or directory of the project."""
    path = ROOT / name
    if path.is_dir():
        return target(f"{name}/README.md") if (path / "README.md").exists() else f"{name}/index.html"
    if name == "README.md":
        return "index.html"
    if name.endswith(".md") or (name.startswith("docs/examples/") and name.endswith(".cpp")):
        return name.rsplit(".", 1)[0] + ".html"
    return name if path.suffix in RAW else f"{name}.html"
