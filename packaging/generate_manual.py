#!/usr/bin/env python3
"""Write the manual pages from the documentation, so that nothing is told twice.

    generate_manual.py --output DIR

Knows the Markdown that docs/ is written in: headings, paragraphs, lists, tables, fenced blocks, code, bold
and links. A table becomes a list of terms, which reads better in eighty columns; pictures are left out.
"""

import argparse
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
DOCS = os.path.join(os.path.dirname(HERE), "docs")
sys.path.insert(0, HERE)

import sources  # noqa: E402 (beside this file)

SEE_ALSO = ("tsagent(1)", "tsagent-agent.yaml(5)", "tsagent(8)")

SAID_BY_ITSELF = ("is", "what", "does", "means")  # headings of columns that need not be repeated
NOTHING = "\u2013"  # the dash of an empty cell


class Page:
    """One manual page: what it is made from, and what stands around that."""

    def __init__(self, name, number, title, document, synopsis="", sections=None, more=()):
        self.name = name
        self.number = number
        self.title = title  # the line that `apropos` shows
        self.document = document  # a file of docs/
        self.synopsis = synopsis
        self.sections = sections  # headings to take; None for the whole document
        self.more = more  # manual pages that others wrote, for SEE ALSO

    @property
    def file_name(self):
        """As it is installed, before compression."""
        return "%s.%d" % (self.name, self.number)


PAGES = (
    Page("tsagent", 1, "first-boot agent", "command-line.md", "tsagent COMMAND [options]"),
    Page(
        "tsagent-agent.yaml",
        5,
        "an image's configuration of tsagent",
        "command-line.md",
        "/etc/tsagent/agent.yaml, /etc/tsagent/agent.d/*.yaml",
        sections=("The image's configuration",),
    ),
    Page(
        "cloud-init",
        1,
        "cloud-init's command, answered by tsagent",
        "images.md",
        sections=("The `cloud-init` command",),
    ),
    Page("tsagent", 8, "the agent's place in the boot", "boot.md", more=("systemd.special(7)",)),
)


def escape(text):
    """Text that roff prints as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def inline(text):
    """Code and bold in bold, links as their words; an address outside the documentation is shown."""
    text = re.sub(r"!\[[^]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^]]*)\]\((https?:[^)]*)\)", r"\1 (\2)", text)
    text = re.sub(r"\[((?:`[^`]*`|[^]`])*)\]\([^)]*\)", r"\1", text)
    pieces = re.split(r"(`[^`]+`|\*\*[^*]+\*\*)", text)
    out = []
    for piece in pieces:
        marked = re.match(r"^(?:`(.+)`|\*\*(.+)\*\*)$", piece)
        if marked:
            out.append("\\fB%s\\fR" % escape((marked.group(1) or marked.group(2)).replace("`", "")))
        elif piece:
            out.append(escape(piece))
    return "".join(out).strip()


def cells(line):
    """The cells of a table's row."""
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def table(lines):
    """A table as terms with what is said of them; columns past the second by their headings."""
    heads = cells(lines[0])
    for line in lines[2:]:
        term, *rest = cells(line)
        if not any(cell not in ("", NOTHING) for cell in rest):
            yield from (".PP", inline(term))
            continue
        yield from (".TP", inline(term))
        said = [
            cell
            if len(rest) == 1 or (cell is rest[0] and head in SAID_BY_ITSELF)
            else "%s: %s" % (head.capitalize(), cell)
            for head, cell in zip(heads[1:], rest)
            if cell not in ("", NOTHING)
        ]
        yield inline(". ".join(said) + "." if len(said) > 1 else said[0])


def blocks(lines):
    """The document in pieces: (kind, lines), where a kind is heading, code, table, item or text."""
    kind, piece = "", []
    for line in lines + [""]:
        if kind == "code":
            if line.startswith("```"):
                yield kind, piece
                kind, piece = "", []
            else:
                piece.append(line)
            continue
        if line.startswith("```"):
            new = "code"
        elif re.match(r"#+ ", line):
            new = "heading"
        elif line.startswith("|"):
            new = "table"
        elif re.match(r"(-|\d+\.) ", line):
            new = "item"
        elif not line.strip():
            new = ""
        elif kind in ("item", "text"):
            piece.append(line.strip())
            continue
        else:
            new = "text"
        if piece and (new != kind or new in ("item", "heading")):
            yield kind, piece
            piece = []
        kind = new
        if new not in ("", "code"):
            piece.append(line)


def body(lines):
    """The document as lines of roff."""
    for kind, piece in blocks(lines):
        if kind == "heading":
            level, words = re.match(r"(#+) (.*)", piece[0]).groups()
            # A heading is bold already.
            words = inline(words).replace("\\fB", "").replace("\\fR", "").replace('"', "\\(dq")
            yield '%s "%s"' % (".SH" if len(level) <= 2 else ".SS", words)
        elif kind == "code":
            yield from (".PP", ".RS 4", ".nf")
            yield from (escape(line) for line in piece)
            yield from (".fi", ".RE")
        elif kind == "table":
            yield from table(piece)
        elif kind == "item":
            mark, words = re.match(r"(-|\d+\.) (.*)", " ".join(piece)).groups()
            yield ".IP %s 4" % ("\\(bu" if mark == "-" else mark)
            yield inline(words)
        else:
            words = inline(" ".join(piece))
            if words:
                yield from (".PP", words)


def chosen(lines, sections):
    """The lines of these sections, without their headings. Raises SystemExit where there is no such one."""
    found, level, seen = [], 0, set()
    for line in lines:
        heading = re.match(r"(#+) (.*)", line)
        if heading and level and len(heading.group(1)) <= level:
            level = 0
        if heading and heading.group(2) in sections:
            level = len(heading.group(1))
            seen.add(heading.group(2))
        elif level:
            found.append(line)
    if seen != set(sections):
        raise SystemExit("no section %s in the documentation" % ", ".join(sorted(set(sections) - seen)))
    return found


def render(page):
    """The page as roff."""
    with open(os.path.join(DOCS, page.document), encoding="utf-8") as file:
        lines = file.read().splitlines()
    if page.sections:
        lines = chosen(lines, page.sections)
    else:
        lines = [line for line in lines if not line.startswith("# ")]
    others = sorted(
        {other for other in SEE_ALSO if other != "%s(%d)" % (page.name, page.number)}.union(page.more)
    )
    out = [
        '.\\" -*- coding: utf-8 -*-',
        '.\\" Made from docs/%s by packaging/generate_manual.py.' % page.document,
        '.TH %s %d "" "tsagent %s"' % (escape(page.name.upper()), page.number, sources.version()),
        ".nh",
        ".ad l",
        ".SH NAME",
        "%s \\- %s" % (escape(page.name), escape(page.title)),
    ]
    if page.synopsis:
        out += [".SH SYNOPSIS", inline(page.synopsis)]
    out += [".SH DESCRIPTION"]
    out += list(body(lines))
    out += [
        ".SH SEE ALSO",
        ",\n".join("\\fB%s\\fR%s" % re.match(r"(.*)(\(\d\))", name).groups() for name in others),
    ]
    return "\n".join(out) + "\n"


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True, metavar="DIR", help="where the pages are written")
    output = parser.parse_args().output
    os.makedirs(output, exist_ok=True)
    for page in PAGES:
        with open(os.path.join(output, page.file_name), "w", encoding="utf-8") as file:
            file.write(render(page))


if __name__ == "__main__":
    main()
