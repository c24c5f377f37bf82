"""Texts of apt's sources in both their forms: which mirror they name, another in its place, suites off.

Source: sources.list(5): the one-line style and the deb822 style.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, List, Optional, Sequence, Tuple

_COMPONENTS = frozenset(
    ("main", "contrib", "non-free", "non-free-firmware", "restricted", "universe", "multiverse")
)
_ALIASES = ("stable", "oldstable", "oldoldstable", "testing", "unstable", "sid")
OFF = "# off (disable_suites): "
ASIDE = "# set aside (sources_list): "


def is_deb822(text: str) -> bool:
    """Whether a text is in the deb822 style."""
    rows = text.splitlines()
    if any(row.startswith(("deb ", "deb-src ", "deb\t", "deb-src\t")) for row in rows):
        return False
    return any(row.lower().startswith(("types:", "uris:", "suites:", "components:")) for row in rows)


def has_password(text: str) -> bool:
    """Whether a URL in a text has a user, and so perhaps a password."""
    return any("@" in word.partition("://")[2].partition("/")[0] for word in text.split() if "://" in word)


class Line:
    """One line of the one-line style: `deb [options] uri suite components`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.options: "List[str]" = []
        self.uri = self.suite = ""
        self.components: "List[str]" = []
        content, _, comment = text.partition("#")
        self.comment = comment.strip()
        words = content.split()
        self.kind = words[0] if words else ""
        rest = words[1:]
        if rest and rest[0].startswith("["):
            end = next((index for index, word in enumerate(rest) if word.endswith("]")), len(rest) - 1)
            self.options = " ".join(rest[: end + 1]).strip("[]").split()
            rest = rest[end + 1 :]
        self.active = self.kind in ("deb", "deb-src") and len(rest) >= 2
        if self.active:
            self.uri, self.suite, self.components = rest[0], rest[1], rest[2:]

    def render(self) -> str:
        """The line as it now is."""
        options = ["[%s]" % " ".join(self.options)] if self.options else []
        comment = ["# " + self.comment] if self.comment else []
        return " ".join([self.kind] + options + [self.uri, self.suite] + self.components + comment)


class Stanza:
    """One paragraph of the deb822 style, with its comments and blank lines."""

    def __init__(self, rows: "List[str]") -> None:
        self.rows = rows

    def get(self, name: str) -> "List[str]":
        """The words of a field."""
        start, end = self._span(name)
        if start < 0:
            return []
        value = [self.rows[start].partition(":")[2]] + [
            row for row in self.rows[start + 1 : end] if not row.startswith("#")
        ]
        return " ".join(value).split()

    def set(self, name: str, value: str, note: str = "") -> None:
        """Give a field its value, in the place of the one it has, else after the last field."""
        start, end = self._span(name)
        rows = ([note] if note else []) + ["%s: %s" % (name, value)]
        if start < 0:
            start = end = max([index for index, row in enumerate(self.rows) if _is_content(row)] or [-1]) + 1
        self.rows[start:end] = rows

    def _span(self, name: str) -> "Tuple[int, int]":
        for index, row in enumerate(self.rows):
            if row.lower().startswith(name.lower() + ":"):
                end = index + 1
                while end < len(self.rows) and self.rows[end][:1] in (" ", "\t") and self.rows[end].strip():
                    end += 1
                return index, end
        return -1, -1

    @property
    def active(self) -> bool:
        """Whether apt reads it."""
        return bool(self.get("Types")) and self.get("Enabled")[:1] not in (["no"], ["false"], ["0"])


def _is_content(row: str) -> bool:
    return bool(row.strip()) and not row.startswith("#")


def stanzas(text: str) -> "List[Stanza]":
    """The paragraphs of a text, the blank line after each with it."""
    found: "List[Stanza]" = []
    rows: "List[str]" = []
    for row in text.splitlines():
        if rows and not rows[-1].strip() and row.strip():
            found.append(Stanza(rows))
            rows = []
        rows.append(row)
    return found + ([Stanza(rows)] if rows else [])


def mistake(text: str) -> str:
    """What would keep apt from reading a text of sources, and with it every other; empty for nothing."""
    if not all(letter.isprintable() or letter in "\n\t\r" for letter in text):
        return "it holds characters that do not print"
    if is_deb822(text):
        for stanza in stanzas(text):
            fields = [row for row in stanza.rows if _is_content(row)]
            if not fields:
                continue
            if not all(row[:1] in (" ", "\t") or ":" in row.split()[0] for row in fields):
                return "a line of it is no field"
            lacking = [name for name in ("Types", "URIs", "Suites") if not stanza.get(name)]
            if lacking:
                return "a paragraph of it has no %s" % lacking[0]
            wrong = _wrong_place(stanza.get("URIs"), stanza.get("Suites"), stanza.get("Components"))
            if wrong or set(stanza.get("Types")) - {"deb", "deb-src"}:
                return wrong or "its type is neither deb nor deb-src"
        return ""
    for line in map(Line, text.splitlines()):
        if not line.kind:
            continue
        if line.kind not in ("deb", "deb-src"):
            return "a line begins with neither deb nor deb-src"
        wrong = (
            _wrong_place([line.uri], [line.suite], line.components) if line.active else "a line has no suite"
        )
        if wrong:
            return wrong
    return ""


def _wrong_place(uris: "List[str]", suites: "List[str]", components: "List[str]") -> str:
    if not all(":" in uri or uri.startswith("$") for uri in uris):
        return "a URI of it is none"
    exact = [suite.endswith("/") for suite in suites]
    if components and any(exact):
        return "a suite that ends in / has no components"
    if not components and not all(exact):
        return "a component is missing after the suite"
    return ""


