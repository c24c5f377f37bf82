"""The running kernel.

Section `kernel`, a record:
    release        "5.4.241-24.0017.23"
    version        [5, 4, 241]: numbers, comparable; [] when the release does not parse
    line           "tkernel3" | "tkernel4" | "tkernel5" | "other"
    line_reason    why, in words
    command_line   text of /proc/cmdline
    parameters     {"console": "ttyS0,115200", "ro": true}: the last value of each; true for a bare word
    boot_id        text or None
    modules        names of the loaded modules, sorted
    source         the files read
"""

import re

from tsagent.facts.reading import fields, line, whole
from tsagent.facts.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from tsagent.facts import Facts

RELEASE = "/proc/sys/kernel/osrelease"
COMMAND_LINE = "/proc/cmdline"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
MODULES = "/proc/modules"
KEYS = [
    "release",
    "version",
    "line",
    "line_reason",
    "command_line",
    "parameters",
    "boot_id",
    "modules",
    "source",
]
# The upstream version each line is built from. Source: the branches of the public TencentOS-kernel
# repository and release strings of published images.
_LINES = {(4, 14): "tkernel3", (5, 4): "tkernel4", (6, 6): "tkernel5"}
# Words in a release string: 4.14.105-1-tlinux3-0023.1, 5.4.241-1-tlinux4-0017.7, 6.6.98-40.2.tl4.x86_64,
# 6.6.34-9.oc9.x86_64 (OpenCloudOS, built from the same source).
_WORDS = r"(?i)tlinux|tencent|[.-]tl\d|[.-]oc\d"
# Public images carry no word, only a build number of four digits that begins with 0:
# 4.14.105-19-0024, 5.4.119-19-0009.6, 5.4.119-19.0009.27, 5.4.241-24.0017.23.
_BUILD = r"^(?:4\.14|5\.4)\.\d+-\d+[.-]0\d{3}(?:\.\d+)*$"


def gather(facts: "Facts") -> Record:
    """The section `kernel`."""
    tree = facts.hardware
    release = line(tree, RELEASE)
    command_line = " ".join((whole(tree, COMMAND_LINE) or "").replace("\0", " ").split())
    found, reason = kernel_line(release)
    return Record(
        release=release,
        version=parse_version(release),
        line=found,
        line_reason=reason,
        command_line=command_line,
        parameters=parse_command_line(command_line),
        boot_id=line(tree, BOOT_ID),
        modules=sorted(row[0] for row in fields(whole(tree, MODULES))),
        source="%s, %s, %s, %s" % (RELEASE, COMMAND_LINE, BOOT_ID, MODULES),
    )


def parse_version(release: "Optional[str]") -> "List[int]":
    """The leading numbers of a release string: `5.4.241-24.0017` gives [5, 4, 241]."""
    match = re.match(r"(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?", release or "")
    return [int(part) for part in match.groups() if part is not None] if match else []


def kernel_line(release: "Optional[str]") -> "Tuple[str, str]":
    """Which of Tencent's kernel lines a release string belongs to, and why."""
    version = parse_version(release)
    if not release or not version:
        return "other", "no kernel release to read"
    based_on = _LINES.get((version[0], version[1]))
    mark = re.search(_WORDS, release)
    if mark is None and re.match(_BUILD, release) is None:
        return "other", "%s carries no mark of a TencentOS kernel" % release
    if based_on is None:
        return "other", "%s is marked as a TencentOS kernel of a version not known here" % release
    shown = "%d.%d" % (version[0], version[1])
    if mark is not None:
        return based_on, "version %s with %r in the release" % (shown, mark.group(0).strip(".-"))
    return based_on, "version %s with a TencentOS build number" % shown


def parse_command_line(text: str) -> "Record":
    """The kernel's parameters; a value may be quoted and then hold blanks, as the kernel reads them."""
    parameters: "Dict[str, Any]" = {}
    for word in re.findall(r'(?:[^\s"]|"[^"]*(?:"|$))+', text):
        if word == "--":
            break  # what follows is for init, not for the kernel
        if len(word) > 1 and word[0] == word[-1] == '"':
            word = word[1:-1]
        key, equals, value = word.partition("=")
        if key:
            parameters[key] = value.strip('"') if equals else True
    return Record(parameters)
