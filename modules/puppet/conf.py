"""Puppet's configuration file: settings put into it, all else kept. Pure.

Source of the format: Puppet's documentation, "Config files: puppet.conf".
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional


def text_of(value: "Any") -> str:
    """A setting's value as the file has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(text_of(item) for item in value)
    return "" if value is None else " ".join(str(value).split())


def merged(data: "Optional[bytes]", wanted: "Dict[str, Dict[str, str]]") -> "Optional[bytes]":
    """The file with these settings in their sections; None where it has them all already.

    A setting that is there, in whichever line of its section, is replaced in its place, and further lines
    of it go; one that is not is added at the end of its section, and a section at the end of the file.
    """
    lines = (data or b"").decode("utf-8", "surrogateescape").splitlines()
    left = {name: dict(values) for name, values in wanted.items()}
    done: "Dict[str, List[str]]" = {name: [] for name in wanted}
    result: "List[str]" = []
    section, headed = "main", False  # what stands before the first section counts as its
    for line in lines:
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            if headed:
                _add(result, left, section)
            headed = True
            section = stripped[1:-1].strip()
        key = stripped.partition("=")[0].strip() if "=" in stripped and stripped[:1] not in "#[" else ""
        if key and key in wanted.get(section, {}):
            if key in done[section]:
                continue
            done[section].append(key)
            value = left[section].pop(key)
            line = line if stripped.partition("=")[2].strip() == value else "%s = %s" % (key, value)
        result.append(line)
    if headed:
        _add(result, left, section)
    for name in wanted:
        if left[name]:
            result += ([""] if result else []) + ["[%s]" % name]
            _add(result, left, name)
    if result == lines:
        return None
    return ("\n".join(result) + "\n").encode("utf-8", "surrogateescape")


def _add(result: "List[str]", left: "Dict[str, Dict[str, str]]", section: str) -> None:
    """Add what is left of a section after its last line that says something."""
    values = left.get(section)
    if not values:
        return
    place = len(result)
    while place and not result[place - 1].strip():
        place -= 1
    result[place:place] = ["%s = %s" % item for item in values.items()]
    values.clear()
