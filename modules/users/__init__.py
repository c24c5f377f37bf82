"""Users and groups, what lets them in (keys, passwords), and what sudo lets them do.

The account comes first, then its groups, keys and password, so that nothing lets in a user whose account
is not whole. An account that exists keeps what it has; it only gets what is asked for beside.
"""

from tsagent.changes.accounts import AddToGroups, CreateGroup, CreateUser
from tsagent.changes.authorized_keys import AuthorizedKeys
from tsagent.changes.base import Later
from tsagent.changes.credentials import LockPassword, UnlockPassword
from tsagent.changes.files import EditFile, WriteFile
from tsagent.changes.ssh import ReloadSshServer
from tsagent.changes.ssh_text import (
    keys_file,
    parse_public_key,
    reads_drop_ins,
    set_sshd_option,
    sshd_option,
    with_options,
)
from tsagent.errors import AgentError
from tsagent.people import default_user, good_name, groups, people, switch, words

from .passwords import passwords
from .privileges import doas_rules, sudo_rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, Iterator, List, Optional, Set, Tuple, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context

SSHD_CONFIG = "/etc/ssh/sshd_config"
SSHD_DIRECTORY = "/etc/ssh/sshd_config.d"
# sshd takes the first value it reads: ahead of the distribution's and other agents' 50-*, behind an
# administrator's 01-* to 39-*.
SSHD_DROP_IN = "40-tsagent.conf"
_REDIRECT = (
    "no-port-forwarding,no-agent-forwarding,no-X11-forwarding,"
    'command="echo \'Please login as the user \\"$USER\\" rather than the user \\"$DISABLE_USER\\".\';'
    'echo;sleep 10;exit 142"'
)


def plan(context: "Context") -> "Iterator[Change]":
    """Plan groups, then each user, then what crosses users: sudo, root's login, sshd."""
    default = default_user(context.settings)
    asked = people(context.settings, default, context.warn)
    members = groups(context.settings, context.warn)
    name = context.choose(
        "default_user",
        default["name"],
        "user: in the user data" if context.settings.get("user") else "the image's configuration",
    )
    for group, _ in members:
        yield CreateGroup(group, reason="groups:")
    accounts: "Dict[str, CreateUser]" = {}
    for person in asked:
        accounts[person["name"]] = _account(context, person)
        yield from _person(context, person, accounts[person["name"]])
    yield from _members(context, members, accounts)
    inside: "List[AuthorizedKeys]" = []
    yield from _access(context, asked, accounts, default, inside)
    given = passwords(context, name, accounts, asked)
    yield from _locks(context, asked, accounts, {change.user for change in given}, inside)
    yield from given
    yield from sudo_rules(context, asked, accounts)
    yield from doas_rules(context, asked, accounts)
    yield from _password_login(context)


def _account(context: "Context", person: "Dict[str, Any]") -> CreateUser:
    group = person.get("primary_group") or None
    if group is not None and not good_name(group):
        context.warn("users: %s: %r cannot be the name of a group; left out" % (person["name"], group))
        group = None
    uid = person.get("uid")
    if uid is not None and not str(uid).isdigit():
        context.warn("users: %s: uid is not a number; the next free one is taken" % person["name"])
    return CreateUser(
        person["name"],
        uid=int(uid) if uid is not None and str(uid).isdigit() else None,
        gecos=" ".join(str(person.get("gecos") or "").replace(":", " ").split()),
        home=person.get("homedir"),
        primary_group=group,
        create_home=not (person.get("no_create_home") or person.get("system")),
        user_group=not person.get("no_user_group"),
        log_init=not person.get("no_log_init"),
        system=bool(person.get("system")),
        shell=person.get("shell"),
        expire_date=str(person["expiredate"]) if person.get("expiredate") else None,
        inactive=str(person["inactive"]) if person.get("inactive") is not None else None,
        selinux_user=person.get("selinux_user"),
        reason="the default user" if person.get("default") else "users:",
    )


