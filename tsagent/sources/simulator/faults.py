"""Faults the simulator injects, and the small language that asks for them.

A specification is `NAME[=VALUE][,OPTION=VALUE]…`; any fault takes `path=PREFIX` (only requests whose
path begins so) and `times=N` (only the first N such requests).
"""

from tsagent.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

VALID = (
    ("delay=SECONDS", "answer after a while"),
    ("drip[=BYTES_PER_SECOND]", "send the answer byte by byte (default 1)"),
    ("cut[=BYTES]", "close after so many bytes of the body (default half of it)"),
    ("status=CODE[,retry-after=SECONDS]", "answer with this status"),
    ("garbage[=html|binary]", "answer 200 with a page that is no metadata, or with random bytes"),
    ("redirect[=URL]", "answer 302 (default: to /redirected on this server)"),
    ("huge=BYTES", "answer 200 with so many bytes"),
    ("down-until=SECONDS", "reset every connection until so long after the start"),
)
OPTIONS = "path=PREFIX and times=N limit any of them"


class Fault:
    """One fault: its `kind`, its number or text, and which requests it applies to."""

    def __init__(
        self,
        kind: str,
        number: "Optional[float]" = None,
        text: "Optional[str]" = None,
        path: str = "/",
        times: "Optional[int]" = None,
        retry_after: "Optional[int]" = None,
    ) -> None:
        self.kind = kind
        self.number = number
        self.text = text
        self.path = path
        self.times = times
        self.retry_after = retry_after
        self.applied = 0

    def applies(self, path: str) -> bool:
        """Whether it applies to this request; counts the request if so. The caller holds a lock."""
        if not path.startswith(self.path) or (self.times is not None and self.applied >= self.times):
            return False
        self.applied += 1
        return True


def parse_fault(spec: str) -> Fault:
    """A Fault from its specification. Raises UsageError quoting it and naming what is valid."""
    pairs = [_pair(part) for part in spec.split(",")]
    kind, value = pairs[0]
    options: "Dict[str, Optional[str]]" = {}
    for name, given in pairs[1:]:
        if name in options:
            raise _wrong(spec, "%s stands twice" % name)
        options[name] = given
    allowed = {"path", "times"} | ({"retry-after"} if kind == "status" else set())
    for name in options:
        if name not in allowed:
            raise _wrong(spec, "%s is no option of %s" % (name or "an empty word", kind))
    fault = Fault(kind)
    _value(fault, spec, kind, value)
    if "path" in options:
        path = options["path"] or ""
        if not path.startswith("/"):
            path = "/latest/meta-data/" + path
        fault.path = path
    if "times" in options:
        fault.times = int(_number(spec, "times", options["times"], whole=True, least=1))
    if "retry-after" in options:
        fault.retry_after = int(_number(spec, "retry-after", options["retry-after"], whole=True))
    return fault


def _pair(part: str) -> "Tuple[str, Optional[str]]":
    name, equals, value = part.strip().partition("=")
    return name.strip(), value.strip() if equals else None


def _value(fault: Fault, spec: str, kind: str, value: "Optional[str]") -> None:
    if kind in ("delay", "down-until"):
        fault.number = _number(spec, kind, value)
    elif kind == "drip":
        fault.number = 1.0 if value is None else _number(spec, kind, value, least=0.001)
    elif kind == "cut":
        fault.number = None if value is None else _number(spec, kind, value, whole=True)
    elif kind == "huge":
        fault.number = _number(spec, kind, value, whole=True)
    elif kind == "status":
        fault.number = _number(spec, kind, value, whole=True, least=200)
        if fault.number > 599:
            raise _wrong(spec, "a status is a number from 200 to 599")
    elif kind == "garbage":
        fault.text = value or "html"
        if fault.text not in ("html", "binary"):
            raise _wrong(spec, "garbage is html or binary")
    elif kind == "redirect":
        fault.text = value
    else:
        raise _wrong(spec, "there is no fault called %r" % kind)


def _number(spec: str, name: str, value: "Optional[str]", whole: bool = False, least: float = 0.0) -> float:
    try:
        number = float(int(value or "")) if whole else float(value or "")
    except ValueError:
        raise _wrong(spec, "%s needs a %snumber" % (name, "whole " if whole else "")) from None
    if not least <= number < 1e12:
        raise _wrong(spec, "%s must be at least %g" % (name, least))
    return number


def _wrong(spec: str, words: str) -> UsageError:
    valid: "str" = "; ".join(form for form, _ in VALID)
    return UsageError("--fault %s: %s" % (spec, words), "valid: %s; %s" % (valid, OPTIONS))


def describe() -> str:
    """The faults, one a line, for the help text."""
    lines: "List[str]" = ["  %-36s %s" % (form, words) for form, words in VALID]
    return "\n".join(lines + ["  " + OPTIONS])
