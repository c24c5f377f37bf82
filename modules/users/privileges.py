"""What users may do as others: rules of sudo, and of doas where there is one."""

from tsagent.changes.credentials import WriteDoasRules, WriteSudoers
from tsagent.changes.files import EditFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional

    from tsagent.changes.accounts import CreateUser
    from tsagent.changes.base import Change
    from tsagent.registry.context import Context

SUDOERS = "/etc/sudoers"
DIRECTORY = "/etc/sudoers.d"
_DOAS = ("/usr/bin/doas", "/usr/local/bin/doas", "/etc/doas.conf")


def sudo_rules(
    context: "Context", asked: "List[Dict[str, Any]]", accounts: "Dict[str, CreateUser]"
) -> "Iterator[Change]":
    """One file of all rules, and the line by which sudo reads it, where an image has lost that."""
    rules = []
    for person in asked:
        value = person.get("sudo")
        if value is True:
            context.warn("users: %s: sudo: true says no rule; write one, as ALL=(ALL) ALL" % person["name"])
        for rule in value if isinstance(value, list) else [value]:
            if not isinstance(rule, str) or not rule.strip():
                continue
            if "\n" in rule.strip() or rule.strip().endswith("\\"):
                context.warn("users: %s: a sudo rule is more than one line; left out" % person["name"])
                continue
            rules.append("%s %s" % (person["name"], rule.strip()))
    if not rules:
        return
    if context.exists(SUDOERS):
        change = EditFile(SUDOERS, _including, "read %s" % DIRECTORY, reason="sudo: of users")
        if _including(context.read(SUDOERS)) != context.read(SUDOERS):
            yield change
    yield WriteSudoers(rules, reason="sudo: of users", requires=list(accounts.values()))


def _including(current: "Optional[bytes]") -> "Optional[bytes]":
    """sudoers with the line that reads the directory; `#includedir`, which every sudo knows."""
    for line in (current or b"").splitlines():
        words = line.split()
        if words[:1] in ([b"#includedir"], [b"@includedir"]) and words[1:2] == [DIRECTORY.encode("ascii")]:
            return current
    if current is None:
        return None
    return current.rstrip(b"\n") + b"\n#includedir " + DIRECTORY.encode("ascii") + b"\n"


def doas_rules(
    context: "Context", asked: "List[Dict[str, Any]]", accounts: "Dict[str, CreateUser]"
) -> "Iterator[Change]":
    """The rules of each user, where there is a doas or a distribution that has one."""
    rules: "List[str]" = []
    for person in asked:
        name = person["name"]
        own = [" ".join(str(rule).split()) for rule in person.get("doas") or []]
        strange = [rule for rule in own if _identity(rule) != name]
        if strange:
            context.warn(
                "users: %s: doas is left out: each rule must be permit or deny, and name this user" % name
            )
        else:
            rules += own
    if not rules:
        return
    debian = (context.facts.os.family or "").startswith("debian")
    if not debian and not any(context.exists(path) for path in _DOAS):
        context.warn("users: doas is left out: this system has no doas; give sudo rules")
        return
    yield WriteDoasRules(rules, reason="doas: of users", requires=list(accounts.values()))


def _identity(rule: str) -> "Optional[str]":
    """Whom a rule is about. Source: doas.conf(5): permit|deny [options] identity [as target] [cmd …]."""
    words = rule.split()
    if words[:1] not in (["permit"], ["deny"]):
        return None
    rest = words[1:]
    while rest and rest[0] in ("nopass", "nolog", "persist", "keepenv"):
        rest = rest[1:]
    if rest and rest[0] == "setenv":
        if "}" not in rest:
            return None
        rest = rest[rest.index("}") + 1 :]
    return rest[0] if rest else None
