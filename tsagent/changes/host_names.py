"""What a host is called, and the lines of /etc/hosts that say so, as pure functions.

Source: cloud-init's rules for `hostname` and `fqdn`, hosts(5), and RFC 1123, section 2.1.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

_LABEL_LIMIT = 63  # characters between two dots. Source: RFC 1123, section 2.1
_OWN = b"# this host, by manage_etc_hosts"  # ends the line that is the agent's own


def names_of(settings: "Dict[str, Any]", instance: "Dict[str, Any]") -> "Tuple[str, str, str]":
    """The short name, the full name (empty where none is known) and where they are from.

    As cloud-init has it: `fqdn` stands above `hostname`, a `hostname` with dots is a full name, and what
    user data leaves open the metadata fills.
    """
    given, full = _word(settings.get("hostname")), _word(settings.get("fqdn"))
    stated = _word(instance.get("hostname"))
    if full:
        return given or full.split(".")[0], full, "fqdn: in the configuration"
    if given:
        if "." in given.strip("."):
            return given.split(".")[0], given, "hostname: in the configuration"
        # The metadata's full name is that of another host: cloud-init would set it in place of the user's.
        return given, "", "hostname: in the configuration"
    if stated:
        return stated.split(".")[0], stated if "." in stated else "", "the metadata"
    return "", "", ""


def sanitised(name: str) -> str:
    """The name with letters, digits, hyphens, underscores and dots; no label begins or ends with a hyphen.

    A label in other letters is written as name servers have it: `xn--` and so on.
    """
    labels = []
    for label in name.split("."):
        label = _in_ascii(label)
        kept = "".join(
            letter if (letter.isalnum() and ord(letter) < 128) or letter in "-_" else "-" for letter in label
        )
        kept = kept.strip("-")
        if kept:
            labels.append(kept[:_LABEL_LIMIT].rstrip("-"))
    return ".".join(labels)


def _in_ascii(label: str) -> str:
    if all(ord(letter) < 128 for letter in label) or not all(
        letter.isalnum() or letter in "-_" for letter in label
    ):
        return label
    try:
        return label.encode("idna").decode("ascii")
    except UnicodeError:
        return label


def shortened(name: str) -> str:
    """The name as one label, at most as long as a label may be."""
    return sanitised(name)[:_LABEL_LIMIT].rstrip("-")


def with_own_line(current: "Optional[bytes]", address: str, names: "List[str]") -> bytes:
    """/etc/hosts with a line in which `address` stands for `names`; other lines stay as they are.

    A line that says so already will do. The agent's own line is marked by its comment: one of an earlier
    name goes, the new one takes its place, else that after localhost's.
    """
    if current is None:
        current = b"127.0.0.1 localhost\n::1 localhost\n"
    wanted = [word.encode("ascii") for word in [address] + names]
    rows = current.splitlines(True)
    if rows and not rows[-1].endswith(b"\n"):
        rows[-1] += b"\n"
    out: "List[bytes]" = []
    place: "Optional[int]" = None
    localhost = 0
    there = any(_says(row, wanted) for row in rows if _OWN not in row)
    for row in rows:
        if _OWN in row:
            if place is None:
                place = len(out)
            continue
        out.append(row)
        if row.split(b"#")[0].split()[:1] == [b"127.0.0.1"]:
            localhost = len(out)
    if not there:
        out.insert(localhost if place is None else place, b" ".join(wanted + [_OWN]) + b"\n")
    return b"".join(out)


def _says(row: bytes, wanted: "List[bytes]") -> bool:
    """Whether a line gives the address the first name, and the others beside it."""
    words = row.split(b"#")[0].split()
    return words[:2] == wanted[:2] and not set(wanted) - set(words)


def _word(value: "object") -> str:
    return str(value).strip().rstrip(".") if value is not None and not isinstance(value, bool) else ""
