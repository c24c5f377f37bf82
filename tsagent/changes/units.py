"""systemd's unit files in a tree: where they are, and the links that enabling them makes.

Source: systemd.unit(5), "Unit File Load Path", "[Install] Section Options" and "Specifiers".
"""

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional

    from tsagent.host.tree import Tree

_LOAD_PATH = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
_UNIT_LIMIT = 1 << 20  # bytes
_DIRECTORIES = {"WantedBy": ".wants", "RequiredBy": ".requires", "UpheldBy": ".upholds"}
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@")


class UnitFile:
    """One unit of a tree. `links` maps each link that enables it to what it says."""

    def __init__(
        self, name: str, path: str, masked: bool, links: "Dict[str, str]", also: "List[str]"
    ) -> None:
        self.name = name
        self.path = path
        self.masked = masked
        self.links = links
        self.also = also


def find_unit(tree: "Tree", name: str) -> "Optional[UnitFile]":
    """The unit called `name`, an instance's template included; None where there is none.

    Raises AgentError `bad-unit-name` for what cannot be a unit's name.
    """
    if not name or not set(name) <= _LETTERS or name.startswith((".", "@")) or "." not in name:
        raise AgentError("%r is not the name of a unit" % name[:80], "bad-unit-name")
    for candidate in _candidates(name):
        for directory in _LOAD_PATH:
            path = directory + "/" + candidate
            try:
                if _leads_to_null(tree, path):
                    return UnitFile(name, path, True, {}, [])
                data = tree.read(path, _UNIT_LIMIT)
            except FileNotFoundError:
                continue
            if not data.strip():
                return UnitFile(name, path, True, {}, [])  # an empty file masks too
            return _parse(name, candidate, path, data.decode("utf-8", "replace"))
    return None


def missing_links(tree: "Tree", unit: UnitFile) -> "List[str]":
    """The links that enable the unit, and those it asks for Also=, that are not there."""
    return [link for link in sorted(_all_links(tree, unit)) if not _is_link(tree, link)]


def make_links(tree: "Tree", unit: UnitFile) -> None:
    """Enable the unit as `systemctl enable` would."""
    for link, target in sorted(_all_links(tree, unit).items()):
        if not _is_link(tree, link):
            tree.symlink(target, link)


def _candidates(name: str) -> "List[str]":
    stem, dot, suffix = name.rpartition(".")
    if "@" not in stem:
        return [name]
    return [name, stem.split("@", 1)[0] + "@" + dot + suffix]


def _leads_to_null(tree: "Tree", path: str) -> bool:
    try:
        return tree.readlink(path) == "/dev/null"
    except FileNotFoundError:
        raise
    except OSError:
        return False  # a regular file


def _is_link(tree: "Tree", path: str) -> bool:
    try:
        tree.readlink(path)
    except OSError:
        return False
    return True


def _all_links(tree: "Tree", unit: UnitFile) -> "Dict[str, str]":
    links = dict(unit.links)
    seen = {unit.name}
    waiting = list(unit.also)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        other = find_unit(tree, name)
        if other is not None and not other.masked:
            links.update(other.links)
            waiting.extend(other.also)
    return links


def _parse(name: str, file_name: str, path: str, text: str) -> UnitFile:
    """The links and companions that the [Install] section of a unit file asks for."""
    section = ""
    values: "Dict[str, List[str]]" = {}
    for line in text.replace("\\\n", " ").splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif section == "Install" and "=" in line and line[:1] not in "#;":
            key, value = line.split("=", 1)
            words = values.setdefault(key.strip(), [])
            if value.strip():
                words.extend(value.split())
            else:
                del words[:]  # an empty value takes back what was said before
    links = {}
    enabled = name
    if "@." in name:
        instance = "".join(values.get("DefaultInstance", []))
        if not instance:
            return UnitFile(name, path, False, {}, [])
        enabled = name.replace("@.", "@%s." % instance)
    for key, suffix in _DIRECTORIES.items():
        for word in values.get(key, []):
            links["/etc/systemd/system/%s%s/%s" % (_expand(word, enabled), suffix, enabled)] = path
    for word in values.get("Alias", []):
        alias = _expand(word, enabled)
        if alias != enabled:
            links["/etc/systemd/system/" + alias] = path
    also = [_expand(word, enabled) for word in values.get("Also", [])]
    return UnitFile(name, path, False, {k: v for k, v in links.items() if _safe(k)}, also)


def _safe(link: str) -> bool:
    return ".." not in link.split("/")


def _expand(word: str, name: str) -> str:
    """The specifiers that stand for parts of the unit's own name."""
    stem = name.rpartition(".")[0]
    prefix, _, instance = stem.partition("@")
    parts = {"n": name, "N": stem, "p": prefix, "i": instance, "j": prefix.split("-")[-1]}
    for letter, value in sorted(parts.items()):
        word = word.replace("%" + letter, value)
    return word.replace("%%", "%")
