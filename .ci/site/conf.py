"""Settings of Sphinx for the site. The ids of sections are those of GitHub, so the same links work in both
places."""

import html
import json
import os
import pathlib
import re
import sys

from docutils import nodes

sys.path.insert(0, os.environ["TWICE_SITE"])
import api  # noqa: E402

navigation = json.loads((pathlib.Path(__file__).parent / "navigation.json").read_text())
project = html_title = "twice"
extensions = ["myst_parser"]
myst_url_schemes = ["http", "https", "mailto", "site"]
suppress_warnings = ["myst.header", "misc.highlighting_failure"]
html_theme = "furo"
html_static_path = [os.environ["TWICE_SITE"] + "/static"]
html_css_files = ["site.css"]
html_theme_options = {"footer_icons": []}
html_copy_source = html_show_copyright = html_use_index = smartquotes = False
pygments_style, pygments_dark_style = "friendly", "monokai"
highlight_language = "text"


def slug(text):
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def set_ids(app, doctree):
    make, used = api.anchor if app.env.docname.startswith("api/") else slug, {}
    for section in doctree.findall(nodes.section):
        id_ = make(section.next_node(nodes.title).astext())
        used[id_] = used.get(id_, -1) + 1
        section["ids"] = [f"{id_}-{used[id_]}" if used[id_] else id_]


def set_links(app, doctree, page):
    up = "../" * page.count("/")
    for reference in doctree.findall(nodes.reference):
        if reference.get("refuri", "").startswith("site:"):
            reference["refuri"] = up + reference["refuri"].removeprefix("site:")
            reference["internal"] = True
            if reference.astext() == "source":
                reference.parent["classes"].append("source-link")


def set_navigation(app, page, template, context, doctree):
    """Sets the navigation. Sphinx would compute it again for each page, which takes half of the build time."""
    up = "../" * page.count("/")

    def items(entries, level):
        text = ""
        for target, title, below in entries:
            document = target.partition("#")[0].removesuffix(".html")
            here = document == page and "#" not in target or any(entry[0] == f"{page}.html" for entry in below)
            current = " current" if here else ""
            title = html.escape(title or app.env.titles[document].astext())
            children = f"<ul>{items(below, level + 1)}</ul>" if below else ""
            text += (f'<li class="toctree-l{level}{current}"><a class="{current} reference internal" '
                     f'href="{up}{target}">{title}</a>{children}</li>')
        return text

    if page == "search":
        app.add_js_file("sections.js")
        app.add_js_file("search.js")
    context["toctree"] = lambda **options: "".join(
        f'<p class="caption" role="heading"><span class="caption-text">{caption}</span></p><ul>{items(entries, 1)}</ul>'
        for caption, entries in navigation)


def setup(app):
    app.connect("html-page-context", set_navigation, priority=1)
    app.connect("doctree-read", set_ids, priority=1)
    app.connect("doctree-resolved", set_links)
