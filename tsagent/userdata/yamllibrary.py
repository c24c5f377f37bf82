"""Importing PyYAML without compiling its dozen regular expressions, of which reading a file uses one or two.

They are two thirds of what importing it costs. Each is compiled when it is first used.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Later:
    """A regular expression that is compiled at its first use."""

    def __init__(self, make: "Any", arguments: "Any", named: "Any") -> None:
        self._make = (make, arguments, named)

    def __getattr__(self, name: str) -> "Any":
        make, arguments, named = self._make
        return getattr(make(*arguments, **named), name)  # `re` keeps what it has compiled


def yaml() -> "Any":
    """The package `yaml`."""
    import sys

    library = sys.modules.get("yaml")
    if library is not None:
        return library
    import re

    compile_now = re.compile

    def compile_later(*arguments: "Any", **named: "Any") -> "Any":
        # Others may be imported on the way, whose patterns may be used in ways that only real ones bear.
        if sys._getframe(1).f_globals.get("__name__", "").startswith("yaml."):
            return _Later(compile_now, arguments, named)
        return compile_now(*arguments, **named)

    re.compile = compile_later
    try:
        import yaml as library
    finally:
        re.compile = compile_now
    return library
