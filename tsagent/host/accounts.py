"""The accounts of a root: its own /etc/passwd and /etc/group, never the running machine's."""

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Optional, Union

    from tsagent.host.tree import Tree

_NOBODY = 2**32 - 1  # (uid_t) -1 means "leave as it is" to the kernel


class Account:
    """One line of /etc/passwd."""

    __slots__ = ("gecos", "gid", "home", "name", "shell", "uid")

    def __init__(self, name: str, uid: int, gid: int, gecos: str, home: str, shell: str) -> None:
        self.name = name
        self.uid = uid
        self.gid = gid
        self.gecos = gecos
        self.home = home
        self.shell = shell


class Group:
    """One line of /etc/group."""

    __slots__ = ("gid", "members", "name")

    def __init__(self, name: str, gid: int, members: "List[str]") -> None:
        self.name = name
        self.gid = gid
        self.members = members


def records(tree: "Tree", path: str) -> "Iterator[List[str]]":
    """The fields of each line of a colon-separated account file; none where it is absent."""
    try:
        data = tree.read(path)
    except FileNotFoundError:
        return
    for line in data.decode("utf-8", "surrogateescape").splitlines():
        if line and not line.startswith("#"):
            yield line.split(":")


def find_user(tree: "Tree", name: str) -> "Optional[Account]":
    """The account called `name`, or None."""
    for fields in records(tree, "/etc/passwd"):
        if fields[0] == name and len(fields) >= 7 and fields[2].isdigit() and fields[3].isdigit():
            return Account(name, int(fields[2]), int(fields[3]), fields[4], fields[5], fields[6])
    return None


def find_group(tree: "Tree", name: str) -> "Optional[Group]":
    """The group called `name`, or None."""
    for fields in records(tree, "/etc/group"):
        if fields[0] == name and len(fields) >= 4 and fields[2].isdigit():
            return Group(name, int(fields[2]), [member for member in fields[3].split(",") if member])
    return None


def user_id(tree: "Tree", owner: "Union[str, int]") -> int:
    """The uid of a name or number. Raises AgentError `no-such-user`."""
    if isinstance(owner, int) or owner.isdigit():
        return _number(owner)
    if owner == "root":
        return 0
    account = find_user(tree, owner)
    if account is None:
        raise AgentError("there is no user %s" % owner, "no-such-user", "create it under users:")
    return account.uid


def group_id(tree: "Tree", group: "Union[str, int]") -> int:
    """The gid of a name or number. Raises AgentError `no-such-group`."""
    if isinstance(group, int) or group.isdigit():
        return _number(group)
    if group == "root":
        return 0
    found = find_group(tree, group)
    if found is None:
        raise AgentError("there is no group %s" % group, "no-such-group", "create it under groups:")
    return found.gid


def _number(value: "Union[str, int]") -> int:
    number = int(value)
    if not 0 <= number < _NOBODY:
        raise AgentError("%d is not a user or group id" % number, code="bad-id")
    return number
