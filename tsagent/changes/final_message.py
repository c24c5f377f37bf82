"""The message that a run ends with."""

from tsagent import __version__
from tsagent.changes.base import DIFFERS, Change, Probe
from tsagent.changes.console import print_output, write_console
from tsagent.state import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, List, Optional, Sequence, Tuple

    from tsagent.host import Host

NAMES = ("version", "datasource", "timestamp", "uptime")
_NOTE_LIMIT = 200  # characters of a message that stand in status and log


class FinalMessage(Change):
    """Print a message on the console and beside what commands print, with the values that it names put in.

    `template` may name version, datasource, timestamp and uptime, in small or in capital letters, as
    `$name`, `${name}` or `{{ name }}`.
    """

    type = "final_message"

    def __init__(self, template: str, reason: str = "", requires: "Sequence[Change]" = ()) -> None:
        super().__init__("final message", reason, requires)
        self.template = template

    def describe(self) -> str:
        return "print the final message"

    def probe(self, host: "Host") -> Probe:
        return Probe(DIFFERS, "to be printed")

    def apply(self, host: "Host") -> "Optional[str]":
        values = _values(host)
        text = fill_in(self.template, lambda name: values.get(name.lower())).strip() + "\n"
        print_output(host, text)
        if host.live:
            try:
                write_console(host, text)
            except OSError:
                pass  # a machine without a console
        return " ".join(text.split())[:_NOTE_LIMIT]


def fill_in(template: str, value: "Callable[[str], Optional[str]]") -> str:
    """The text with each name replaced by what `value` gives for it; None leaves it as it stands.

    A first line that says `## template: jinja` is left out.
    """
    first, _, rest = template.partition("\n")
    if first.strip().lower().replace(" ", "").startswith("##template:jinja"):
        template = rest
    pieces: "List[str]" = []
    place = 0
    for start in range(len(template)):
        if start < place or template[start] not in "${":
            continue
        name, end = _name_at(template, start)
        known = value(name) if name else None
        if known is not None:
            pieces += [template[place:start], known]
            place = end
    return "".join(pieces) + template[place:]


def unknown_names(template: str) -> "List[str]":
    """The names in a template that stand for nothing."""
    names: "List[str]" = []

    def value(name: str) -> "Optional[str]":
        if name.lower() not in NAMES and name not in names:
            names.append(name)
        return None

    fill_in(template, value)
    return names


def _name_at(text: str, start: int) -> "Tuple[str, int]":
    """The name that stands at `start` as `$name`, `${name}` or `{{ name }}`, and where that ends."""
    for opening, closing in (("${", "}"), ("{{", "}}")):
        if text.startswith(opening, start):
            end = text.find(closing, start + 2)
            name = text[start + 2 : end].strip() if end > 0 else ""
            return (name, end + len(closing)) if name.isidentifier() else ("", start)
    end = start + 1
    if text[start] == "$":
        while text[start + 1 : end + 1].isidentifier() and end < len(text):
            end += 1
    return text[start + 1 : end], end


def _values(host: "Host") -> "Dict[str, str]":
    from time import gmtime, strftime

    from tsagent.quickjson import loads

    try:
        instance = loads(host.root.read(paths.INSTANCE))
        datasource = "%s [%s]" % (instance["source"], instance["origin"])
    except (OSError, ValueError, KeyError, TypeError):
        datasource = "none"
    uptime = (host.hardware.text("/proc/uptime") or "").split()
    return {
        "version": __version__,
        "datasource": datasource,
        "timestamp": strftime("%a, %d %b %Y %H:%M:%S +0000", gmtime(host.clock.time())),
        "uptime": uptime[0] if uptime else "?",
    }
