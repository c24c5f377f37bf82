"""What is written into the clients' files."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional

    Lists = Dict[str, List[str]]

BEGIN = b"# From user data, by tsagent:\n"
END = b"# End of what is from user data.\n"
PUT_ASIDE = b"#tsagent: "  # before a line of the image that others stand for
# The directives that name time servers, that find more of them, and that say how many there must be: with
# Debian's "tos minclock 4 minsane 3", ntpd would never set the clock by two servers.
_SOURCES = {
    "chrony": (b"server", b"pool", b"peer", b"sourcedir", b"minsources"),
    "ntp": (b"server", b"pool", b"peer", b"tos"),
    "openntpd": (b"server", b"servers"),
}
# A file that the package did not bring: what its client needs beside the servers.
_NEW = {
    "chrony": "driftfile /var/lib/chrony/drift\nmakestep 1.0 3\nrtcsync\nlogdir /var/log/chrony\n",
    "ntp": "driftfile /var/lib/ntp/drift\nrestrict default nomodify notrap noquery\n"
    "restrict 127.0.0.1\nrestrict ::1\n",
    "openntpd": "",
}


def edited(
    current: "Optional[bytes]", syntax: str, lists: "Lists", pools_are_servers: bool
) -> "Optional[bytes]":
    """The client's file with these servers; None where there is neither a file nor a server.

    What an earlier call did is undone first: the file is the image's again, whatever was asked for then.
    """
    replaces = bool(lists["servers"] or lists["pools"])
    if current is None:
        if not replaces:
            return None
        current = _NEW[syntax].encode("ascii")
    rows = _undone(current)
    sources = _SOURCES[syntax]
    place = len(rows)
    for index, row in enumerate(rows):
        words = row.split()
        if words and words[0].lower() in sources:
            place = min(place, index)
            if replaces:
                rows[index] = PUT_ASIDE + row
    lines = directives(syntax, lists, pools_are_servers)
    if lines:
        rows[place:place] = [BEGIN] + [line.encode("utf-8") + b"\n" for line in lines] + [END]
    return b"".join(rows)


def _undone(current: bytes) -> "List[bytes]":
    rows = []
    inside = False
    for row in current.splitlines(True):
        if not row.endswith(b"\n"):
            row += b"\n"
        if row == BEGIN:
            inside = True
        elif row == END:
            inside = False
        elif not inside:
            rows.append(row[len(PUT_ASIDE) :] if row.startswith(PUT_ASIDE) else row)
    return rows


def directives(syntax: str, lists: "Lists", pools_are_servers: bool = False) -> "List[str]":
    """The lines for these servers."""
    if syntax == "openntpd":
        return ["servers " + name for name in lists["pools"]] + [
            "server " + name for name in lists["servers"]
        ]
    pool = "server" if pools_are_servers else "pool"
    lines = ["%s %s iburst" % (pool, name) for name in lists["pools"]]
    lines += ["server %s iburst" % name for name in lists["servers"]]
    lines += ["peer " + name for name in lists["peers"]]
    if syntax == "chrony":
        lines += ["allow " + network for network in lists["allow"]]
    return lines


def drop_in(lists: "Lists") -> str:
    """timesyncd's. Source: timesyncd.conf(5): an empty value takes back what other files say."""
    return "[Time]\nNTP=\nNTP=%s\n" % " ".join(lists["servers"] + lists["pools"])
