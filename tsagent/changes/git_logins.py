"""Users and passwords of git's servers: told to one run of git, in a file, and taken away after it.

An argument list is everybody's to read, and so is the address that git notes in a repository. So the
address goes without its password, and git finds that with a helper of its own.
Source: git-credential-store(1), gitcredentials(7).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Sequence, Tuple

    from tsagent.host import Host

_DIRECTORY = "/run/tsagent-git"
_SCHEMES = ("http", "https")


def parted(url: str) -> "Tuple[str, str]":
    """(the address without user and password, the line for git's store); "" where it has none for git.

    A token that stands alone is a user with an empty password.
    """
    scheme, mark, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    user, at, host = place.rpartition("@")
    if not mark or not at or scheme.lower() not in _SCHEMES or not url.isprintable():
        return url, ""
    name, _, password = user.partition(":")
    return "%s://%s%s%s" % (scheme, host, slash, path), "%s://%s:%s@%s" % (scheme, name, password, host)


def tell(host: "Host", key: str, logins: "Sequence[str]", uid: int, gid: int) -> "Dict[str, str]":
    """Lay them down for one run of a user, and give the variables by which git finds them."""
    if not logins:
        return {}
    directory = _place(key)
    root = host.root
    root.mkdir(_DIRECTORY, 0o711)
    root.remove_tree(directory)
    root.mkdir(directory + "/git", 0o755, 0, 0)
    root.chmod(directory, 0o700)  # nobody's but root's until all is there
    store = directory + "/store"
    root.write_atomic(
        store, "".join(line + "\n" for line in logins).encode("utf-8"), 0o600, uid, gid, sync=False
    )
    config = '[credential]\n\thelper = "store --file=%s"\n' % root.host_path(store)
    root.write_atomic(directory + "/git/config", config.encode("utf-8"), 0o644, 0, 0, sync=False)
    root.chown(directory, uid, gid)
    return {"XDG_CONFIG_HOME": root.host_path(directory), "GIT_TERMINAL_PROMPT": "0"}


def forget(host: "Host", key: str) -> None:
    """Take away what `tell` laid down, in this run or in one that was cut off."""
    if host.root.exists(_place(key)):
        host.root.remove_tree(_place(key))


def _place(key: str) -> str:
    return "%s/%s" % (_DIRECTORY, "".join(letter if letter.isalnum() else "-" for letter in key) or "-")
