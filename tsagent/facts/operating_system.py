"""The distribution.

Section `os`, a record:
    id                "tencentos": lower case, whatever the file says
    id_like           ["rhel", "fedora", "centos"]
    name, pretty_name, version ("3.1 (Final)"), version_id ("3.1"), platform_id ("platform:el8")
    major             3, or None
    family            what its packages and tools are like: "el7" | "el8" | "el9" … | "tl4" | "oc9" |
                      "debian" | "suse" | "fedora" | "unknown"
    user_mode         the same for people: "CentOS 7", "TencentOS Server 4"
    rhel_generation   the RHEL generation its tools resemble most: 7, 8, 9 …; None for others
    package_manager   "yum" | "dnf" | "apt" | "zypper" | None
    tencentos         true on TencentOS Server of any version
    source            the file read
"""

import re

from tsagent.facts.reading import parse_number, whole
from tsagent.facts.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

    from tsagent.facts import Facts

FILES = ["/etc/os-release", "/usr/lib/os-release"]
KEYS = [
    "id",
    "id_like",
    "name",
    "pretty_name",
    "version",
    "version_id",
    "platform_id",
    "major",
    "family",
    "user_mode",
    "rhel_generation",
    "package_manager",
    "tencentos",
    "source",
]
# TencentOS Server 2 has the user mode of CentOS 7, 3 that of CentOS 8, 4 its own.
# Source: vendor documentation, overview of TencentOS Server.
_TENCENTOS = {2: "el7", 3: "el8", 4: "tl4"}
# The generation whose tools (dnf, nmcli, openssl) the own user modes resemble most: TencentOS Server 4
# and OpenCloudOS 9 ship systemd 255, glibc 2.38 and Python 3.11, as RHEL 9 does or nearly.
_OWN = {"tl4": 9, "oc8": 8, "oc9": 9}


def gather(facts: "Facts") -> Record:
    """The section `os`."""
    text: "Optional[str]" = None
    source: "Optional[str]" = None
    for path in FILES:
        text = whole(facts.root, path)
        if text is not None and text.strip():
            source = path
            break
    values = parse_os_release(text or "")
    identity = values.get("ID", "").lower()
    like = values.get("ID_LIKE", "").lower().split()
    version_id = values.get("VERSION_ID") or None
    platform_id = values.get("PLATFORM_ID") or None
    major = parse_number((version_id or "").split(".")[0] or None)
    family = family_of(identity, like, major, platform_id)
    generation = _generation(family)
    manager = _package_manager(family, generation)
    if manager is None:
        manager = _installed_manager(facts)
    return Record(
        id=identity or None,
        id_like=like,
        name=values.get("NAME") or None,
        pretty_name=values.get("PRETTY_NAME") or None,
        version=values.get("VERSION") or None,
        version_id=version_id,
        platform_id=platform_id,
        major=major,
        family=family,
        user_mode=_user_mode(family, values),
        rhel_generation=generation,
        package_manager=manager,
        tencentos=identity == "tencentos",
        source=source,
    )


def parse_os_release(text: str) -> "Dict[str, str]":
    """The assignments of an os-release file, quotes and backslashes taken off; what is none is skipped."""
    values: "Dict[str, str]" = {}
    for row in text.replace("\0", "").splitlines():
        match = re.match(r"\s*([A-Za-z][A-Za-z0-9_]*)=(.*)$", row)
        if match is None:
            continue
        value = match.group(2).strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        values[match.group(1)] = re.sub(r"\\(.)", r"\1", value)
    return values


def family_of(identity: str, like: "List[str]", major: "Optional[int]", platform_id: "Optional[str]") -> str:
    """The family of a distribution, from its os-release."""
    match = re.match(r"platform:((?:el|tl|oc|f)\d+)", platform_id or "")
    if match is not None:
        platform = match.group(1)
        return "fedora" if platform.startswith("f") else platform
    if identity == "tencentos" or "tlinux" in identity:
        if major in _TENCENTOS:
            return _TENCENTOS[major]
        return "tl%d" % major if major else "unknown"
    if identity == "opencloudos":
        return "oc%d" % major if major else "unknown"
    names = [identity] + like
    if "debian" in names or "ubuntu" in names:
        return "debian"
    if identity == "fedora":
        return "fedora"
    if any(name in names for name in ("rhel", "centos")) and major:
        return "el%d" % major
    if any(name.startswith(("suse", "sles", "opensuse")) for name in names):
        return "suse"
    return "unknown"


def _generation(family: str) -> "Optional[int]":
    if family in _OWN:
        return _OWN[family]
    if family.startswith(("tl", "oc")):
        return 9  # newer than anything known here: the newest known habits
    return parse_number(family[2:]) if family.startswith("el") else None


def _package_manager(family: str, generation: "Optional[int]") -> "Optional[str]":
    if generation is not None:
        return "yum" if generation < 8 else "dnf"
    return {"debian": "apt", "suse": "zypper", "fedora": "dnf"}.get(family)


def _installed_manager(facts: "Facts") -> "Optional[str]":
    """For a distribution nobody has heard of: what is installed."""
    for path, name in _MANAGERS:
        if facts.root.exists(path):
            return name
    return None


_MANAGERS: "List[Tuple[str, str]]" = [
    ("/usr/bin/dnf", "dnf"),
    ("/usr/bin/yum", "yum"),
    ("/usr/bin/apt-get", "apt"),
    ("/usr/bin/zypper", "zypper"),
]


def _user_mode(family: str, values: "Dict[str, str]") -> "Optional[str]":
    if family.startswith("el"):
        return "CentOS " + family[2:]
    if family.startswith("tl"):
        return "TencentOS Server " + family[2:]
    if family.startswith("oc"):
        return "OpenCloudOS " + family[2:]
    return values.get("PRETTY_NAME") or values.get("NAME") or None
