"""What is asked for under users:, user: and groups:, in every form it may be written, made one form.

Pure, and shared by the modules that do something for each user.
"""

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

    Warn = Callable[[str], None]

# What useradd takes, without what would be read as an option, a path or a field. Source: useradd(8).
_NAME = re.compile(r"^[A-Za-z0-9_.][A-Za-z0-9_.-]*\$?\Z")
_NAME_LETTERS = 32
_TEXTS = frozenset(
    ["name", "uid", "gecos", "homedir", "primary_group", "shell", "passwd", "hashed_passwd"]
    + ["plain_text_passwd", "expiredate", "inactive", "selinux_user", "snapuser"]
)
_SWITCHES = frozenset(
    ["no_create_home", "no_user_group", "no_log_init", "system", "lock_passwd", "ssh_redirect_user"]
    + ["create_groups"]
)
_LISTS = frozenset(["groups", "ssh_authorized_keys", "ssh_import_id", "doas", "sudo"])
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")


def good_name(name: "Any") -> bool:
    """Whether a text can be the name of a user or group."""
    return isinstance(name, str) and len(name) <= _NAME_LETTERS and bool(_NAME.match(name))


def switch(value: "Any") -> "Optional[bool]":
    """True or false as YAML 1.1 writers spell them; None for anything else, such as `unchanged`."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    return True if text in _TRUE else False if text in _FALSE else None


def words(value: "Any") -> "List[str]":
    """A list of names: a list, a comma-separated text, or the keys of a mapping."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, (list, tuple, dict)):
        return []
    names = [str(item).strip() for item in value]
    return list(dict.fromkeys(name for name in names if name))


def default_user(settings: "Dict[str, Any]") -> "Dict[str, Any]":
    """The image's default user with what `system_info:` and `user:` put over it; root where none is named."""
    base: "Dict[str, Any]" = {}
    system = settings.get("system_info")
    images = system.get("default_user") if isinstance(system, dict) else None
    for over in (settings.get("default_user"), images, settings.get("user")):
        if isinstance(over, str):
            over = {"name": over}
        if not isinstance(over, dict):
            continue
        over = _fields(over)
        if over.get("name", base.get("name")) != base.get("name"):
            base.pop("uid", None)
            base.pop("homedir", None)
        base.update(over)
    base.setdefault("name", "root")
    return base


def people(settings: "Dict[str, Any]", default: "Dict[str, Any]", warn: "Warn") -> "List[Dict[str, Any]]":
    """Every user asked for, once each, in the order they are first named; the default user is marked.

    The default user comes last, wherever it is named: the first free id goes to the first user of one's own.
    """
    found: "Dict[str, Dict[str, Any]]" = {}
    asked = list(_asked(settings.get("users", "default")))
    if settings.get("user") is not None:
        asked.append(("default", {}))
    for name, fields in asked:
        if fields.get("snapuser"):
            warn("users: snapuser is not for this system; left out")
            continue
        if name == "default":
            name, fields = default["name"], _over(default, fields)
            fields["default"] = True
        if not good_name(name):
            warn("users: %r cannot be the name of a user; left out" % (name,))
            continue
        found[name] = dict(_over(found.get(name, {}), fields), name=name)
    return sorted(found.values(), key=lambda person: bool(person.get("default")))


def _over(below: "Dict[str, Any]", above: "Dict[str, Any]") -> "Dict[str, Any]":
    """The fields of one user said in two places: the later wins, and groups of both are joined."""
    result = dict(below, **above)
    if below.get("groups") and above.get("groups"):
        result["groups"] = list(dict.fromkeys(words(below["groups"]) + words(above["groups"])))
    return result


def groups(settings: "Dict[str, Any]", warn: "Warn") -> "List[Tuple[str, List[str]]]":
    """Every group asked for with the members it is to have."""
    value = settings.get("groups")
    found: "Dict[str, List[str]]" = {}
    for item in value if isinstance(value, list) else [value]:
        pairs = item.items() if isinstance(item, dict) else [(name, None) for name in words(item)]
        for name, members in pairs:
            if not good_name(name):
                warn("groups: %r cannot be the name of a group; left out" % (name,))
                continue
            listed = found.setdefault(name, [])
            listed.extend(member for member in words(members) if member not in listed)
    return list(found.items())


def _asked(value: "Any") -> "Iterator[Tuple[str, Dict[str, Any]]]":
    if isinstance(value, dict):
        for name, fields in value.items():
            if isinstance(fields, dict):
                yield str(name), _fields(fields)
            elif fields is None or switch(fields):
                yield str(name), {}
        return
    for item in value if isinstance(value, list) else words(value):
        if isinstance(item, dict):
            fields = _fields(item)
            yield str(fields.pop("name", "")), fields
        else:
            for name in words(item):
                yield name, {}


def _fields(item: "Dict[str, Any]") -> "Dict[str, Any]":
    """The fields of a user under their present names: `lock-passwd` is `lock_passwd`.

    What is not of the right type is taken where it is clear what is meant, and left out where not: the
    user is made all the same. Validation has said so.
    """
    found: "Dict[str, Any]" = {}
    for key, value in item.items():
        name = str(key).replace("-", "_")
        if name in _TEXTS:
            value = _text(value)
        elif name in _SWITCHES:
            value = switch(value)
        elif name in _LISTS:
            value = _list(name, value)
        else:
            continue
        if value is not None or name == "sudo":
            found[name] = value
    return found


def _text(value: "Any") -> "Optional[str]":
    if value is None or isinstance(value, (bool, list, dict)):
        return None
    return str(value)


def _list(name: str, value: "Any") -> "Any":
    """A text or a list of texts; None for what is none of them."""
    if isinstance(value, list):
        return [item for item in value if isinstance(item, str)]
    if isinstance(value, dict) and name == "groups":
        return [str(group) for group in value]
    if isinstance(value, dict) and name == "ssh_authorized_keys":
        return [key for key in value.values() if isinstance(key, str)]
    return value if isinstance(value, str) or (isinstance(value, bool) and name == "sudo") else None
