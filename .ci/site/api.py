"""The API reference: Doxygen reads the public headers, and this module writes one page of Markdown for
each of them. A header is public if one of the four in ROOTS includes it, directly or through others."""

import collections
import itertools
import pathlib
import re
import subprocess
import textwrap
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOTS = ["autodiff/autodiff.h", "nn/nn.h", "optim/optim.h", "experiments/experiments.h"]
# Public headers include these, but programs do not use them.
INTERNAL = {"autodiff/threads/team.h", "experiments/files/words.h", "experiments/measure/steps.h",
            "experiments/run/recording.h", "experiments/files/safetensors.h",
            "experiments/files/json.h"}
NAMESPACES = {"twice", "twice::experiments"}

# An entry of a page. `members`: the members of a class, or the values of an enum.
Symbol = collections.namedtuple("Symbol", "kind name signature comment file line members")


def headers():
    """The public headers, in the order in which the four include them."""
    found = {}

    def visit(name):
        if name in found:
            return
        found[name] = None
        for included in re.findall(r'(?m)^#include "([^"]+)"', (ROOT / name).read_text()):
            visit(included)

    for name in ROOTS:
        visit(name)
    return [name for name in found if name not in INTERNAL]


def file_comment(text):
    """The comment with which a file begins, as Markdown."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        lines.append(line[2:].removeprefix(" "))
    return "\n".join(lines)


def remarks(text):
    """The comments between empty lines, which apply to the whole file."""
    text = text.split("namespace kernel")[0]
    blocks = re.findall(r"(?m)^\n((?://(?!/| ----).*\n)+)(?=\n)", text)
    return "\n\n".join(file_comment(block) for block in blocks)


def stands_alone(lines, i):
    """Whether an empty line follows the comment that line i belongs to."""
    while i < len(lines) and re.match(r" *//(?!/)", lines[i]):
        i += 1
    return i < len(lines) and not lines[i].strip()


def doc_comments(text):
    """The text of a header in which Doxygen ignores markup in comments: each run of lines with `///`
    becomes one verbatim block. So does a run with `//` directly before a declaration, which applies to all
    declarations up to the next empty line. The number of lines does not change."""
    lines, kind = text.splitlines(), ""
    for i, line in enumerate(lines):
        match = re.match(r" *(///?)(?!<|/)", line)
        if not match:
            lines[i] = re.sub(r"///< ?(.*)", r"/**< @verbatim ¦\1 @endverbatim */", line)
            continue
        following = re.match(r" *(///?)(?!<|/)|\s*\S", lines[i + 1] if i + 1 < len(lines) else "")
        last = following is None or following[1] != match[1]
        if match[1] == "//" and stands_alone(lines, i):
            continue
        content = line[match.end():].removeprefix(" ")
        begin = "" if kind else "/** @verbatim " + ("GROUP" if match[1] == "//" else "")
        kind = "" if last else match[1]
        lines[i] = f"{begin}¦{content}{' @endverbatim */' if last else ''}"
    return "\n".join(lines) + "\n"


def doxygen(work):
    """Runs Doxygen on the public headers; returns the folder of its XML."""
    source, out = work / "headers", work / "doxygen"
    for name in headers():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(doc_comments((ROOT / name).read_text()))
    settings = f"""
        INPUT = "{source}"
        OUTPUT_DIRECTORY = "{out}"
        STRIP_FROM_PATH = "{source}"
        FILE_PATTERNS = *.h
        RECURSIVE = YES
        GENERATE_XML = YES
        GENERATE_HTML = NO
        GENERATE_LATEX = NO
        XML_PROGRAMLISTING = NO
        EXTRACT_ALL = YES
        MACRO_EXPANSION = NO
        ENABLE_PREPROCESSING = NO
        AUTOLINK_SUPPORT = NO
        QUIET = YES
        WARNINGS = NO
    """
    subprocess.run(["doxygen", "-"], input=settings, text=True, check=True, stdout=subprocess.DEVNULL)
    return out / "xml"


def comment_of(member):
    """The comment. It begins with GROUP if it applies to several declarations."""
    text = "\n¦\n".join("".join(block.itertext()) for tag in ("briefdescription", "detaileddescription")
                     for block in member.iterfind(f"{tag}//verbatim"))
    group = "GROUP" if "GROUP¦" in text else ""
    lines = [line.split("¦", 1)[-1].rstrip() for line in text.splitlines()]
    return group + "\n".join(lines).strip("\n -")


def spread(siblings):
    """The symbols. A symbol without a comment gets the comment of its group."""
    group, before, spread = "", 0, []
    for s in siblings:
        if s.comment.startswith("GROUP"):
            group = s.comment.removeprefix("GROUP")
            s = s._replace(comment=group)
        elif s.comment or s.line > before + 1:
            group = ""
        else:
            s = s._replace(comment=group)
        before = s.line
        spread.append(s)
    return spread


COLUMNS = 46  # of code on a screen of 400 pixels


def broken(text):
    """The declaration of a function. Each parameter gets a line of its own if a line would be too long."""
    if max(map(len, text.splitlines())) <= COLUMNS or not re.search(r"\)[\w\s&=]*$", text):
        return text
    last = text.rindex(")")
    first, depth = last, 1
    while depth:
        first -= 1
        depth += (text[first] == ")") - (text[first] == "(")
    parameters, depth = [""], 0
    for char in " ".join(text[first + 1:last].split()):
        depth += (char in "({[<") - (char in ")}]>")
        if char == "," and depth == 0:
            parameters.append("")
        else:
            parameters[-1] += char
    return text[:first + 1] + ",".join("\n    " + p.strip() for p in parameters if p.strip()) + text[last:]


def declaration(kind, name, line):
    """The declaration at a line of a header, as written there, without comments, body and semicolon."""
    lines = (ROOT / name).read_text().splitlines()
    first = line - 1
    while re.match(r" *(template <|requires )", lines[first - 1]):
        first -= 1
    text, depth = re.sub(r" *//.*", "", "\n".join(lines[first:])), 0
    for end, char in enumerate(text):
        body = char == "{" and kind in ("function", "class", "struct")
        if depth == 0 and (char == ";" or body or (char == ":" and re.search(r"\)\s*$", text[:end]))):
            break
        depth += (char in "({") - (char in ")}")
    lines = text[:end].rstrip().splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    text = "\n".join(line[min(indent, len(line) - len(line.lstrip())):] for line in lines if line.strip())
    return broken(text) if kind == "function" else text


def trivial(member, owner):
    """True for special members, which need no comment: copies, destructors, comparisons of all members."""
    name, args = member.findtext("name"), member.findtext("argsstring") or ""
    return (name.startswith("~") or "=delete" in args or "=default" in args or name in ("operator=", "operator==")
            or (name == owner and re.match(r"\((const )?" + re.escape(owner) + r" ?&&?\w*\)", args) is not None))


def place_of(element):
    location = element.find("location")
    return location.get("declfile") or location.get("file"), int(location.get("declline") or location.get("line"))


def entry(member):
    values = [Symbol("value", v.findtext("name"), v.findtext("name"), comment_of(v), "", 0, []) for v in
              member.iterfind("enumvalue")]
    kind, place = member.get("kind"), place_of(member)
    return Symbol(kind, member.findtext("name"), declaration(kind, *place), comment_of(member), *place, values)


def public_members(compound):
    owner = compound.findtext("compoundname").split("::")[-1]
    for member in compound.iterfind("sectiondef/memberdef"):
        if member.get("prot") == "public" and member.get("kind") != "friend" and not trivial(member, owner):
            yield entry(member)


def symbols(folder):
    """The public symbols of each header, by its name, in the order of its lines."""
    compounds = {c.get("id"): c for path in folder.glob("*.xml") if path.name != "index.xml"
                 for c in xml.parse(path).getroot().iterfind("compounddef")}
    found = collections.defaultdict(list)

    def add_class(compound, owner=""):
        place = place_of(compound)
        short = (owner + "::" if owner else "") + compound.findtext("compoundname").rsplit("::", 1)[-1]
        members = spread(sorted(public_members(compound), key=lambda m: m.line))
        kind = compound.get("kind")
        found[place[0]].append(Symbol(kind, short, declaration(kind, *place), comment_of(compound), *place, members))
        for inner in compound.iterfind("innerclass"):
            if inner.get("prot") == "public":
                add_class(compounds[inner.get("refid")], short)

    for compound in compounds.values():
        if compound.get("kind") == "namespace" and compound.findtext("compoundname") in NAMESPACES:
            for member in compound.iterfind("sectiondef/memberdef"):
                symbol = entry(member)
                found[symbol.file].append(symbol)
            for inner in compound.iterfind("innerclass"):
                add_class(compounds[inner.get("refid")])
    return {name: spread(sorted(found[name], key=lambda s: s.line)) for name in headers()}


def plain(member, owner):
    """True for members that need no comment: data, getters without parameters, and constructors, which the
    comment of the class covers."""
    return (member.kind == "variable" or member.signature.endswith("() const") or member.name == owner.split("::")[-1]
            or member.name == "json_fields")


def undocumented(found):
    """(name, file, line) of each public symbol without a comment. One comment is enough for all
    overloads in a file, and for all names that one line declares. Plain members need none."""
    missing = []

    def check(siblings, owner):
        told = {s.name for s in siblings if s.comment} | {s.line for s in siblings if s.comment}
        for s in siblings:
            if s.name not in told and s.line not in told and "<" not in s.name and not (owner and plain(s, owner)):
                missing.append((f"{owner}::{s.name}".removeprefix("::"), s.file, s.line))

    for entries in found.values():
        check(entries, "")
        for s in entries:
            if s.kind in ("class", "struct"):
                check(s.members, s.name)
    return missing


# The sections of the index, and the folder of the headers in each.
SECTIONS = [("Tape and tensors", "autodiff/tape"), ("Arrays", "autodiff/array"),
            ("Random numbers and kernel parameters", "autodiff/kernels"), ("Threads", "autodiff/threads"),
            ("Ops", "autodiff/ops"), ("Derivatives", "autodiff/derive"), ("Derivative checks", "autodiff/check"),
            ("Plans", "autodiff/plan"), ("Costs", "autodiff/profile"), ("Text", "autodiff"),
            ("Layers, models, losses", "nn"), ("Training", "optim"), ("Programs with all commands", "experiments")]


LINKS = {}  # the section of each symbol that only one header declares; set by `pages`


def linked(span):
    """A span of code; a link if it is the name of a symbol."""
    name = span.strip("`").removesuffix("()")
    return f"[{span}]({LINKS[name]})" if name in LINKS else span


def escaped(text):
    """Prose as Markdown in which only backticks are markup."""
    parts = re.split(r"(`[^`]*`)", text)
    parts[1::2] = map(linked, parts[1::2])
    parts[::2] = [re.sub(r"([\\*_<>\[\]#|~])", r"\\\1", part) for part in parts[::2]]
    return re.sub(r"(?m)^(\s*)([-+]|\d+\.)(?=\s)", r"\1\\\2", "".join(parts))


def markdown(comment):
    """A comment as Markdown. Lines that are indented by two spaces or more are a block, such as an equation."""
    blocks = []
    for indented, lines in itertools.groupby(comment.split("\n"), lambda line: line.startswith("  ")):
        text = "\n".join(lines)
        blocks.append(f"```text\n{textwrap.dedent(text)}\n```" if indented else escaped(text))
    return "\n\n".join(block.strip("\n") for block in blocks)


def sentence(comment):
    """The first sentence of a comment."""
    paragraph = " ".join(comment.split("\n\n")[0].split())
    return escaped(re.split(r"(?<=[a-z0-9)`\]])\.(?=\s|$)", paragraph)[0].rstrip(".:") + ".")


def anchor(name):
    """The id of a symbol in its page; operators by words."""
    signs = {"+": "plus", "-": "minus", "*": "times", "/": "divided", "<": "less", ">": "greater", "=": "equals",
             "(": "call", "[": "at", "!": "not"}
    return re.sub(r"[^\w-]+", "-", "".join(f"-{signs[c]}" if c in signs else c for c in name)).strip("-")


def overloads(siblings):
    """(name, symbols) of each name, in the order of the first symbol of the name."""
    by_name = {}
    for s in siblings:
        by_name.setdefault(s.name, []).append(s)
    return by_name.items()


def documented(s):
    """The members of a class that have a section of their own."""
    return [m for m in s.members if s.kind in ("class", "struct") and m.comment and m.kind != "variable"]


def write_symbol(lines, level, title, group):
    """A heading, then each declaration with its comment; those with the same comment share a block."""
    lines += [f"{'#' * level} {markdown(title)}", "", f"[source](site:{group[0].file}.html#L{group[0].line})", ""]
    blocks = []
    for s in group:
        if blocks and s.comment in ("", blocks[-1][0].comment):
            blocks[-1].append(s)
        else:
            blocks.append([s])
    for block in blocks:
        lines += ["```cpp", *[s.signature + ";" for s in block], "```", "", markdown(block[0].comment), ""]
    lines += [f"- `{value.name}`: {markdown(value.comment)}" for value in group[0].members
              if group[0].kind == "enum" and value.comment]
    lines.append("")


def page(name, entries):
    """The page of a header."""
    include = next((root for root in ROOTS[::-1] if name != root and f'"{name}"' in (ROOT / root).read_text()), None)
    text = (ROOT / name).read_text()
    where = f"[Source](site:{name}.html)" + (f"; included by [{include}](site:{include}.html)" if include else "")
    lines = [f"# {name}", "", markdown(file_comment(text)), "", markdown(remarks(text)), "", f"{where}.", ""]
    for title, group in overloads(entries):
        s = group[0]
        write_symbol(lines, 2, title, group)
        if s.kind not in ("class", "struct"):
            continue
        for member, same in overloads(documented(s)):
            write_symbol(lines, 3, f"{title}::{member}", same)
        data = [m for m in s.members if m.kind == "variable"]
        if any(m.comment for m in data):
            lines += ["| data | meaning |", "|---|---|"]
            for m in data:
                text = " ".join(m.signature.split()).replace("|", "\\|")
                meaning = re.sub(r"(?<!\\)\|", r"\|", escaped(" ".join(m.comment.split())))
                lines.append(f"| `{text}` | {meaning} |")
            lines.append("")
            data = []
        rest = data + [m for m in s.members if not m.comment and m.kind != "variable"]
        if rest:
            lines += ["```cpp", *[m.signature + ";" for m in sorted(rest, key=lambda m: m.line)], "```", ""]
    return "\n".join(lines)


def sections(found):
    """(title, folder, headers) of each section; every header that declares something is in one."""
    placed, result = set(ROOTS[:-1]), []
    for title, folder in SECTIONS:
        names = [name for name in found if name not in placed and name.startswith(folder + "/")]
        placed.update(names)
        result.append((title, folder, names))
    return result


def pages(found):
    """Every page of the reference by its name in the site, without the suffix."""
    result = {}
    for name, entries in found.items():
        for symbol in {s.name for s in entries} | {f"{s.name}::{m.name}" for s in entries for m in documented(s)}:
            LINKS[symbol] = None if symbol in LINKS else f"site:api/{name}.html#{anchor(symbol)}"
    for symbol in [symbol for symbol, link in LINKS.items() if not link]:
        del LINKS[symbol]
    index = ["# API reference", "",
             "One page for each public header. A program that includes `autodiff/autodiff.h`, `nn/nn.h`, "
             "`optim/optim.h` or `experiments/experiments.h` sees the symbols below.", "",
             "[All symbols from A to Z](site:api/symbols.html)", ""]
    letters = collections.defaultdict(list)
    for title, _, names in sections(found):
        rows = []
        for name in names:
            entries = found[name]
            result[f"api/{name}"] = page(name, entries)
            tops = dict.fromkeys(s.name for s in entries if "::" not in s.name and "<" not in s.name)
            links = [f"[`{n}`](site:api/{name}.html#{anchor(n)})" for n in tops]
            rows += [f"- [{name}](site:api/{name}.html): {sentence(file_comment((ROOT / name).read_text()))}"
                     + ("  \n  " + ", ".join(links) if links else "")]
            for s in entries:
                for n in [s.name, *[f"{s.name}::{m.name}" for m in documented(s)]]:
                    letters[n].append((name, f"site:api/{name}.html#{anchor(n)}"))
        index += [f"## {title}", "", *rows, ""]
    result["api/index"] = "\n".join(index)
    lines = ["# All symbols", ""]
    for letter in sorted({n[0].upper() for n in letters}):
        lines += [f"## {letter}", ""]
        for n in sorted((n for n in letters if n[0].upper() == letter), key=str.lower):
            places = list(dict.fromkeys(letters[n]))
            lines.append(f"- [`{n}`]({places[0][1]}), {', '.join(f'[{name}]({link})' for name, link in places)}")
        lines.append("")
    result["api/symbols"] = "\n".join(lines)
    return result
