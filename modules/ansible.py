"""Ansible: install it, run galaxy's actions, pull playbooks, or set up a controller and run its plays.

Each run is a change of its own. Source of the options: ansible-pull(1) and ansible-playbook(1).
"""

from tsagent.changes import CONVERGED, DIFFERS, InstallByPip, InstallOneOf, Probe, RunProgram
from tsagent.changes.flags import is_on
from tsagent.changes.git_logins import parted
from tsagent.userdata.binary import as_text
from tsagent.web.urls import public

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Union

    from tsagent.changes.base import Change
    from tsagent.host import Host
    from tsagent.registry.context import Context, Nothing

# Options of `ansible` that `ansible-playbook` does not have: given, it would refuse to run at all.
_NOT_OF_PLAYBOOK = ("args", "background", "module_name", "poll", "sleep")
_SWITCHES = (
    "accept_host_key",
    "clean",
    "full",
    "diff",
    "verify_commit",
    "list_hosts",
    "syntax_check",
    "check",
)
_HINT = "see the ansible section of the user data"


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """Installation first, then whatever is to be run, each with the one thing it needs: the program."""
    settings = context.settings.get("ansible")
    if not isinstance(settings, dict) or not settings:
        return context.nothing("ansible has no settings")
    return _changes(context, as_text(settings))


def _changes(context: "Context", settings: "Dict[str, Any]") -> "Iterator[Change]":
    user = settings.get("run_user")
    installed: "List[Change]" = list(_install(context, settings, user))
    yield from installed
    env = {}
    if settings.get("ansible_config"):
        env["ANSIBLE_CONFIG"] = settings["ansible_config"]
    needs = installed[-1:]
    git = _git(context, settings)
    if git is not None:
        yield git
        needs = needs + [git]
    for index, words in enumerate(_actions(context, settings)):
        if words:
            what = "galaxy action %d: %s" % (index + 1, words[0].rsplit("/", 1)[-1])
            yield RunProgram(words, what, user, env=env, requires=needs)
    pulls = settings.get("pull") or []
    for index, pull in enumerate(pulls if isinstance(pulls, list) else [pulls]):
        place = "ansible.pull[%d]" % index if isinstance(pulls, list) else "ansible.pull"
        yield from _pull(context, place, pull, user, env, needs)
    controller = settings.get("setup_controller") or {}
    cloned: "List[Change]" = []
    for repository in controller.get("repositories") or []:
        clone = _clone(repository, user, needs)
        cloned.append(clone)
        yield clone
    for index, play in enumerate(controller.get("run_ansible") or []):
        place = "ansible.setup_controller.run_ansible[%d]" % index
        run = _play(context, place, play, user, env, needs + cloned)
        if run is not None:
            yield run


def _actions(context: "Context", settings: "Dict[str, Any]") -> "List[List[str]]":
    """Galaxy's actions; a list of words alone is one, as cloud-init's own documentation has it."""
    actions = (settings.get("galaxy") or {}).get("actions") or []
    if actions and all(isinstance(word, str) for word in actions):
        return [actions]
    commands: "List[List[str]]" = []
    for index, words in enumerate(actions):
        # A number without quotes is a word; half a command is none.
        if isinstance(words, list) and all(type(word) in (str, int, float) for word in words):
            commands.append([str(word) for word in words])
        else:
            context.warn("ansible.galaxy.actions[%d] is no list of words; it is not run" % index)
            commands.append([])
    return commands


def _install(context: "Context", settings: "Dict[str, Any]", user: "Optional[str]") -> "Iterator[Change]":
    package = settings.get("package_name")
    manager = context.facts.os.package_manager
    if settings.get("install_method") == "pip":
        pip: "Change" = InstallOneOf(
            ["python3-pip"], program="pip3", manager=manager, reason="install_method is pip"
        )
        pip.needs_live = True  # for what pip itself installs is
        yield pip
        yield InstallByPip(package or "ansible", user, requires=[pip], reason="install_method is pip")
        return
    # RHEL-like systems have only the core where EPEL is not set up; it brings all that is run here.
    names = [package] if package else ["ansible", "ansible-core"]
    install = InstallOneOf(names, program="ansible-pull", manager=manager)
    if manager == "apt" and context.commands != "chroot":
        install.needs_live = True
    yield install


