"""Answers to the questions of Debian's packages, given before they are asked.

Source: debconf-set-selections(1); the form of the database is that of debconf's driver `File`.
"""

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Probe
from tsagent.changes.root_tools import run_in_root
from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Tuple

    from tsagent.host import Host

    Answer = Tuple[str, str, str, str]

KINDS = ("select", "boolean", "string", "multiselect", "note", "password", "text", "title")
FLAGS = ("seen",)
_DATABASES = ("/var/cache/debconf/config.dat", "/var/cache/debconf/passwords.dat")
_LIMIT = 16 << 20  # bytes of a database
_LOCK_LIMIT = 120.0  # seconds to wait for a package manager that has the database
_LOCK_PAUSE = 0.5  # seconds between two tries


class SetDebconf(Change):
    """Give debconf the answers of `text`, in lines of `package question type answer`.

    `name` tells it from others; `enter` is as for RunInRoot. Answers are secret unless said otherwise:
    they stand in no plan, id, argument list or error.
    """

    type = "set_debconf"

    def __init__(
        self,
        name: str,
        text: str,
        enter: bool,
        secret: bool = True,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(name, reason, requires)
        self.text = text
        self.secret = secret
        self.needs_live = not enter
        self.answers = parse_answers(text)[0]

    def payload(self) -> "Dict[str, object]":
        return {} if self.secret else {"text": self.text}

    def describe(self) -> str:
        return "answer debconf's questions: %s (%d)" % (self.target, len(self.answers))

    def detail(self, host: "Host") -> "List[str]":
        return [] if self.secret else self.text.splitlines()

    def probe(self, host: "Host") -> Probe:
        known: "Dict[str, str]" = {}
        for path in _DATABASES:
            try:
                known.update(_read(host.root.read(path, _LIMIT).decode("utf-8", "replace")))
            except FileNotFoundError:
                continue
            except OSError as error:
                return Probe(UNKNOWN, error.strerror or "unreadable")
        open_ = [
            question
            for _, question, kind, value in self.answers
            if kind in KINDS and known.get(question) != value.strip()
        ]
        if open_:
            return Probe(DIFFERS, "not answered so: " + ", ".join(open_[:5]))
        return Probe(CONVERGED)

    def apply(self, host: "Host") -> "Optional[str]":
        data = self.text.encode("utf-8")
        if not data.endswith(b"\n"):
            data += b"\n"
        deadline = host.clock.monotonic() + _LOCK_LIMIT
        while True:
            result = run_in_root(
                host, ["debconf-set-selections"], stdin=data, env={"DEBIAN_FRONTEND": "noninteractive"}
            )
            locked = result.status != 0 and "locked by another process" in result.text
            if not locked or host.clock.monotonic() > deadline:
                break
            host.clock.sleep(_LOCK_PAUSE)
        if result.timed_out or result.status != 0:
            # What the tool says quotes the line, and with it a password perhaps.
            raise AgentError(
                "debconf-set-selections failed with status %d" % result.status
                if not locked
                else "another package manager has held debconf's database for %d s" % _LOCK_LIMIT,
                "debconf-failed",
                "see that each line has a package, a question, a type and an answer",
            )
        seen = self.probe(host)
        if seen.state == DIFFERS:
            raise AgentError("debconf-set-selections succeeded, and yet: %s" % seen.detail, "not-converged")
        return None

    def flush(self, host: "Host") -> None:
        host.flush()


def parse_answers(text: str) -> "Tuple[List[Answer], List[int]]":
    """(package, question, type, answer) of each line, and the numbers of the lines that are none."""
    answers: "List[Answer]" = []
    wrong: "List[int]" = []
    for number, line in logical_lines(text):
        words = line.split(None, 3)
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 3 or words[2] not in KINDS + FLAGS:
            wrong.append(number)
            continue
        answers.append((words[0], words[1], words[2], words[3] if len(words) == 4 else ""))
    return answers, wrong


def logical_lines(text: str) -> "List[Tuple[int, str]]":
    """The lines with the number each begins on; a backslash at its end joins a line to the next."""
    lines: "List[Tuple[int, str]]" = []
    begun: "Optional[Tuple[int, str]]" = None
    for number, line in enumerate(text.splitlines(), 1):
        first, words = begun if begun is not None else (number, "")
        words += line.rstrip("\r")
        if words.endswith("\\"):
            begun = (first, words[:-1])
            continue
        lines.append((first, words))
        begun = None
    if begun is not None:
        lines.append(begun)
    return lines


def _read(text: str) -> "Dict[str, str]":
    """question -> answer of a database."""
    known: "Dict[str, str]" = {}
    name = ""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if not line.strip():
            name = ""
        elif key == "Name":
            name = value.strip()
        elif key == "Value" and name:
            known[name] = value.strip()
    return known
