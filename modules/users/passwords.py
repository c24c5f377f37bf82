"""Who gets which password: chpasswd and password of the user data, the users' own, the metadata's."""

import re

from tsagent.changes.credentials import SetPassword
from tsagent.errors import AgentError
from tsagent.people import good_name, switch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Tuple

    from tsagent.changes.accounts import CreateUser
    from tsagent.registry.context import Context

# A hash as crypt(5) writes it: a method between dollars, then salt and digest. A password that looks
# so is taken for one, as cloud-config always has it for chpasswd's list.
_HASH = re.compile(r"^\$(?:1|2[abxy]?|5|6|7|y|gy|sha1|md5)(?:\$[^$:\n]*){1,3}\Z")
_RANDOM = ("R", "RANDOM")


def passwords(
    context: "Context", default: str, accounts: "Dict[str, CreateUser]", asked: "List[Dict[str, Any]]"
) -> "List[SetPassword]":
    """One change a user: chpasswd wins over password:, that over the user's own, that over the metadata's."""
    chosen: "Dict[str, Dict[str, Any]]" = {}
    given = context.sensitive.get("password")
    if isinstance(given, str) and given:
        chosen[default] = dict(_typed(given), why="the password chosen with the instance")
    for person in asked:
        own = _own(context, person)
        if own:
            chosen[person["name"]] = dict(own, why="users:")
    section = context.settings.get("chpasswd")
    section = section if isinstance(section, dict) else {}
    expire = switch(section.get("expire", True)) is not False
    listed = list(_listed(context, section))
    password = context.settings.get("password")
    if isinstance(password, int) and not isinstance(password, bool):
        password = str(password)  # digits without quotes, as cloud-init takes them
    if isinstance(password, str) and password and (section.get("list") or section.get("users")):
        context.warn("password: is left out, because chpasswd: says who gets which password")
    elif isinstance(password, str) and password:
        chosen[default] = dict(_typed(password), why="password:", expire=expire)
    for name, fields in listed:
        chosen[name] = dict(fields, why="chpasswd:", expire=expire)
    changes = [_change(context, name, fields, accounts) for name, fields in chosen.items()]
    return [change for change in changes if change is not None]


def _change(
    context: "Context", name: str, fields: "Dict[str, Any]", accounts: "Dict[str, CreateUser]"
) -> "Optional[SetPassword]":
    why = fields.pop("why")
    for form in ("plain", "hashed"):
        if form in fields:
            fields[form] = fields[form].rstrip("\r\n")  # of a YAML block
    if not good_name(name):
        context.warn("%s %r cannot be the name of a user; left out" % (why, name))
        return None
    try:
        return SetPassword(name, reason=why, requires=[accounts[name]] if name in accounts else [], **fields)
    except AgentError as error:
        context.warn("%s %s; left out" % (why, error.message))
        return None


def _own(context: "Context", person: "Dict[str, Any]") -> "Optional[Dict[str, Any]]":
    """The password a user's entry gives. It is locked unless lock_passwd is false, and root's never is."""
    for field in ("hashed_passwd", "plain_text_passwd", "passwd"):
        if person.get(field) == "":
            context.warn(
                "users: %s: %s is empty; nobody is let in without a password" % (person["name"], field)
            )
    locked = person.get("lock_passwd", True) is not False and person["name"] != "root"
    if person.get("hashed_passwd"):
        return {"hashed": str(person["hashed_passwd"]), "locked": locked}
    if person.get("plain_text_passwd"):
        return {"plain": str(person["plain_text_passwd"]), "locked": locked}
    if person.get("passwd"):
        return {"hashed": str(person["passwd"]), "locked": locked, "only_if_unset": True}
    return None


def _listed(context: "Context", section: "Dict[str, Any]") -> "Iterator[Tuple[str, Dict[str, Any]]]":
    users = section.get("users")
    for item in users if isinstance(users, list) else []:
        if not isinstance(item, dict) or not item.get("name"):
            context.warn("chpasswd: an item of users has no name; left out")
            continue
        kind = item.get("type", "hash")
        if kind == "RANDOM":
            yield str(item["name"]), {"random": True}
        elif not item.get("password"):
            context.warn("chpasswd: %s is given no password; left out" % item["name"])
        else:
            yield str(item["name"]), {"plain" if kind == "text" else "hashed": str(item["password"])}
    lines = section.get("list")
    if isinstance(lines, str):
        lines = lines.splitlines()
    for line in lines if isinstance(lines, list) else []:
        name, colon, value = str(line).partition(":")
        if not str(line).strip():
            continue
        if not colon or not value:
            context.warn("chpasswd: a line of list is not NAME:PASSWORD; left out")
        elif value in _RANDOM:
            yield name.strip(), {"random": True}
        else:
            yield name.strip(), _typed(value)


def _typed(value: str) -> "Dict[str, Any]":
    value = value.rstrip("\r\n")
    return {"hashed": value} if _HASH.match(value) else {"plain": value}