def _git(context: "Context", settings: "Dict[str, Any]") -> "Optional[Change]":
    """What the repositories are fetched with, where some are."""
    pulls = settings.get("pull") or []
    pulls = pulls if isinstance(pulls, list) else [pulls]
    by_git = any((pull.get("module_name") or "git") == "git" for pull in pulls)
    if not by_git and not (settings.get("setup_controller") or {}).get("repositories"):
        return None
    manager = context.facts.os.package_manager
    git = InstallOneOf(["git"], program="git", manager=manager, reason="playbooks come from a repository")
    if manager == "apt" and context.commands != "chroot":
        git.needs_live = True
    return git


def _pull(
    context: "Context",
    place: str,
    pull: "Any",
    user: "Optional[str]",
    env: "Dict[str, str]",
    needs: "List[Change]",
) -> "Iterator[Change]":
    """One run a playbook: ansible before 2.12 takes several and runs the first of them alone."""
    playbooks = list(pull.get("playbook_names") or []) + str(pull.get("playbook_name") or "").split()
    if not pull.get("url") or not playbooks:
        context.warn("%s has no %s; it is not run" % (place, "playbook" if pull.get("url") else "url"))
        return
    login = ""
    if (pull.get("module_name") or "git") == "git":
        address, login = parted(pull["url"])
        pull = dict(pull, url=address)
    options = _options(context, place, pull, ("playbook_name", "playbook_names"))
    for playbook in playbooks:
        what = "pull and play %s of %s" % (playbook, public(pull["url"]))
        words = ["ansible-pull"] + options + ["--", playbook]
        logins = [login] if login else []
        yield RunProgram(words, what, user, env=env, hint=_HINT, logins=logins, requires=needs)


def _clone(repository: "Dict[str, str]", user: "Optional[str]", needs: "List[Change]") -> "Change":
    path = repository["path"].rstrip("/")

    def look(host: "Host") -> "Probe":
        there = host.root.exists(path + "/.git/index")  # which git writes when all else is there
        return Probe(CONVERGED, "%s is there" % path) if there else Probe(DIFFERS, "not cloned")

    what = "clone %s to %s" % (public(repository["source"]), path)
    address, login = parted(repository["source"])
    return RunProgram(
        ["git", "clone", "--quiet", "--", address, path],
        what,
        user,
        check=look,
        hint="git must be installed",
        leaves=path,
        logins=[login] if login else [],
        requires=needs,
    )


def _play(
    context: "Context",
    place: str,
    play: "Dict[str, Any]",
    user: "Optional[str]",
    env: "Dict[str, str]",
    needs: "List[Change]",
) -> "Optional[Change]":
    if not play.get("playbook_name") or not play.get("playbook_dir"):
        missing = "playbook_dir" if play.get("playbook_name") else "playbook_name"
        context.warn("%s has no %s; it is not run" % (place, missing))
        return None
    for key in _NOT_OF_PLAYBOOK:
        if play.get(key):
            context.warn("%s.%s is no option of ansible-playbook; left out" % (place, key))
    options = _options(context, place, play, ("playbook_name", "playbook_dir") + _NOT_OF_PLAYBOOK)
    return RunProgram(
        ["ansible-playbook"] + options + ["--", play["playbook_name"]],
        "play %s in %s" % (play["playbook_name"], play["playbook_dir"]),
        user,
        directory=play["playbook_dir"],
        env=env,
        hint=_HINT,
        requires=needs,
    )


def _options(context: "Context", place: str, given: "Dict[str, Any]", without: "Any") -> "List[str]":
    """The options of a mapping, in its order: `--name` for true, nothing for false."""
    words = []
    for key, value in given.items():
        if key in without or value is False or value is None:
            continue
        if isinstance(value, (dict, list)):
            context.warn("%s.%s is neither text nor a number; left out" % (place, key))
            continue
        if key in _SWITCHES:
            value = is_on(value)
            if not value:
                continue
        option = "--" + str(key).replace("_", "-")
        words.append(option if value is True else "%s=%s" % (option, value))
    return words