def _person(context: "Context", person: "Dict[str, Any]", account: CreateUser) -> "Iterator[Change]":
    """The account of one user and its groups. Keys and passwords come later."""
    name = person["name"]
    wanted = []
    for group in words(person.get("groups")):
        if good_name(group):
            wanted.append(group)
        else:
            context.warn("users: %s: %r cannot be the name of a group; left out" % (name, group))
    if person.get("create_groups", True):
        primary = [account.primary_group] if account.primary_group else []
        for group in primary + wanted:
            made = CreateGroup(group, reason="groups of %s" % name)
            if group == account.primary_group:
                account.requires.append(made)
            yield made
    yield account
    if wanted:
        yield AddToGroups(name, wanted, reason="groups of %s" % name, requires=[account])


def _members(
    context: "Context", asked: "List[Tuple[str, List[str]]]", accounts: "Dict[str, CreateUser]"
) -> "Iterator[Change]":
    """The members that groups: names."""
    present = _names(context, "/etc/passwd")
    for group, members in asked:
        for member in members:
            if member in accounts or member in present:
                needs = [accounts[member]] if member in accounts else []
                yield AddToGroups(member, [group], reason="groups:", requires=needs)
            else:
                context.warn("groups: %s: there is no user %s" % (group, member))


def _access(
    context: "Context",
    asked: "List[Dict[str, Any]]",
    accounts: "Dict[str, CreateUser]",
    default: "Dict[str, Any]",
    inside: "List[AuthorizedKeys]",
) -> "Iterator[Change]":
    """Keys: each user's own, and the instance's for the default user and root.

    `inside` is given the changes that let in somebody beside root.
    """
    settings = context.settings
    # The user data's own first, then those of the metadata.
    cloud = _lines(settings.get("ssh_authorized_keys"))
    if switch(settings.get("allow_public_ssh_keys")) is not False:
        cloud += _lines(context.instance.get("public_keys"))
    cloud = _keys(context, "the instance", cloud)
    chosen = [person["name"] for person in asked if person.get("default")]
    root_keys: "List[str]" = []
    for person in asked:
        name = person["name"]
        own = _keys(context, name, _lines(person.get("ssh_authorized_keys")))
        if person.get("ssh_redirect_user"):
            if own:
                context.warn(
                    "users: %s: ssh_authorized_keys is left out: ssh_redirect_user lets nobody in" % name
                )
            if name == "root" or not chosen or chosen[0] == name:
                context.warn("users: %s: ssh_redirect_user is left out: there is nobody to send to" % name)
            elif cloud:
                lines = _disabled(cloud, _REDIRECT, chosen[0], name)
                yield _authorize(context, accounts[name], lines, True, "ssh_redirect_user")
            continue
        if name == "root":
            root_keys = own
            continue
        keys = own + [key for key in cloud if name in chosen and key not in own]
        if keys:
            change = _authorize(context, accounts[name], keys, False, "keys of %s" % name)
            inside.append(change)
            yield change
    root = accounts.get("root") or CreateUser("root")
    wants = switch(settings.get("disable_root"))
    disable = wants if wants is not None else default["name"] != "root"
    if disable and not inside:
        disable = False
        if wants:
            context.warn("disable_root: no other user has a key, so root's login is left as it is")
    cloud = [key for key in cloud if key not in root_keys]
    if (cloud or root_keys) and "root" not in accounts:
        yield root
    if disable and cloud:
        # Only once the others' keys are in place, and never those that users: gives to root itself.
        options = settings.get("disable_root_opts")
        options = " ".join(options.split()) if isinstance(options, str) and options.strip() else _REDIRECT
        user = next((name for name in chosen if name != "root"), inside[0].user)
        lines = _disabled(cloud, options, user, "root")
        yield _authorize(context, root, lines, True, "disable_root", inside)
    let_in = root_keys if disable else root_keys + cloud
    if let_in:
        yield _authorize(context, root, let_in, False, "keys of root")


