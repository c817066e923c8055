"""Checks a built site: every link and picture leads to a file of the site, and to an id in it."""

import html
import os
import pathlib
import re
import sys
import urllib.parse


def read(path):
    """The ids and the links of a page. Quotes in the text of a page are escaped, so each match is in a tag."""
    found = re.findall(r'[ \n](id|name|href|src)="([^"]*)"', path.read_text())
    return ({value for key, value in found if key in ("id", "name")},
            list(dict.fromkeys(html.unescape(value) for key, value in found if key in ("href", "src"))))


def broken(folder):
    """One line for each broken link. Links to other sites are not followed."""
    root, errors, exists = pathlib.Path(folder).resolve(), [], {}
    pages = {str(path): read(path) for path in sorted(root.rglob("*.html"))}
    for path, (_, links) in pages.items():
        name = os.path.relpath(path, root)
        for link in links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                if parts.scheme not in ("http", "https", "mailto", "data"):
                    errors.append(f"{name}: links to {link}")
                continue
            relative = urllib.parse.unquote(parts.path) or os.path.basename(path)
            file = os.path.normpath(os.path.join(os.path.dirname(path), relative))
            anchor = urllib.parse.unquote(parts.fragment)
            if file not in exists:
                exists[file] = os.path.isfile(file)
            if not exists[file]:
                errors.append(f"{name}: links to {link}, which does not exist")
            elif anchor and file in pages and anchor not in pages[file][0]:
                errors.append(f"{name}: links to {link}, a section that does not exist")
    return errors


if __name__ == "__main__":
    found = broken(sys.argv[1])
    print(*found, sep="\n")
    sys.exit(bool(found))
