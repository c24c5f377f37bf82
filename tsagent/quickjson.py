"""JSON by the C parts of the standard library's `json`, without importing the rest of it.

`json` brings in `re` and `enum`: a third of what a boot that has nothing to do would cost. The answers are
those of `json.loads` and `json.dumps`; whatever is out of the ordinary is handed to these.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Optional, Union

_SPACE = " \t\n\r"


class _Rules:
    """What json.JSONDecoder() says to its scanner."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float  # NaN and Infinity, which float() reads, too
    memo: "Dict[str, str]" = {}


def _made() -> "Any":
    """The scanner and the maker of encoders, or None where this interpreter has no such C parts."""
    try:
        from _json import encode_basestring_ascii, make_encoder, make_scanner
    except ImportError:
        return None
    return make_scanner(_Rules()), make_encoder, encode_basestring_ascii  # type: ignore[arg-type]


_C = _made()


def loads(text: "Union[str, bytes]") -> "Any":
    """The value of a JSON text. Raises ValueError as `json.loads` does (and RecursionError likewise)."""
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    if _C is not None:
        try:
            value, end = _C[0](text, len(text) - len(text.lstrip(_SPACE)))
            if not text[end:].strip(_SPACE):
                return value
        except (StopIteration, SystemError):
            pass  # SystemError: without `json` it cannot say what is wrong
    import json

    return json.loads(text)  # says what is wrong, and where


def dumps(
    value: "Any",
    sort_keys: bool = False,
    default: "Optional[Callable[[Any], Any]]" = None,
    lines: bool = False,
) -> str:
    """A value as JSON in ASCII. `default` as `json.dumps` has it; with `lines`, an item begins a line.

    Raises TypeError and ValueError as `json.dumps` does.
    """
    item, key = (",\n" if lines else ", "), ": "
    if _C is not None:
        encode = _C[1]({}, default or _refuse, _C[2], None, key, item, sort_keys, False, True)
        return "".join(encode(value, 0))
    import json

    return json.dumps(value, sort_keys=sort_keys, default=default, separators=(item, key))


def _refuse(value: "Any") -> "Any":
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)