def _locks(
    context: "Context",
    asked: "List[Dict[str, Any]]",
    accounts: "Dict[str, CreateUser]",
    given: "Set[str]",
    inside: "List[AuthorizedKeys]",
) -> "Iterator[Change]":
    """lock_passwd, for those who are given no password here: one that the image gave is put out of use."""
    for person in asked:
        name, wanted = person["name"], person.get("lock_passwd")
        if name in given:
            continue
        if wanted is False:
            yield UnlockPassword(name, "lock_passwd", [accounts[name]])
        elif name != "root":
            yield LockPassword(name, "lock_passwd", [accounts[name]])
        elif wanted and inside:
            yield LockPassword("root", "lock_passwd", inside)
        elif wanted:
            context.warn("users: root: lock_passwd is left out: no other user has a key")


def _authorize(
    context: "Context",
    account: CreateUser,
    keys: "List[str]",
    override: bool,
    reason: str,
    requires: "Iterable[Change]" = (),
) -> AuthorizedKeys:
    path = _key_file(context, account)
    return AuthorizedKeys(account.name, keys, path, override, reason, [account] + list(requires))


def _key_file(context: "Context", account: CreateUser) -> "Union[str, Later]":
    """Where sshd looks for the user's keys."""
    path = keys_file(context.read(SSHD_CONFIG), account.name)
    return Later(account, "home", "%s" + path[2:]) if path.startswith("%h/") else path


def _lines(value: "Any") -> "List[str]":
    """Keys as lines, whether given as a text of several or a list."""
    items = value if isinstance(value, list) else [value] if isinstance(value, str) else []
    return [line.strip() for item in items for line in str(item).splitlines() if line.strip()]


def _keys(context: "Context", whose: str, lines: "List[str]") -> "List[str]":
    good = [line for line in dict.fromkeys(lines) if parse_public_key(line) is not None]
    bad = len([line for line in lines if not line.startswith("#")]) - len(good)
    if any(parse_public_key(line) is None and not line.startswith("#") for line in lines):
        context.warn("%d ssh key(s) of %s are not public keys; left out" % (max(bad, 1), whose))
    return good


def _disabled(keys: "List[str]", options: str, user: str, instead: str) -> "List[str]":
    """The keys, turned into ones that only say whom to log in as."""
    options = options.replace("$USER", user).replace("$DISABLE_USER", instead)
    lines = [with_options(key, options) for key in keys]
    return [line for line in dict.fromkeys(lines) if line is not None]


def _password_login(context: "Context") -> "Iterator[Change]":
    """ssh_pwauth: whether sshd takes passwords."""
    wanted = context.settings.get("ssh_pwauth")
    if wanted is None or str(wanted).strip().lower() in ("unchanged", ""):
        return
    on = switch(wanted)
    if on is None:
        context.warn("ssh_pwauth: expected true or false; sshd is left as it is")
        return
    config = context.read(SSHD_CONFIG)
    if config is None:
        context.warn("ssh_pwauth: there is no %s" % SSHD_CONFIG)
        return
    value = "yes" if on else "no"
    option = "PasswordAuthentication"
    if reads_drop_ins(config, option):
        for name in context.listdir(SSHD_DIRECTORY):
            if name < SSHD_DROP_IN and name.endswith(".conf"):
                said = sshd_option(context.read("%s/%s" % (SSHD_DIRECTORY, name)), option)
                if said is not None and said.lower() != value:
                    context.warn("ssh_pwauth: %s/%s says %s %s first" % (SSHD_DIRECTORY, name, option, said))
        path = "%s/%s" % (SSHD_DIRECTORY, SSHD_DROP_IN)
        text = "# Made by tsagent from ssh_pwauth.\n%s %s\n" % (option, value)
        change: "Change" = WriteFile(path, text, 0o600, "root", "root", reason="ssh_pwauth")
    else:

        def edit(current: "Optional[bytes]") -> "Optional[bytes]":
            return set_sshd_option(current, option, value)

        change = EditFile(SSHD_CONFIG, edit, "%s %s" % (option, value), reason="ssh_pwauth")
    yield change
    yield ReloadSshServer("ssh_pwauth", [change])


def _names(context: "Context", path: str) -> "List[str]":
    try:
        data = context.read(path) or b""
    except OSError as error:
        raise AgentError("%s: %s" % (path, error.strerror), "os-error") from None
    return [line.split(":", 1)[0] for line in data.decode("utf-8", "replace").splitlines()]