def _of_distribution(suite: str, components: "Sequence[str]", release: str) -> bool:
    """Whether an entry is of the distribution's own archives."""
    base = suite.partition("-")[0].partition("/")[0]
    return (base == release or base in _ALIASES) and bool(components) and set(components) <= _COMPONENTS


def _of_security(suite: str) -> bool:
    return suite.endswith(("-security", "/updates"))


def first_mirrors(texts: "Sequence[str]", release: str) -> "Tuple[str, str]":
    """The mirrors that the texts name: of the archive and of security updates; empty for none.

    What was switched off counts, too: else another look would find others than the first.
    """
    primary = security = ""
    for text in texts:
        for uri, suites, components in _entries(text):
            if not suites or not all(_of_distribution(suite, components, release) for suite in suites):
                continue
            if all(_of_security(suite) for suite in suites):
                security = security or uri
            else:
                primary = primary or uri
    return primary, security


def _entries(text: str) -> "List[Tuple[str, List[str], List[str]]]":
    found = []
    if is_deb822(text):
        for stanza in stanzas(text):
            uris = stanza.get("URIs")
            if stanza.get("Types") and uris:
                found.append((uris[0], stanza.get("Suites"), stanza.get("Components")))
        return found
    for row in text.splitlines():
        line = Line(row[len(ASIDE) :] if row.startswith(ASIDE) else row)
        if line.active:
            found.append((line.uri, [line.suite], line.components))
    return found


def replace_mirrors(text: str, release: str, mirrors: "Dict[str, str]", keys: "Dict[str, str]") -> str:
    """Other mirrors in the distribution's own entries.

    `mirrors`: URLs by "primary" and "security", `keys`: files of their keys.
    """
    if is_deb822(text):
        paragraphs = stanzas(text)
        for stanza in paragraphs:
            suites, components = stanza.get("Suites"), stanza.get("Components")
            if not stanza.active or not suites:
                continue
            if not all(_of_distribution(suite, components, release) for suite in suites):
                continue
            kind = "security" if all(_of_security(suite) for suite in suites) else "primary"
            if kind in mirrors and stanza.get("URIs") != [mirrors[kind]]:
                stanza.set("URIs", mirrors[kind])
            if kind in mirrors and kind in keys and stanza.get("Signed-By") != [keys[kind]]:
                stanza.set("Signed-By", keys[kind])
        return _joined([row for stanza in paragraphs for row in stanza.rows])
    rows = []
    for line in map(Line, text.splitlines()):
        if line.active and _of_distribution(line.suite, line.components, release):
            kind = "security" if _of_security(line.suite) else "primary"
            options = [option for option in line.options if not option.startswith("signed-by=")]
            signed = len(options) < len(line.options)
            if kind in mirrors and (line.uri != mirrors[kind] or (signed and kind in keys)):
                line.uri = mirrors[kind]
                if signed and kind in keys:
                    line.options = options + ["signed-by=" + keys[kind]]
                rows.append(line.render())
                continue
        rows.append(line.text)
    return _joined(rows)


def disable_suites(text: str, suites: "Sequence[str]") -> str:
    """A text in which apt finds none of these suites. What was there stays as comments, or switched off."""
    if not suites:
        return text
    if is_deb822(text):
        paragraphs = stanzas(text)
        for stanza in paragraphs:
            there = stanza.get("Suites")
            left = [suite for suite in there if suite not in suites]
            if not stanza.active or left == there:
                continue
            if left:
                note = OFF + " ".join(suite for suite in there if suite in suites)
                stanza.set("Suites", " ".join(left), note)
            else:
                stanza.set("Enabled", "no", OFF.rstrip(": "))
        return _joined([row for stanza in paragraphs for row in stanza.rows])
    return _commented(text, OFF, lambda line: line.suite in suites)


def set_aside(text: str) -> str:
    """A text in which apt finds nothing: other sources take its place."""
    if is_deb822(text):
        paragraphs = stanzas(text)
        for stanza in paragraphs:
            if stanza.active:
                stanza.set("Enabled", "no", ASIDE.rstrip(": "))
        return _joined([row for stanza in paragraphs for row in stanza.rows])
    return _commented(text, ASIDE, lambda line: True)


def _commented(text: str, mark: str, which: "Callable[[Line], bool]") -> str:
    rows = []
    for line in map(Line, text.splitlines()):
        rows.append(mark + line.text if line.active and which(line) else line.text)
    return _joined(rows)


def _joined(rows: "List[str]") -> str:
    return "\n".join(rows) + "\n" if rows else ""


def with_entry(current: str, entry: str, append: bool) -> str:
    """A file of sources with this entry in it once; alone in it unless `append`."""
    entry = entry.strip("\n")
    if not append or not current.strip():
        return entry + "\n"
    if is_deb822(entry):
        if ("\n\n" + current.strip("\n") + "\n\n").find("\n\n" + entry + "\n\n") >= 0:
            return current
        return current.rstrip("\n") + "\n\n" + entry + "\n"
    there = {" ".join(row.split()) for row in current.splitlines()}
    missing = [row for row in entry.splitlines() if " ".join(row.split()) not in there]
    if not missing:
        return current
    return current.rstrip("\n") + "\n" + "\n".join(missing) + "\n"


def decode(current: "Optional[bytes]") -> str:
    """A file's text."""
    return (current or b"").decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """A text as a file's content."""
    return text.encode("utf-8", "surrogateescape")
